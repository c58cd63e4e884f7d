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
use crate::{
    accounts::{InvalidName, MAX_LENGTH, MAX_NAME_CHARS, MIN_LENGTH, PasswordPolicyError},
    web::errors::WebError,
    words::Words,
};

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

    /// A field can't be accepted.
    pub fn invalid(text: &str) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, text: text.to_owned(), retry_after: None }
    }

    /// So many attempts have failed that the next one must wait.
    pub fn throttled(words: Words, retry_after: Duration) -> Self {
        let seconds = whole_seconds(retry_after);
        let text = if seconds < 60 {
            words.too_many_attempts_seconds(seconds)
        } else {
            words.too_many_attempts_minutes(seconds.div_ceil(60))
        };
        Self { status: StatusCode::TOO_MANY_REQUESTS, text, retry_after: Some(retry_after) }
    }

    /// More passwords are waiting than can be checked.
    pub fn busy(words: Words, retry_after: Duration) -> Self {
        let text = words.many_people_sign_in(whole_seconds(Duration::from_secs(retry_after.as_secs())));
        Self { status: StatusCode::SERVICE_UNAVAILABLE, text, retry_after: Some(retry_after) }
    }

    /// A new password can't be looked up in the list of leaked ones. The log says why, and `text` what was not done.
    pub fn unchecked_password(text: &str) -> Self {
        let (status, retry_after) = (StatusCode::SERVICE_UNAVAILABLE, Some(UNCHECKED_RETRY_AFTER));
        Self { status, text: text.to_owned(), retry_after }
    }

    /// The database is unavailable.
    pub fn unavailable(words: Words, cause: &anyhow::Error) -> Self {
        tracing::warn!(error = format!("{cause:#}"), "a password was not checked: the database is unavailable");
        let (status, retry_after) = (StatusCode::SERVICE_UNAVAILABLE, Some(Duration::from_secs(1)));
        Self { status, text: words.database_unreachable(), retry_after }
    }
}

/// Why a new password is refused.
pub(super) fn password_problem(words: Words, problem: PasswordPolicyError) -> String {
    match problem {
        PasswordPolicyError::TooShort => words.password_too_short(MIN_LENGTH),
        PasswordPolicyError::TooLong => words.password_too_long(MAX_LENGTH),
        PasswordPolicyError::Common => words.password_too_easy().to_owned(),
        PasswordPolicyError::OwnName => words.password_is_own_name().to_owned(),
        PasswordPolicyError::Breached => words.password_is_breached().to_owned(),
    }
}

/// Why a name is refused.
pub(super) fn name_problem(words: Words, problem: InvalidName) -> String {
    let code = |c: char| format!("U+{:04X}", u32::from(c));
    match problem {
        InvalidName::TooLong => words.user_name_too_long(MAX_NAME_CHARS),
        InvalidName::ControlCharacter(c) => words.name_has_control_character(code(c)),
        InvalidName::HiddenCharacter(c) => words.name_has_hidden_character(code(c)),
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
    pub fn show(self, words: Words, template: &impl Template) -> Result<HttpResponse, WebError> {
        let mut response = html(words, self.status, template)?;
        if let Some(after) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(whole_seconds(after)));
        }
        Ok(response)
    }
}

/// At least one, and rounded up: a client that returns then is not too early.
fn whole_seconds(length: Duration) -> usize {
    let seconds = (length.as_secs() + u64::from(length.subsec_nanos() > 0)).max(1);
    usize::try_from(seconds).unwrap_or(usize::MAX)
}
