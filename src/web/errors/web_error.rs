//! The errors that handlers return.

use std::time::Duration;

use actix_web::{
    HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{LOCATION, RETRY_AFTER},
    },
};

use crate::{error::Error, web::csrf::FormRefusal};

/// Errors that handlers return.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WebError {
    /// The resource does not exist, or must not be known to this user.
    #[error("not found")]
    NotFound,
    /// The session does not exist, or is another user's, which this user must not be told.
    #[error("no such session")]
    NoSuchSession,
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
    /// The session is bound to a browser, and the request has no proof that it comes from that.
    #[error("the session is bound to another browser")]
    NoBrowserProof,
    /// What a browser has sent about its key is malformed, outdated or not signed by the right key. It is not told which.
    #[error("the proof of the browser's key is not accepted")]
    KeyRefused,
    /// The body or the query can't be parsed.
    #[error("malformed request: {0}")]
    Malformed(String),
    /// A form has bytes that are not UTF-8. What it contains must not be logged: it may be a password.
    #[error("malformed request: the form is not in UTF-8")]
    NotUtf8,
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
            Self::NotFound | Self::NoSuchSession => StatusCode::NOT_FOUND,
            Self::ProofRequired { page: Some(_) } => StatusCode::SEE_OTHER,
            Self::FormRefused(_)
            | Self::ProofRequired { page: None }
            | Self::PasswordChangeRequired
            | Self::KeyRefused => StatusCode::FORBIDDEN,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Failed(Error::Unavailable(_) | Error::Busy { .. }) => StatusCode::SERVICE_UNAVAILABLE,
            Self::NoBrowserProof | Self::Failed(Error::SessionEnded | Error::PasswordUsedUp) => {
                StatusCode::UNAUTHORIZED
            }
            Self::Malformed(_) | Self::NotUtf8 | Self::Failed(Error::Invalid(_)) => StatusCode::BAD_REQUEST,
            Self::Failed(Error::Internal(_) | Error::Incomplete(_)) => StatusCode::INTERNAL_SERVER_ERROR,
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
            Self::Failed(error @ (Error::Internal(_) | Error::Incomplete(_))) => {
                tracing::error!(error = error.chain(), "request failed");
            }
            Self::Failed(error @ Error::Unavailable(_)) => tracing::warn!(error = error.chain(), "request failed"),
            Self::Malformed(_) | Self::NotUtf8 | Self::KeyRefused => tracing::info!(error = %self, "request rejected"),
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
