//! Timeout for request bodies.

use std::time::Duration;

use actix_web::{
    Error, HttpResponse,
    body::{EitherBody, MessageBody},
    dev::{Payload, ServiceRequest, ServiceResponse},
    http::{Method, StatusCode},
    middleware::Next,
    web::Bytes,
};
use tokio::time;

/// The same as for a request's head.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// Middleware: reads the whole body of a POST before anything else happens. Actix itself waits for a body without a
/// limit.
pub(crate) async fn body_timeout<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    if request.method() != Method::POST {
        return next.call(request).await.map(ServiceResponse::map_into_left_body);
    }
    let status = match time::timeout(BODY_TIMEOUT, request.extract::<Bytes>()).await {
        Ok(Ok(body)) => {
            request.set_payload(Payload::from(body));
            return next.call(request).await.map(ServiceResponse::map_into_left_body);
        }
        Ok(Err(error)) => error.as_response_error().status_code(),
        Err(_) => StatusCode::REQUEST_TIMEOUT,
    };
    // Otherwise the rest of the body would be taken for the next request.
    let response = HttpResponse::build(status).force_close().finish();
    Ok(request.into_response(response).map_into_right_body())
}
