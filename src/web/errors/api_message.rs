//! What error responses say to the author of a program. Texts of pages would send them to links and buttons.

use actix_web::http::StatusCode;

use super::{message::ErrorMessage, web_error::WebError};
use crate::{error::Error, web::csrf::FormRefusal};

/// What a response to a program says: what happened, whether anything was changed, and what to send instead.
pub(super) fn api_message(status: StatusCode, error: Option<&WebError>) -> ErrorMessage {
    let (title, message) = match (status, error) {
        (StatusCode::FORBIDDEN, Some(WebError::FormRefused(refusal))) => refusal_text(*refusal),
        (StatusCode::FORBIDDEN, Some(WebError::ProofRequired { .. })) => (
            "The user must confirm who they are",
            "Nothing was changed. The user’s last proof of who they are is too old for this request. Send them to the \
             page that “page” names, then repeat the request.",
        ),
        (StatusCode::FORBIDDEN, Some(WebError::PasswordChangeRequired)) => (
            "The user must change their password first",
            "Nothing was changed. The user has signed in with a one-time password. Send them to the page that “page” \
             names, then repeat the request.",
        ),
        (StatusCode::UNAUTHORIZED, Some(WebError::NoBrowserProof)) => (
            "The session is bound to another browser",
            "The session is alive, but the request does not carry the cookie by which its browser proves that it is the one. \
             Browsers renew it by themselves: the one that has signed in may send the request again.",
        ),
        (StatusCode::FORBIDDEN, Some(WebError::KeyRefused)) => (
            "The proof of the key is not accepted",
            "Nothing was changed. Only the browser that signs in can bind its session, once, and only its key can renew \
             the proof.",
        ),
        (StatusCode::NOT_FOUND, Some(WebError::NoSuchSession)) => (
            "No such session",
            "Nothing was changed. The user has no session with this id, or it ended so long ago that its record was \
             deleted.",
        ),
        (StatusCode::INTERNAL_SERVER_ERROR, Some(WebError::Failed(Error::Incomplete(_)))) => (
            "Not everything was done",
            "Some sessions could not be ended; GET /api/sessions lists those that are left. The log has the cause, \
             under the id in the header X-Request-Id.",
        ),
        (status, _) => status_text(status),
    };
    ErrorMessage { title, message: message.into(), link: None }
}

/// Texts of responses about which only the status is known, those of the framework included.
fn status_text(status: StatusCode) -> (&'static str, &'static str) {
    match status {
        StatusCode::UNAUTHORIZED => (
            "Not signed in",
            "The request carries no session cookie, or its session has ended. Sign in at /login, then send the new \
             cookie.",
        ),
        StatusCode::NOT_FOUND => ("No such resource", "Nothing exists at this path. Check it for typing errors."),
        StatusCode::METHOD_NOT_ALLOWED => {
            ("Method not allowed", "The header Allow names the methods that exist at this path.")
        }
        StatusCode::REQUEST_TIMEOUT => {
            ("Request timeout", "The request did not arrive completely in time. Nothing was changed. Send it again.")
        }
        StatusCode::PAYLOAD_TOO_LARGE => {
            ("Body too large", "The body is longer than Keyrack accepts. Nothing was changed. Send a shorter one.")
        }
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => (
            "Headers too large",
            "The address or the headers of the request are too long, often because of cookies. Delete this site’s \
             cookies and try again.",
        ),
        StatusCode::SERVICE_UNAVAILABLE => (
            "Temporarily unavailable",
            "Keyrack can’t answer right now, for instance because it can’t reach its database. Sessions stay signed \
             in. Send the request again after the seconds in the header Retry-After.",
        ),
        status if status.is_client_error() => (
            "Malformed request",
            "The path, the query, a header or the body can’t be read. Nothing was changed. Send the request as the \
             documentation describes it.",
        ),
        _ => ("Internal error", "The log has the cause, under the id in the header X-Request-Id."),
    }
}

/// Says why a request without a valid token, or from another origin, was refused.
fn refusal_text(refusal: FormRefusal) -> (&'static str, &'static str) {
    match refusal {
        FormRefusal::ForeignOrigin | FormRefusal::NotOverHttps => (
            "The request comes from another origin",
            "Nothing was changed. Only pages of Keyrack’s own origin may send it, and programs outside of browsers, \
             without the headers Origin and Sec-Fetch-Site.",
        ),
        FormRefusal::WrongToken
        | FormRefusal::FormerSid
        | FormRefusal::NoCookie
        | FormRefusal::UnknownCookie
        | FormRefusal::TwoCookies => (
            "The header X-CSRF-Token is missing or wrong",
            "Nothing was changed. Send the csrf_token from GET /api/session in this header, once. It changes whenever \
             the session’s cookie does.",
        ),
    }
}
