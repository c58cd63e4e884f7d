//! Responses to requests that never reach a handler: the HTTP layer could not read them.

use std::{fmt::Write as _, time::Duration};

use actix_web::http::{
    StatusCode,
    header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
};
use chrono::Utc;

use super::{AppState, errors, headers, request_id::RequestId};

/// A whole response, with the headers of all others and problem details (RFC 9457) as its body, after which the
/// connection closes. The request id is also a header of it. With `retry_after`, the request was not wrong, but too many
/// like it came at the same time.
pub(crate) fn bare_response(state: &AppState, status: StatusCode, retry_after: Option<Duration>) -> (String, Vec<u8>) {
    let body = errors::bare_problem(status, retry_after.is_some());
    let request_id = RequestId::next().to_string();
    let mut fields = HeaderMap::new();
    headers::add_missing(&mut fields, state.hsts);
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            fields.insert(name, value);
        }
    };
    set(CONNECTION, "close");
    set(CONTENT_TYPE, "application/problem+json");
    set(CONTENT_LENGTH, &body.len().to_string());
    if let Some(after) = retry_after {
        set(RETRY_AFTER, &after.as_secs().max(1).to_string());
    }
    set(DATE, &Utc::now().format("%a, %d %b %Y %H:%M:%S GMT").to_string());
    set(HeaderName::from_static("x-request-id"), &request_id);
    let mut response = format!("HTTP/1.1 {} {}\r\n", status.as_u16(), status.canonical_reason().unwrap_or_default());
    for (name, value) in &fields {
        // Writing to a String never fails, and all values are ASCII.
        let _ = write!(response, "{name}: {}\r\n", value.to_str().unwrap_or_default());
    }
    response.push_str("\r\n");
    response.push_str(&body);
    (request_id, response.into_bytes())
}
