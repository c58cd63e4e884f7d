//! Error responses: pages for people, problem details (RFC 9457) for programs.
//!
//! Handlers return [`WebError`], which becomes a response without a body. [`render_errors`] fills the body in, since it
//! knows the request. Users see a sentence that says what to do; the chain of causes is logged here, once.

use std::{borrow::Cow, time::Duration};

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

use super::{
    csrf::FormRefusal,
    page::{ErrorPageContext, Page},
    password_change::password_page,
    request_id::RequestId,
};
use crate::error::Error;

/// Errors that handlers return.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WebError {
    /// The resource does not exist, or must not be known to this user.
    #[error("not found")]
    NotFound,
    /// The request would change something, and its token or its origin is not from one of Keyrack's own forms. The
    /// reason has been logged.
    #[error(transparent)]
    FormRefused(FormRefusal),
    /// The request would change something sensitive, and the user's last proof of who they are is too old.
    #[error("a new proof of who the user is, is required")]
    ProofRequired {
        /// The page that asks for it; `None` for a program.
        page: Option<String>,
    },
    /// The user has signed in with a password that is good for one sign-in, and must change it first.
    #[error("the password must be changed first")]
    PasswordChangeRequired,
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
            Self::ProofRequired { page: Some(_) } => StatusCode::SEE_OTHER,
            Self::FormRefused(_) | Self::ProofRequired { page: None } | Self::PasswordChangeRequired => {
                StatusCode::FORBIDDEN
            }
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
        if let Self::ProofRequired { page: Some(page) } = self {
            response.insert_header((LOCATION, page.as_str()));
        }
        response.finish()
    }
}

