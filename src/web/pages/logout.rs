//! `/logout`: ends the current session.

pub(in crate::web) mod states;

use actix_session::Session;
use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{HeaderName, HeaderValue},
    },
};
use askama::Template;

use super::{html, see_other};
use crate::{
    web::{SignedIn, csrf_form::CsrfOnlyForm, errors::WebError, page::Page},
    words::Words,
};

#[derive(Template)]
#[template(path = "logout.html")]
struct LogoutPage {
    page: Page,
    csrf_token: String,
    user: String,
}

/// `GET /logout`: asks for a press of the button, since a link to it must not sign anyone out.
pub(crate) async fn show(session: SignedIn, words: Words) -> Result<HttpResponse, WebError> {
    let csrf_token = session.csrf_token()?;
    let user = session.user.display_name();
    html(words, StatusCode::OK, &LogoutPage { page: Page::of(&session, &csrf_token, words), csrf_token, user })
}

/// `POST /logout`: purges the session. The session layer ends it after the handler, before the response is sent.
pub(crate) async fn submit(session: Session, _: CsrfOnlyForm) -> HttpResponse {
    session.purge();
    signed_out_response()
}

/// Redirects to the sign-in page, and clears the browser's cache. Not `"cookies"`, which would delete the whole
/// domain's.
pub(super) fn signed_out_response() -> HttpResponse {
    let mut response = see_other("/login");
    clear_site_data(&mut response);
    response
}

/// Clears what the browser has stored of this site. Without `cache`, Chromium's Back button would show the page of the ended
/// session from memory, where no script prevents it.
pub(super) fn clear_site_data(response: &mut HttpResponse) {
    response
        .headers_mut()
        .insert(HeaderName::from_static("clear-site-data"), HeaderValue::from_static("\"cache\", \"storage\""));
}
