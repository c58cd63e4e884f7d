//! Answers that are not what was asked for: pages for people, problem details (RFC 9457) for programs.
//!
//! Handlers return [`WebError`]. It becomes a bare answer, which [`dress`] turns into a page or a problem when it knows the
//! request. What users see is a sentence that says what to do; the chain of causes goes into the log, once, here.

use std::time::Duration;

use actix_web::{
    Error as ActixError, HttpMessage, HttpRequest, HttpResponse, ResponseError,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        StatusCode,
        header::{CONTENT_TYPE, LOCATION, RETRY_AFTER},
    },
    middleware::Next,
};
use askama::Template;
use serde_json::json;

use super::{page::Page, request_id::RequestId};
use crate::error::Error;

/// What a handler can't do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WebError {
    /// There is nothing here, or nothing that this user may know of.
    #[error("not found")]
    NotFound,
    /// A request that changes something and does not come from a form of ours.
    #[error("the request does not come from a form of ours")]
    ForeignForm,
    /// A body or query that can't be read.
    #[error("the request can't be read: {0}")]
    Unreadable(String),
    /// A body that is too long.
    #[error("the request is too large")]
    TooLarge,
    /// What the layers below report.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl ResponseError for WebError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::ForeignForm => StatusCode::FORBIDDEN,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Failed(Error::Unavailable(_) | Error::Busy { .. }) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Failed(Error::SessionEnded) => StatusCode::UNAUTHORIZED,
            Self::Unreadable(_) | Self::Failed(Error::Invalid(_)) => StatusCode::BAD_REQUEST,
            Self::Failed(Error::Internal(_)) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        self.log();
        let mut response = HttpResponse::build(self.status_code());
        if let Self::Failed(error) = self
            && let Some(after) = retry_after(error)
        {
            response.insert_header((RETRY_AFTER, after.as_secs()));
        }
        let mut response = response.finish();
        if let Self::Failed(Error::Busy { .. }) = self {
            response.extensions_mut().insert(BUSY);
        }
        response
    }
}

impl WebError {
    fn log(&self) {
        match self {
            Self::Failed(error @ Error::Internal(_)) => tracing::error!(error = error.chain(), "a request failed"),
            Self::Failed(error @ Error::Unavailable(_)) => tracing::warn!(error = error.chain(), "a request failed"),
            Self::Unreadable(_) | Self::ForeignForm => tracing::debug!(error = %self, "a request was refused"),
            _ => {}
        }
    }
}

fn retry_after(error: &Error) -> Option<Duration> {
    match error {
        Error::Unavailable(_) => Some(Duration::from_secs(1)),
        Error::Busy { retry_after } => Some(*retry_after),
        _ => None,
    }
}

/// What to say instead of a session's answer.
pub(super) fn of_session(request: &HttpRequest, error: Error) -> HttpResponse {
    match error {
        Error::SessionEnded => not_signed_in(request),
        error => {
            let bare = WebError::from(error).error_response();
            explain(request, bare)
        }
    }
}

/// Sends a person to sign in, and back to where they were going; tells a program.
pub(super) fn not_signed_in(request: &HttpRequest) -> HttpResponse {
    if is_api(request) {
        return explain(request, HttpResponse::new(StatusCode::UNAUTHORIZED));
    }
    let wanted = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let location = if request.method().is_safe() {
        let next: String = form_urlencoded::byte_serialize(wanted.as_bytes()).collect();
        format!("/login?next={next}")
    } else {
        // What was to be done can't be done again by going there.
        "/login".to_owned()
    };
    HttpResponse::SeeOther().insert_header((LOCATION, location)).finish()
}

/// Middleware: gives bare errors their page or problem, those of the framework included.
pub(crate) async fn dress<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, ActixError> {
    let answer = next.call(request).await?;
    let status = answer.status();
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error || answer.headers().contains_key(CONTENT_TYPE) {
        return Ok(answer.map_into_left_body());
    }
    let (request, response) = answer.into_parts();
    let mut bare = HttpResponse::new(status);
    for (name, value) in response.headers() {
        bare.headers_mut().append(name.clone(), value.clone());
    }
    if let Some(explanation) = response.extensions().get::<Explanation>() {
        bare.extensions_mut().insert(*explanation);
    }
    let dressed = explain(&request, bare);
    Ok(ServiceResponse::new(request, dressed).map_into_right_body())
}

