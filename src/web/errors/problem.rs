//! Problem details for programs (RFC 9457).

use actix_web::http::StatusCode;
use serde_json::json;

use super::{api_message::api_message, message::ErrorMessage, web_error::WebError};

/// What a program can tell from a problem (RFC 9457).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProblemKind {
    /// No more than the status.
    StatusOnly,
    /// The user has to give their password again, on this page.
    ProofRequired,
    /// The user has to change their password first, on this page.
    PasswordChangeRequired,
    /// The request has to come from the browser that the session is bound to.
    BrowserProofRequired,
}

impl ProblemKind {
    pub fn of(error: Option<&WebError>) -> Self {
        match error {
            Some(WebError::ProofRequired { .. }) => Self::ProofRequired,
            Some(WebError::PasswordChangeRequired) => Self::PasswordChangeRequired,
            Some(WebError::NoBrowserProof) => Self::BrowserProofRequired,
            _ => Self::StatusOnly,
        }
    }

    /// The type, and the page on which the user can solve the problem.
    fn type_and_page(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::StatusOnly => ("about:blank", None),
            Self::ProofRequired => ("urn:keyrack:reauthentication-required", Some("/reauth")),
            Self::BrowserProofRequired => ("urn:keyrack:browser-proof-required", None),
            Self::PasswordChangeRequired => ("urn:keyrack:password-change-required", Some("/account/password")),
        }
    }
}

/// The problem as JSON.
pub(super) fn problem(status: StatusCode, kind: ProblemKind, message: &ErrorMessage) -> String {
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

/// The body of a response to a request that could not be read, or that was one of too many.
pub(in crate::web) fn bare_problem(status: StatusCode, is_one_of_too_many: bool) -> String {
    let message = if is_one_of_too_many {
        ErrorMessage {
            title: "Too many requests at once",
            message: "Keyrack is receiving too many requests with long headers, and did not read this one. Try again \
                      in a few seconds."
                .into(),
            link: None,
        }
    } else {
        api_message(status, None)
    };
    problem(status, ProblemKind::StatusOnly, &message)
}
