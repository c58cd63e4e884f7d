//! Lets pages of applications at other origins follow their session, if the operator has named these origins (CORS,
//! <https://fetch.spec.whatwg.org/#http-cors-protocol>).
//!
//! Browsers send the session cookie with requests of every page of the same site, also those that others run. So a page
//! of another origin is refused before its session is looked at: it can't read the stream, nor use up the streams that a
//! session may have.
//!
//! Over plain http, browsers don't say where a request for an image comes from. There, a page of another origin of the
//! site can use up the streams of a session, but not read them; over https it can't.

use actix_web::{
    Error, HttpResponse,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method,
        header::{
            ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
            ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, HeaderValue, VARY,
        },
    },
    middleware::Next,
    web::Data,
};

use super::app_state::AppState;

/// Middleware: refuses requests of pages of other origins, unless they are allowed; the response names the origin then.
pub(crate) async fn answer_app_origins<B: MessageBody + 'static>(
    state: Data<AppState>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let origin = state.app_origins.find(request.headers()).cloned();
    let mut response = if origin.is_none() && !state.csrf.is_own_origin(request.headers()) {
        tracing::debug!(path = request.path(), "request of a page of another origin refused");
        request.into_response(HttpResponse::Forbidden().finish()).map_into_right_body()
    } else if origin.is_some() && request.method() == Method::OPTIONS {
        let preflight = HttpResponse::NoContent()
            .insert_header((ACCESS_CONTROL_ALLOW_METHODS, "GET"))
            .insert_header((ACCESS_CONTROL_ALLOW_HEADERS, "last-event-id"))
            .insert_header((ACCESS_CONTROL_MAX_AGE, "600"))
            .finish();
        request.into_response(preflight).map_into_right_body()
    } else {
        next.call(request).await?.map_into_left_body()
    };
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    Ok(response)
}
