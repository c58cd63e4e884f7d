//! Error responses: pages for people, problem details (RFC 9457) for programs.
//!
//! Handlers return [`WebError`], which becomes a response without a body. [`render_errors`] fills the body in, since it
//! knows the request. Users see a sentence that says what to do; the chain of causes is logged here, once.

use std::time::Duration;

use actix_web::{
    Error as ActixError, HttpMessage, HttpRequest, HttpResponse, ResponseError,
    body::{BoxBody, EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        StatusCode,
        header::{CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER},
    },
    middleware::Next,
};
use askama::Template;
use serde_json::json;

use super::{page::Page, request_id::RequestId};
use crate::error::Error;

/// Errors that handlers return.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WebError {
    /// The resource does not exist, or must not be known to this user.
    #[error("not found")]
    NotFound,
    /// The request would change something, and its token or its origin is not from one of Keyrack's own forms.
    #[error("the form has no valid CSRF token, or comes from another origin")]
    InvalidCsrfToken,
    /// The body or the query can't be parsed.
    #[error("malformed request: {0}")]
    Malformed(String),
    /// The body is too long.
    #[error("the request is too large")]
    TooLarge,
    /// An error of the layers below.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl ResponseError for WebError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::InvalidCsrfToken => StatusCode::FORBIDDEN,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Failed(Error::Unavailable(_) | Error::Busy { .. }) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Failed(Error::SessionEnded) => StatusCode::UNAUTHORIZED,
            Self::Malformed(_) | Self::Failed(Error::Invalid(_)) => StatusCode::BAD_REQUEST,
            Self::Failed(Error::Internal(_)) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        self.log();
        let mut response = HttpResponse::build(self.status_code());
        if let Some(after) = self.retry_after() {
            response.insert_header((RETRY_AFTER, after.as_secs()));
        }
        response.finish()
    }
}

impl WebError {
    fn log(&self) {
        match self {
            Self::Failed(error @ Error::Internal(_)) => tracing::error!(error = error.chain(), "request failed"),
            Self::Failed(error @ Error::Unavailable(_)) => tracing::warn!(error = error.chain(), "request failed"),
            Self::Malformed(_) | Self::InvalidCsrfToken => tracing::debug!(error = %self, "request rejected"),
            _ => {}
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Failed(Error::Unavailable(_)) => Some(Duration::from_secs(1)),
            Self::Failed(Error::Busy { retry_after }) => Some(*retry_after),
            _ => None,
        }
    }
}

/// The response when the session could not be read or written.
pub(super) fn session_error_response(request: &HttpRequest, error: Error) -> HttpResponse {
    match error {
        Error::SessionEnded => not_signed_in(request),
        error => render(request, HttpResponse::from_error(WebError::from(error))),
    }
}

/// Redirects people to the sign-in page, and from there back to where they were going; programs get a 401.
pub(super) fn not_signed_in(request: &HttpRequest) -> HttpResponse {
    if is_api(request) {
        return render(request, HttpResponse::new(StatusCode::UNAUTHORIZED));
    }
    let location = if request.method().is_safe() {
        let target = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let next: String = form_urlencoded::byte_serialize(target.as_bytes()).collect();
        format!("/login?next={next}")
    } else {
        // A GET after the sign-in would not repeat the change.
        "/login".to_owned()
    };
    HttpResponse::SeeOther().insert_header((LOCATION, location)).finish()
}

/// Middleware: fills in the body of error responses that have none, those of the framework included.
pub(crate) async fn render_errors<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, ActixError> {
    let response = next.call(request).await?;
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error || response.headers().contains_key(CONTENT_TYPE) {
        return Ok(response.map_into_left_body());
    }
    let (request, bare) = response.into_parts();
    let rendered = render(&request, bare);
    Ok(ServiceResponse::new(request, rendered).map_into_right_body())
}