impl WebError {
    fn log(&self) {
        match self {
            Self::Failed(error @ Error::Internal(_)) => tracing::error!(error = error.chain(), "request failed"),
            Self::Failed(error @ Error::Unavailable(_)) => tracing::warn!(error = error.chain(), "request failed"),
            Self::Malformed(_) => tracing::info!(error = %self, "request rejected"),
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

/// Sends people to the page that asks for the password, and from there back to where they were going; programs get a
/// 403.
pub(super) fn proof_required(request: &HttpRequest) -> HttpResponse {
    if is_api(request) {
        return render(request, HttpResponse::from_error(WebError::ProofRequired { page: None }));
    }
    // A GET after the proof would not repeat a change.
    let next = if request.method().is_safe() { target(request) } else { "/account/sessions" };
    HttpResponse::SeeOther().insert_header((LOCATION, reauth_page(next, None))).finish()
}

/// Sends people to the page that changes the password, and from there back to where they were going; programs get a
/// 403.
pub(super) fn password_change_required(request: &HttpRequest) -> HttpResponse {
    if is_api(request) {
        return render(request, HttpResponse::from_error(WebError::PasswordChangeRequired));
    }
    // A GET after the change would not repeat another change.
    let next = if request.method().is_safe() { target(request) } else { "" };
    HttpResponse::SeeOther().insert_header((LOCATION, password_page(next))).finish()
}

/// The page that asks for the password, and leads to `next`. `change` is what it makes after the proof.
pub(super) fn reauth_page(next: &str, change: Option<&str>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("next", next);
    if let Some(change) = change {
        query.append_pair("change", change);
    }
    format!("/reauth?{}", query.finish())
}

/// Redirects people to the sign-in page, and from there back to where they were going; programs get a 401.
pub(super) fn not_signed_in(request: &HttpRequest) -> HttpResponse {
    if is_api(request) {
        return render(request, HttpResponse::new(StatusCode::UNAUTHORIZED));
    }
    let location = if request.method().is_safe() {
        let next: String = form_urlencoded::byte_serialize(target(request).as_bytes()).collect();
        format!("/login?next={next}")
    } else {
        // A GET after the sign-in would not repeat the change.
        "/login".to_owned()
    };
    HttpResponse::SeeOther().insert_header((LOCATION, location)).finish()
}

/// The path and the query of a request.
fn target(request: &HttpRequest) -> &str {
    request.uri().path_and_query().map_or("/", |path| path.as_str())
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
    let context = request.extensions().get::<ErrorPageContext>().cloned();
    let message = match bare.error().and_then(ActixError::as_error) {
        Some(WebError::FormRefused(refusal)) if is_api(request) => message_for_api_refusal(*refusal),
        Some(WebError::FormRefused(refusal)) => message_for_refusal(*refusal, context.as_ref()),
        error => message_for(status, error),
    };
    let (content_type, body) = if is_api(request) {
        let kind = ProblemKind::of(bare.error().and_then(ActixError::as_error));
        ("application/problem+json", problem(status, kind, &message))
    } else {
        ("text/html; charset=utf-8", page(request, context.as_ref(), status, message))
    };
    bare.map_body(|head, _| {
        head.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        BoxBody::new(body)
    })
}

pub(super) fn is_api(request: &HttpRequest) -> bool {
    request.path() == "/api" || request.path().starts_with("/api/")
}

struct ErrorMessage {
    title: &'static str,
    message: Cow<'static, str>,
    link: Option<Link>,
}

struct Link {
    href: Cow<'static, str>,
    text: &'static str,
}

impl Link {
    const DEVICES: Option<Self> = Some(Self { href: Cow::Borrowed("/account/sessions"), text: "Your devices" });
    const PASSWORD: Option<Self> = Some(Self { href: Cow::Borrowed("/account/password"), text: "Change password" });
    const SIGN_IN: Option<Self> = Some(Self { href: Cow::Borrowed("/login"), text: "Sign in" });
}

fn message_for(status: StatusCode, error: Option<&WebError>) -> ErrorMessage {
    let (title, message, link) = match status {
        StatusCode::FORBIDDEN if matches!(error, Some(WebError::ProofRequired { .. })) => (
            "Confirm that it’s you",
            "The last sign-in on this device was too long ago for this. Nothing was changed. Give the password again at \
             /reauth, then try again.",
            Link::DEVICES,
        ),
        StatusCode::FORBIDDEN if matches!(error, Some(WebError::PasswordChangeRequired)) => (
            "Change your password first",
            "The password of this sign-in was for one use. Nothing was changed. Choose your own at /account/password, \
             then try again.",
            Link::PASSWORD,
        ),
        StatusCode::UNAUTHORIZED => ("You are not signed in", "Sign in, then try again.", Link::SIGN_IN),
        StatusCode::NOT_FOUND => {
            ("This does not exist", "The address may be mistyped, or what it led to is no longer there.", Link::DEVICES)
        }
        StatusCode::METHOD_NOT_ALLOWED => (
            "This page can’t be opened directly",
            "Use the links and buttons on Keyrack’s pages instead.",
            Link::DEVICES,
        ),
        StatusCode::REQUEST_TIMEOUT => ("This took too long", "Check your connection and try again.", None),
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => (
            "This request is too large",
            "The address and the cookies of this request are too long. Delete this site’s cookies and try again.",
            None,
        ),
        StatusCode::PAYLOAD_TOO_LARGE => ("This is too large", "Shorten what you entered and try again.", None),
        StatusCode::SERVICE_UNAVAILABLE if matches!(error, Some(WebError::Failed(Error::Busy { .. }))) => (
            "Many people are signing in",
            "Too many passwords are waiting to be checked. Nothing was changed. Try again in a few seconds.",
            Link::DEVICES,
        ),
        StatusCode::SERVICE_UNAVAILABLE => (
            "Back in a moment",
            "Keyrack can’t reach its database right now. You are still signed in where you were. Try again in a few \
             seconds.",
            Link::DEVICES,
        ),
        status if status.is_client_error() => {
            ("This request can’t be read", "Go back, reload the page and try again.", Link::DEVICES)
        }
        _ => (
            "Something went wrong",
            "Something failed on our side. If it happens again, give your administrator the request ID below.",
            None,
        ),
    };
    ErrorMessage { title, message: message.into(), link }
}

/// Says what to do about a refused form. Where the cookie is the problem, the sign-in page at the public URL is the
/// place where it works.
fn message_for_refusal(refusal: FormRefusal, context: Option<&ErrorPageContext>) -> ErrorMessage {
    let public_url = context.map(|context| context.0.public_url()).unwrap_or_default();
    let (title, message) = match refusal {
        FormRefusal::WrongToken | FormRefusal::ForeignOrigin => {
            let message = "It was opened before you signed in or out, or it comes from another site. Nothing was \
                           changed. Go back, reload the page and try again.";
            return ErrorMessage {
                title: "This form is no longer valid",
                message: message.into(),
                link: Link::DEVICES,
            };
        }
        FormRefusal::NoCookie => (
            "No cookie came back",
            format!(
                "Keyrack needs a cookie to sign you in, and your browser sent none with the form. Nothing was \
                 changed. Allow cookies for this site, open {public_url} and try again."
            ),
        ),
        FormRefusal::NotOverHttps => (
            "This address can’t sign you in",
            format!(
                "This page was opened over http, and Keyrack’s cookies are only sent over https. Nothing was changed. \
                 Open {public_url} instead."
            ),
        ),
        FormRefusal::UnknownCookie => (
            "The form’s cookie can’t be verified",
            format!(
                "It was set by another server, or before Keyrack’s secrets changed. Nothing was changed. Open \
                 {public_url} and try again. If this happens again, tell your administrator: every instance of \
                 Keyrack needs the same secrets."
            ),
        ),
        FormRefusal::TwoCookies => (
            "Two cookies came back",
            format!(
                "Another site of this domain has set a cookie with the name of Keyrack’s. Nothing was changed. Delete \
                 the cookies of this site and of its domain in your browser’s settings, open {public_url} and try \
                 again."
            ),
        ),
    };
    let link = Some(Link { href: format!("{public_url}/login").into(), text: "Sign in" });
    ErrorMessage { title, message: message.into(), link }
}

/// Says what to do about a refused request to the API, to the author of the program.
fn message_for_api_refusal(refusal: FormRefusal) -> ErrorMessage {
    let (title, message) = match refusal {
        FormRefusal::ForeignOrigin | FormRefusal::NotOverHttps => (
            "The request comes from another origin",
            "Nothing was changed. Only pages of Keyrack’s own origin may send it, and programs outside of browsers, \
             without the headers Origin and Sec-Fetch-Site.",
        ),
        FormRefusal::WrongToken | FormRefusal::NoCookie | FormRefusal::UnknownCookie | FormRefusal::TwoCookies => (
            "The header X-CSRF-Token is missing or wrong",
            "Nothing was changed. Send the csrf_token from GET /api/session in this header, once. It changes whenever \
             the session’s cookie does.",
        ),
    };
    ErrorMessage { title, message: message.into(), link: None }
}

/// The body of a response to a request that could not be read, or that was one of too many.
pub(super) fn bare_problem(status: StatusCode, is_one_of_too_many: bool) -> String {
    let message = if is_one_of_too_many {
        ErrorMessage {
            title: "Too many requests at once",
            message: "Keyrack is receiving too many requests with long headers, and did not read this one. Try again \
                      in a few seconds."
                .into(),
            link: None,
        }
    } else {
        message_for(status, None)
    };
    problem(status, ProblemKind::StatusOnly, &message)
}

/// What a program can tell from a problem (RFC 9457).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ProblemKind {
    /// No more than the status.
    StatusOnly,
    /// The user has to give their password again, on this page.
    ProofRequired,
    /// The user has to change their password first, on this page.
    PasswordChangeRequired,
}

impl ProblemKind {
    fn of(error: Option<&WebError>) -> Self {
        match error {
            Some(WebError::ProofRequired { .. }) => Self::ProofRequired,
            Some(WebError::PasswordChangeRequired) => Self::PasswordChangeRequired,
            _ => Self::StatusOnly,
        }
    }

    /// The type, and the page on which the user can solve the problem.
    fn type_and_page(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::StatusOnly => ("about:blank", None),
            Self::ProofRequired => ("urn:keyrack:reauthentication-required", Some("/reauth")),
            Self::PasswordChangeRequired => ("urn:keyrack:password-change-required", Some("/account/password")),
        }
    }
}

fn problem(status: StatusCode, kind: ProblemKind, message: &ErrorMessage) -> String {
    let (kind, page) = kind.type_and_page();
    let mut problem = json!({
        "type": kind,
        "title": message.title,
        "status": status.as_u16(),
        "detail": message.message,
    });
    if let Some(page) = page {
        problem["page"] = page.into();
    }
    problem.to_string()
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    page: Page,
    status: u16,
    title: &'static str,
    message: Cow<'static, str>,
    request_id: String,
    link: Option<Link>,
}

/// A signed-in user's error page has the sign-out form, as every page has (ASVS 7.4.4).
fn page(
    request: &HttpRequest,
    context: Option<&ErrorPageContext>,
    status: StatusCode,
    message: ErrorMessage,
) -> String {
    // Only server errors carry it: the responses to unknown and to foreign session ids must be identical.
    let request_id =
        request.extensions().get::<RequestId>().filter(|_| status.is_server_error()).map(RequestId::to_string);
    let page = ErrorPage {
        page: context.and_then(|context| context.0.page()).unwrap_or_else(Page::anonymous),
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
