//! Error responses: pages for people, problem details (RFC 9457) for programs.
//!
//! Handlers return [`WebError`], which becomes a response without a body. `render_errors.rs` fills the body in, since it
//! knows the request. Users see a sentence that says what to do; the chain of causes is logged here, once.

mod api_message;
mod location;
mod message;
mod page;
mod problem;
mod render;
pub(super) mod states;
mod web_error;

use actix_web::{
    HttpMessage, HttpRequest, HttpResponse,
    cookie::Cookie,
    http::{StatusCode, header::LOCATION},
    web::Data,
};

use super::{app_state::AppState, bound::UnprovedSession, password_change::password_page, received_form::page_of_form};
use crate::error::Error;

pub(super) use location::{is_api, reauth_page};
use location::{sign_in_page, target};
pub(super) use problem::bare_problem;
pub(super) use render::render;
pub(crate) use web_error::WebError;

/// The response when the session could not be read or written.
pub(super) fn session_error_response(request: &HttpRequest, error: Error) -> HttpResponse {
    match error {
        Error::SessionEnded | Error::PasswordUsedUp => not_signed_in(request),
        error => render(request, HttpResponse::from_error(WebError::from(error))),
    }
}

/// Sends people to the page that asks for the password, and from there back to where they were going; programs get a
/// 403.
pub(super) fn proof_required(request: &HttpRequest) -> HttpResponse {
    if is_api(request) {
        return render(request, HttpResponse::from_error(WebError::ProofRequired { page: None }));
    }
    // A GET after the proof would not repeat a change.
    let next = if request.method().is_safe() { target(request) } else { "/account/sessions" };
    HttpResponse::SeeOther().insert_header((LOCATION, reauth_page(next, None))).finish()
}

/// Sends people to the page that changes the password, and from there back to where they were going; programs get a
/// 403.
pub(super) fn password_change_required(request: &HttpRequest) -> HttpResponse {
    if is_api(request) {
        return render(request, HttpResponse::from_error(WebError::PasswordChangeRequired));
    }
    // A GET after the change would not repeat another change.
    let next = if request.method().is_safe() { target(request) } else { "" };
    HttpResponse::SeeOther().insert_header((LOCATION, password_page(next))).finish()
}

/// Redirects people to the sign-in page, and from there back to where they were going; programs get a 401.
pub(super) fn not_signed_in(request: &HttpRequest) -> HttpResponse {
    if is_api(request) {
        let is_unproved = request.extensions().contains::<UnprovedSession>();
        let unproved = || HttpResponse::from_error(WebError::NoBrowserProof);
        return render(request, if is_unproved { unproved() } else { HttpResponse::new(StatusCode::UNAUTHORIZED) });
    }
    let mut response = HttpResponse::SeeOther().insert_header((LOCATION, sign_in_page(request))).finish();
    if let Some(notice) = notice_of_unmade_change(request)
        && let Err(error) = response.add_cookie(&notice)
    {
        tracing::error!(%error, "the notice about a change that was not made was not sent");
    }
    response
}

/// The cookie by which the page after the sign-in says that the form was not handled. Not for a form that another site
/// has sent, and not for the one that signs out, which leaves nothing to do.
fn notice_of_unmade_change(request: &HttpRequest) -> Option<Cookie<'static>> {
    let state = request.app_data::<Data<AppState>>().filter(|_| !request.method().is_safe())?;
    let is_own_form = page_of_form(request).is_some() && state.csrf.is_own_origin(request.headers());
    is_own_form.then(|| state.flash.unmade_change(state.clock.now()))
}
