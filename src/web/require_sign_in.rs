//! Rejects requests that are not signed in.

use actix_web::{
    Error,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    middleware::Next,
};

use super::{errors, session::RequestSession};

/// Middleware: lets signed-in requests pass. Others are redirected to sign in (pages) or get a 401 (`/api/…`); a 503
/// while the session can't be read.
///
/// It runs inside the session layer: wrap with `from_fn(require_sign_in)` first, then with the layer.
pub async fn require_sign_in<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let session = RequestSession::of(request.request());
    if session.as_ref().is_some_and(|session| session.current().is_some()) {
        return next.call(request).await.map(ServiceResponse::map_into_left_body);
    }
    let response = match session.and_then(|session| session.read_error()) {
        Some(error) => errors::session_error_response(request.request(), error),
        None => errors::not_signed_in(request.request()),
    };
    Ok(request.into_response(response).map_into_right_body())
}