/// What an error page says.
#[derive(Debug, Clone, Copy)]
struct Explanation {
    title: &'static str,
    message: &'static str,
    link: Option<(&'static str, &'static str)>,
}

const HOME: (&str, &str) = ("/account/sessions", "Your devices");

/// For a 503 that is not the database's fault.
const BUSY: Explanation = Explanation {
    title: "Many people are signing in",
    message: "Keyrack checks as many passwords at once as it soundly can. Nothing was changed. Try again in a few seconds.",
    link: Some(HOME),
};

/// What each status says.
fn explanation(status: StatusCode) -> Explanation {
    let (title, message, link) = match status {
        StatusCode::UNAUTHORIZED => ("You are not signed in", "Sign in, then try again.", Some(("/login", "Sign in"))),
        StatusCode::FORBIDDEN => (
            "This form is no longer valid",
            "It was opened before you signed in or out, or it comes from another site. Nothing was changed. Go back, reload \
             the page and try again.",
            Some(HOME),
        ),
        StatusCode::NOT_FOUND => {
            ("This does not exist", "The address may be mistyped, or what it led to is no longer there.", Some(HOME))
        }
        StatusCode::METHOD_NOT_ALLOWED => {
            ("This address can’t be used this way", "Open it from a page of Keyrack instead.", Some(HOME))
        }
        StatusCode::REQUEST_TIMEOUT => ("This took too long", "Check your connection and try again.", None),
        StatusCode::PAYLOAD_TOO_LARGE => ("This is too large", "Shorten what you entered and try again.", None),
        StatusCode::SERVICE_UNAVAILABLE => (
            "Back in a moment",
            "Keyrack can’t reach its database just now. You are still signed in where you were. Try again in a few seconds.",
            Some(HOME),
        ),
        status if status.is_client_error() => {
            ("This request can’t be read", "Go back, reload the page and try again.", Some(HOME))
        }
        _ => (
            "Something went wrong",
            "It is not your fault. Try again; if it happens again, tell the operator the request number below.",
            None,
        ),
    };
    Explanation { title, message, link }
}

/// Fills a bare error answer in the form that its request wants.
fn explain(request: &HttpRequest, mut bare: HttpResponse) -> HttpResponse {
    let status = bare.status();
    let own = bare.extensions().get::<Explanation>().copied();
    let explanation = own.unwrap_or_else(|| explanation(status));
    let (content_type, body) = if is_api(request) {
        ("application/problem+json", problem(status, &explanation))
    } else {
        ("text/html; charset=utf-8", page(request, status, &explanation))
    };
    if let Ok(value) = content_type.parse() {
        bare.headers_mut().insert(CONTENT_TYPE, value);
    }
    bare.set_body(body).map_into_boxed_body()
}

fn is_api(request: &HttpRequest) -> bool {
    request.path() == "/api" || request.path().starts_with("/api/")
}

fn problem(status: StatusCode, explanation: &Explanation) -> String {
    json!({
        "type": "about:blank",
        "title": explanation.title,
        "status": status.as_u16(),
        "detail": explanation.message,
    })
    .to_string()
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

struct Link {
    href: &'static str,
    text: &'static str,
}

fn page(request: &HttpRequest, status: StatusCode, explanation: &Explanation) -> String {
    // Only where it helps: two answers to "does this exist" must not differ.
    let request_id =
        request.extensions().get::<RequestId>().filter(|_| status.is_server_error()).map(RequestId::to_string);
    let page = ErrorPage {
        page: Page::bare(),
        status: status.as_u16(),
        title: explanation.title,
        message: explanation.message,
        request_id: request_id.unwrap_or_default(),
        link: explanation.link.map(|(href, text)| Link { href, text }),
    };
    page.render().unwrap_or_else(|error| {
        tracing::error!(%error, "the error page could not be rendered");
        explanation.title.to_owned()
    })
}
