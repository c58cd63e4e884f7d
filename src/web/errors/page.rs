//! The error page, for people.

use std::borrow::Cow;

use actix_web::{HttpMessage, HttpRequest, http::StatusCode};
use askama::Template;

use super::message::{ErrorMessage, Link};
use crate::{
    web::{
        page::{ErrorPageContext, Page},
        request_id::RequestId,
    },
    words::Words,
};

#[derive(Template)]
#[template(path = "error.html")]
pub(super) struct ErrorPage {
    page: Page,
    status: String,
    title: &'static str,
    message: Cow<'static, str>,
    request_id: String,
    link: Option<Link>,
}

impl ErrorPage {
    pub fn new(page: Page, status: StatusCode, message: ErrorMessage, request_id: String) -> Self {
        let ErrorMessage { title, message, link } = message;
        Self { page, status: status.as_u16().to_string(), title, message, request_id, link }
    }
}

/// A signed-in user's error page has the sign-out form, as every page has (ASVS 7.4.4).
pub(super) fn page(
    words: Words,
    request: &HttpRequest,
    context: Option<&ErrorPageContext>,
    status: StatusCode,
    message: ErrorMessage,
) -> String {
    // Only server errors carry it: the responses to unknown and to foreign session ids must be identical.
    let request_id =
        request.extensions().get::<RequestId>().filter(|_| status.is_server_error()).map(RequestId::to_string);
    let title = message.title;
    let page = context.and_then(|context| context.0.page(words)).unwrap_or_else(|| Page::anonymous(words));
    ErrorPage::new(page, status, message, request_id.unwrap_or_default()).render().unwrap_or_else(|error| {
        tracing::error!(%error, "could not render the error page");
        title.to_owned()
    })
}
