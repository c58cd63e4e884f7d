//! The states of the error page.

use std::time::Duration;

use actix_web::{http::StatusCode, test::TestRequest};

use super::{
    message::{ErrorMessage, message_for, message_for_refusal},
    page::ErrorPage,
    web_error::WebError,
};
use crate::{
    error::Error,
    web::{
        csrf::FormRefusal,
        received_form::{FormPage, ReceivedForm},
        sample::{PageState, Sample},
    },
};

pub(in crate::web) fn all(sample: &Sample) -> Vec<PageState> {
    // Its page can be opened again.
    let form = ReceivedForm { page: Some(FormPage::At("/account/sessions")), ..ReceivedForm::default() };
    let request = TestRequest::default().app_data(form).to_http_request();
    let error = |name, status, error: Option<WebError>| {
        page(sample, name, status, message_for(sample.words, &request, status, error.as_ref()))
    };
    let failed = |error| Some(WebError::from(error));
    let busy = Error::Busy { retry_after: Duration::from_secs(3) };
    let incomplete = Error::Incomplete(String::new());
    let mut states = vec![
        error("error-400", StatusCode::BAD_REQUEST, None),
        error("error-400-not-utf8", StatusCode::BAD_REQUEST, Some(WebError::NotUtf8)),
        error("error-401", StatusCode::UNAUTHORIZED, None),
        error("error-403-password", StatusCode::FORBIDDEN, Some(WebError::PasswordChangeRequired)),
        error("error-404", StatusCode::NOT_FOUND, None),
        error("error-404-session", StatusCode::NOT_FOUND, Some(WebError::NoSuchSession)),
        error("error-405", StatusCode::METHOD_NOT_ALLOWED, None),
        error("error-408", StatusCode::REQUEST_TIMEOUT, None),
        error("error-413", StatusCode::PAYLOAD_TOO_LARGE, None),
        error("error-500", StatusCode::INTERNAL_SERVER_ERROR, None),
        error("error-500-incomplete", StatusCode::INTERNAL_SERVER_ERROR, failed(incomplete)),
        error("error-503", StatusCode::SERVICE_UNAVAILABLE, None),
        error("error-503-unreadable", StatusCode::SERVICE_UNAVAILABLE, None),
        error("error-503-busy", StatusCode::SERVICE_UNAVAILABLE, failed(busy)),
    ];
    states.extend(REFUSALS.map(|(name, refusal)| {
        let message = message_for_refusal(sample.words, &request, refusal, Some(&sample.context()));
        page(sample, name, StatusCode::FORBIDDEN, message)
    }));
    states
}

const REFUSALS: [(&str, FormRefusal); 6] = [
    ("error-403-outdated", FormRefusal::WrongToken),
    ("error-403-former-session", FormRefusal::FormerSid),
    ("error-403-no-cookie", FormRefusal::NoCookie),
    ("error-403-not-https", FormRefusal::NotOverHttps),
    ("error-403-unknown-cookie", FormRefusal::UnknownCookie),
    ("error-403-two-cookies", FormRefusal::TwoCookies),
];

/// The states in which the server does not know the user.
const WITHOUT_USER: [&str; 6] = [
    "error-401",
    "error-403-no-cookie",
    "error-403-not-https",
    "error-403-unknown-cookie",
    "error-403-two-cookies",
    "error-503-unreadable",
];

fn page(sample: &Sample, name: &'static str, status: StatusCode, message: ErrorMessage) -> PageState {
    let frame = if WITHOUT_USER.contains(&name) { sample.anonymous() } else { sample.page() };
    let id = if status.is_server_error() { "0198f3a2-7c11-7d5e-9a40-2f6b1c8d7e90" } else { "" };
    PageState::new(name, &ErrorPage::new(frame, status, message, id.to_owned()))
}
