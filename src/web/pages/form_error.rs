//! Why a form with a password is shown again.

use std::time::Duration;

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{HeaderValue, RETRY_AFTER},
    },
};
use askama::Template;

use super::html;
use crate::web::errors::WebError;

/// When a new password may be tried again that could not be checked: a file has to be verified, or put in place.
const UNCHECKED_RETRY_AFTER: Duration = Duration::from_secs(60);

/// The message of a form, and the status with which it is shown again.
pub(super) struct FormError {
    pub status: StatusCode,
    pub text: String,
    pub retry_after: Option<Duration>,
}

impl FormError {
    /// A password was wrong.
    pub fn unauthorized(text: &str) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, text: text.to_owned(), retry_after: None }
    }

    /// So many attempts have failed that the next one must wait.
    pub fn throttled(retry_after: Duration) -> Self {
        let seconds = whole_seconds(retry_after);
        let (count, unit) = if seconds < 60 { (seconds, "second") } else { (seconds.div_ceil(60), "minute") };
        let text = format!("Too many attempts. Try again in {count} {unit}{}.", if count == 1 { "" } else { "s" });
        Self { status: StatusCode::TOO_MANY_REQUESTS, text, retry_after: Some(retry_after) }
    }

    /// More passwords are waiting than can be checked.
    pub fn busy(retry_after: Duration) -> Self {
        let seconds = retry_after.as_secs().max(1);
        let plural = if seconds == 1 { "" } else { "s" };
        let text = format!("Many people are signing in right now. Try again in {seconds} second{plural}.");
        Self { status: StatusCode::SERVICE_UNAVAILABLE, text, retry_after: Some(retry_after) }
    }

    /// A new password can't be looked up in the list of leaked ones. The log says why.
    pub fn unchecked_password(consequence: &str) -> Self {
        let text = format!(
            "New passwords can’t be checked right now. {consequence} Try again later, and tell your administrator if \
             this message comes back."
        );
        Self { status: StatusCode::SERVICE_UNAVAILABLE, text, retry_after: Some(UNCHECKED_RETRY_AFTER) }
    }

    /// The database is unavailable.
    pub fn unavailable(cause: &anyhow::Error) -> Self {
        tracing::warn!(error = format!("{cause:#}"), "a password was not checked: the database is unavailable");
        let text = "Keyrack can’t reach its database right now. Try again in a few seconds.".to_owned();
        Self { status: StatusCode::SERVICE_UNAVAILABLE, text, retry_after: Some(Duration::from_secs(1)) }
    }
}

/// The status of a form that is shown, and when a program may send it again.
#[derive(Debug, Clone, Copy)]
pub(super) struct FormStatus {
    status: StatusCode,
    retry_after: Option<Duration>,
}

impl From<StatusCode> for FormStatus {
    fn from(status: StatusCode) -> Self {
        Self { status, retry_after: None }
    }
}

impl From<&FormError> for FormStatus {
    fn from(error: &FormError) -> Self {
        Self { status: error.status, retry_after: error.retry_after }
    }
}

impl FormStatus {
    /// That of a form with this error, if there is one.
    pub fn of(error: Option<&FormError>) -> Self {
        error.map_or(StatusCode::OK.into(), Self::from)
    }

    /// Shows the form.
    pub fn show(self, template: &impl Template) -> Result<HttpResponse, WebError> {
        let mut response = html(self.status, template)?;
        if let Some(after) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(whole_seconds(after)));
        }
        Ok(response)
    }
}

/// At least one, and rounded up: a client that returns then is not too early.
fn whole_seconds(length: Duration) -> u64 {
    (length.as_secs() + u64::from(length.subsec_nanos() > 0)).max(1)
}
