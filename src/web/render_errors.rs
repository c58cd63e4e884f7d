//! Gives error responses their body: a page with the sign-out form of the session's user, or a problem for programs.

use actix_web::{
    Error,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::header::CONTENT_TYPE,
    middleware::Next,
};

use super::{
    errors::{is_api, render},
    session::find_session_of_error_page,
};

/// Middleware: fills in the body of error responses that have none, those of the framework included. If the request
/// never reached the session layer, as one whose body is too long, its session is read for the page's sign-out form.
pub(crate) async fn render_errors<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let response = next.call(request).await?;
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error || response.headers().contains_key(CONTENT_TYPE) {
        return Ok(response.map_into_left_body());
    }
    let (request, bare) = response.into_parts();
    if !is_api(&request) {
        find_session_of_error_page(&request).await;
    }
    let rendered = render(&request, bare);
    Ok(ServiceResponse::new(request, rendered).map_into_right_body())
}
