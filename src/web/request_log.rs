//! One log line per request.
//!
//! Health checks that succeed are logged at debug: monitors send one every few seconds.

use std::time::Instant;

use actix_web::{
    Error, HttpMessage,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{
        StatusCode,
        header::{HeaderName, HeaderValue},
    },
    middleware::Next,
};
use tracing::{Level, field};

use super::{request_id::RequestId, session::RequestSession};

const HEALTH_CHECKS: [&str; 2] = ["/healthz", "/readyz"];

/// Middleware: logs each request when its response is ready: the path without its query, which may hold a token, and
/// the session by its id, never by its sid.
pub(crate) async fn log_requests<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let (started, id) = (Instant::now(), RequestId::next());
    let (method, path) = (request.method().clone(), request.path().to_owned());
    request.extensions_mut().insert(id);
    let mut response = next.call(request).await;

    let status =
        response.as_ref().map_or_else(|error| error.as_response_error().status_code(), ServiceResponse::status);
    let session = response.as_ref().ok().and_then(|response| RequestSession::of(response.request()));
    let session_id = session.as_ref().and_then(RequestSession::log_session);
    let client = session.as_ref().and_then(RequestSession::ip_address);
    if let Ok(response) = &mut response {
        let value = HeaderValue::from_str(&id.to_string());
        value.map(|value| response.headers_mut().insert(HeaderName::from_static("x-request-id"), value)).ok();
    }
    write(&Line { id, method: method.as_str(), path: &path, status, started, session_id, client });
    response
}

struct Line<'a> {
    id: RequestId,
    method: &'a str,
    path: &'a str,
    status: StatusCode,
    started: Instant,
    session_id: Option<crate::sessions::SessionId>,
    client: Option<std::net::IpAddr>,
}

fn write(line: &Line<'_>) {
    let micros = u64::try_from(line.started.elapsed().as_micros()).unwrap_or(u64::MAX);
    macro_rules! log {
        ($level:expr) => {
            tracing::event!(
                $level,
                request_id = %line.id,
                method = line.method,
                path = line.path,
                status = line.status.as_u16(),
                micros,
                session_id = line.session_id.map(field::display),
                client = line.client.map(field::display),
                "request"
            )
        };
    }
    if HEALTH_CHECKS.contains(&line.path) && line.status.is_success() {
        log!(Level::DEBUG);
    } else {
        log!(Level::INFO);
    }
}
