//! Security headers (ASVS 3.4, 14.3).

use actix_web::{
    Error, HttpResponse,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    error::InternalError,
    http::header::{HeaderMap, HeaderName, HeaderValue},
    middleware::Next,
    web::Data,
};

use super::app_state::AppState;

/// Pages load and post to this origin only, and can't be framed.
const SECURITY_HEADERS: [(&str, &str); 6] = [
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action \
         'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    // `no-referrer` would make same-origin form posts send `Origin: null`.
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "geolocation=(), camera=(), microphone=()"),
];

/// Keeps search engines from listing pages, also those that other sites link to: a crawler reads this only if it may
/// fetch the page, so there is no robots.txt that forbids that.
const ROBOTS: (&str, &str) = ("x-robots-tag", "noindex, nofollow");

/// Middleware: adds the headers that the response has not set itself.
pub(crate) async fn security_headers<B: MessageBody + 'static>(
    state: Data<AppState>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let hsts = state.hsts;
    let is_page = !request.path().starts_with("/api/");
    match next.call(request).await {
        Ok(mut response) => {
            add_missing(response.headers_mut(), hsts);
            if is_page {
                let (name, value) = ROBOTS;
                response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            Ok(response)
        }
        Err(error) => {
            let mut response: HttpResponse = error.error_response();
            add_missing(response.headers_mut(), hsts);
            Err(InternalError::from_response(error, response).into())
        }
    }
}

/// Adds the headers that are not set.
pub(super) fn add_missing(headers: &mut HeaderMap, hsts: Option<&'static str>) {
    // Otherwise the map would grow twice.
    headers.reserve(SECURITY_HEADERS.len() + 2);
    let mut set = |name: &'static str, value: &'static str| {
        let name = HeaderName::from_static(name);
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    };
    for (name, value) in SECURITY_HEADERS {
        set(name, value);
    }
    set("cache-control", "no-store");
    if let Some(scope) = hsts {
        set("strict-transport-security", scope);
    }
}
