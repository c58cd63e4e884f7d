//! Bodies that come in time.

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

/// How long a form may take to arrive: as long as a request's head.
const PATIENCE: Duration = Duration::from_secs(5);

/// Middleware: reads a form whole before anything else happens. Actix waits for a body as long as the client likes.
pub(crate) async fn in_time<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    if request.method() == Method::POST {
        let refusal = match time::timeout(PATIENCE, request.extract::<Bytes>()).await {
            Ok(Ok(body)) => {
                request.set_payload(Payload::from(body));
                None
            }
            Ok(Err(error)) => Some(error.as_response_error().status_code()),
            Err(_) => Some(StatusCode::REQUEST_TIMEOUT),
        };
        if let Some(status) = refusal {
            // What is left of the body would be taken for the next request.
            let answer = HttpResponse::build(status).force_close().finish();
            return Ok(request.into_response(answer).map_into_right_body());
        }
    }
    Ok(next.call(request).await?.map_into_left_body())
}