/// Fills in the body of an error response, as HTML or JSON, by the request's path.
fn render<B>(request: &HttpRequest, bare: HttpResponse<B>) -> HttpResponse {
    let status = bare.status();
    let message = message_for(status, bare.error().and_then(ActixError::as_error));
    let (content_type, body) = if is_api(request) {
        ("application/problem+json", problem(status, &message))
    } else {
        ("text/html; charset=utf-8", page(request, status, &message))
    };
    bare.map_body(|head, _| {
        head.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        BoxBody::new(body)
    })
}

fn is_api(request: &HttpRequest) -> bool {
    request.path() == "/api" || request.path().starts_with("/api/")
}

struct ErrorMessage {
    title: &'static str,
    message: &'static str,
    link: Option<Link>,
}

#[derive(Clone, Copy)]
struct Link {
    href: &'static str,
    text: &'static str,
}

fn message_for(status: StatusCode, error: Option<&WebError>) -> ErrorMessage {
    const DEVICES: Option<Link> = Some(Link { href: "/account/sessions", text: "Your devices" });
    const SIGN_IN: Option<Link> = Some(Link { href: "/login", text: "Sign in" });
    let (title, message, link) = match status {
        StatusCode::UNAUTHORIZED => ("You are not signed in", "Sign in, then try again.", SIGN_IN),
        StatusCode::FORBIDDEN => (
            "This form is no longer valid",
            "It was opened before you signed in or out, or it comes from another site. Nothing was changed. Go back, \
             reload the page and try again.",
            DEVICES,
        ),
        StatusCode::NOT_FOUND => {
            ("This does not exist", "The address may be mistyped, or what it led to is no longer there.", DEVICES)
        }
        StatusCode::METHOD_NOT_ALLOWED => {
            ("This page can’t be opened directly", "Use the links and buttons on Keyrack’s pages instead.", DEVICES)
        }
        StatusCode::REQUEST_TIMEOUT => ("This took too long", "Check your connection and try again.", None),
        StatusCode::PAYLOAD_TOO_LARGE => ("This is too large", "Shorten what you entered and try again.", None),
        StatusCode::SERVICE_UNAVAILABLE if matches!(error, Some(WebError::Failed(Error::Busy { .. }))) => (
            "Many people are signing in",
            "Too many passwords are waiting to be checked. Nothing was changed. Try again in a few seconds.",
            DEVICES,
        ),
        StatusCode::SERVICE_UNAVAILABLE => (
            "Back in a moment",
            "Keyrack can’t reach its database right now. You are still signed in where you were. Try again in a few \
             seconds.",
            DEVICES,
        ),
        status if status.is_client_error() => {
            ("This request can’t be read", "Go back, reload the page and try again.", DEVICES)
        }
        _ => (
            "Something went wrong",
            "Something failed on our side. If it happens again, give your administrator the request ID below.",
            None,
        ),
    };
    ErrorMessage { title, message, link }
}

fn problem(status: StatusCode, message: &ErrorMessage) -> String {
    let problem = json!({
        "type": "about:blank",
        "title": message.title,
        "status": status.as_u16(),
        "detail": message.message,
    });
    problem.to_string()
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    page: Page,
    status: u16,
    title: &'static str,
    message: &'static str,
    request_id: String,
    link: Option<Link>,
}

fn page(request: &HttpRequest, status: StatusCode, message: &ErrorMessage) -> String {
    // Only server errors carry it: the responses to unknown and to foreign session ids must be identical.
    let request_id =
        request.extensions().get::<RequestId>().filter(|_| status.is_server_error()).map(RequestId::to_string);
    let page = ErrorPage {
        page: Page::anonymous(),
        status: status.as_u16(),
        title: message.title,
        message: message.message,
        request_id: request_id.unwrap_or_default(),
        link: message.link,
    };
    page.render().unwrap_or_else(|error| {
        tracing::error!(%error, "could not render the error page");
        message.title.to_owned()
    })
}
