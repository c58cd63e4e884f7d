//! The guard: who is not signed in goes no further.

use actix_web::{
    Error,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    middleware::Next,
};

use super::{errors, session::RequestSession};

/// Middleware: lets signed-in requests pass. Others are sent to sign in (pages) or told so (`/api/…`); while the session
/// can't be read, nobody passes and nobody is sent away.
///
/// It stands inside the session layer: wrap with `from_fn(require_sign_in)` first, with the layer after it.
pub async fn require_sign_in<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let visit = RequestSession::of(request.request());
    if visit.as_ref().is_some_and(|visit| visit.current().is_some()) {
        return next.call(request).await.map(ServiceResponse::map_into_left_body);
    }
    let response = match visit.and_then(|visit| visit.take_read_error()) {
        Some(error) => errors::of_session(request.request(), error),
        None => errors::not_signed_in(request.request()),
    };
    Ok(request.into_response(response).map_into_right_body())
}
