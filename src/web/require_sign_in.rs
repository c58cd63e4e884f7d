//! Rejects requests that are not signed in.

use actix_web::{
    HttpRequest, HttpResponse,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    middleware::Next,
};

use super::{errors, password_change, repeated_proof, session::RequestSession};
use crate::error::Error;

/// Middleware: lets signed-in requests pass. Others are redirected to sign in (pages) or get a 401 (`/api/…`); a 503
/// while the session can't be read. Requests of a user who must change their password first are redirected to the page
/// for that, or get a 403 whose `type` is `urn:keyrack:password-change-required`.
///
/// It runs inside the session layer: wrap with `from_fn(require_sign_in)` first, then with the layer.
pub async fn require_sign_in<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    if let Err(error) = repeated_proof::continue_session(&request).await {
        let response = errors::session_error_response(request.request(), error);
        return Ok(request.into_response(response).map_into_right_body());
    }
    match refuse_without_sign_in(request.request()) {
        Some(response) => Ok(request.into_response(response).map_into_right_body()),
        None => next.call(request).await.map(ServiceResponse::map_into_left_body),
    }
}

/// Middleware for the routes that a user may use who must change their password first: like [`require_sign_in`], but
/// lets such requests pass.
pub(crate) async fn allow_password_change<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    password_change::allow(request.request());
    require_sign_in(request, next).await
}

/// The response to a request that is not signed in; `None` if it is.
pub(super) fn refuse_without_sign_in(request: &HttpRequest) -> Option<HttpResponse> {
    let session = RequestSession::of(request);
    match session.as_ref().and_then(RequestSession::live) {
        Some(live) if live.must_change_password && !password_change::is_allowed(request) => {
            return Some(errors::password_change_required(request));
        }
        Some(_) => return None,
        None => {}
    }
    let error = session.as_ref().and_then(RequestSession::read_error);
    let error = error.or_else(|| session.as_ref().and_then(|session| unrecorded_end(request, session)));
    Some(match error {
        Some(error) => errors::session_error_response(request, error),
        None => errors::not_signed_in(request),
    })
}

/// The error of a change whose session has ended while the journal of ends can't be written. The change may be a
/// sign-out that got a 503 and is tried again: an answer as to someone who is signed out would confirm it.
fn unrecorded_end(request: &HttpRequest, session: &RequestSession) -> Option<Error> {
    let is_repeated = !request.method().is_safe() && session.cookie_sid().is_some();
    is_repeated.then(|| session.state().sessions.check_recorded_ends().err()).flatten()
}
