//! The form with an address that asks for a mail: `/forgot`, `/register` and `/account/email`. Its answer does not tell
//! whether the address has an account.

use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use super::{
    form_error::{FormError, FormStatus},
    sign_in_form,
};
use crate::{
    accounts::{MailRequest, SignInClient},
    error::Error,
    web::{RequestSession, errors::WebError, page::Page},
    words::Words,
};

#[derive(Template)]
#[template(path = "mail_form.html")]
pub(super) struct MailFormPage {
    pub page: Page,
    pub csrf_token: String,
    pub texts: MailFormTexts,
    pub state: MailFormState,
    /// What was typed.
    pub email: String,
    pub error: Option<String>,
    /// "A change to …": the address that was asked for and not proved yet. A button cancels it.
    pub pending: Option<String>,
}

/// What the page shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MailFormState {
    Form,
    Sent,
    /// No mail is set up: what to do instead.
    NoMail(&'static str),
}

/// What differs between the pages.
pub(super) struct MailFormTexts {
    /// Where the form is sent.
    pub path: &'static str,
    pub title: &'static str,
    pub lead: String,
    pub label: &'static str,
    /// What the browser fills in.
    pub autocomplete: &'static str,
    pub button: &'static str,
    pub sent: &'static str,
    pub sent_text: &'static str,
    pub sent_hint: &'static str,
    /// The page that its visitor comes from, and the label of the button that leads there after the form.
    pub back: (&'static str, &'static str),
}

/// Whether the form was sent.
#[derive(Deserialize)]
pub(crate) struct MailFormQuery {
    #[serde(default)]
    sent: String,
}

/// The address only: what a stranger chooses for it must not be in the account of its owner.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct MailFormFields {
    pub email: String,
}

impl MailFormState {
    /// What a query asks for; `no_mail` is the text of a site without mail.
    pub fn of(query: &MailFormQuery, sends_mails: bool, no_mail: &'static str) -> Self {
        match sends_mails {
            false => Self::NoMail(no_mail),
            true if query.sent.is_empty() => Self::Form,
            true => Self::Sent,
        }
    }
}

impl MailFormPage {
    pub fn new(page: Page, csrf_token: String, texts: MailFormTexts, state: MailFormState) -> Self {
        Self { page, csrf_token, texts, state, email: String::new(), error: None, pending: None }
    }

    /// Shows the form again with what was typed, and what is wrong.
    pub fn with_error(self, email: String, error: Option<String>) -> Self {
        Self { email, error, ..self }
    }
}

/// Who asks for a mail in this request, and in which language.
pub(super) fn mail_request(session: &RequestSession, words: Words, request: &HttpRequest) -> MailRequest {
    let browsers = session.presented_browsers(request.headers());
    let client = SignInClient { ip_address: session.client().ip_address, browsers };
    MailRequest { client, language: words.language() }
}

/// The message for a request that failed.
pub(super) fn request_error(words: Words, error: Error) -> Result<FormError, WebError> {
    match error {
        Error::Busy { retry_after } => Ok(FormError::busy(words, retry_after)),
        Error::Unavailable(cause) => Ok(FormError::unavailable(words, &cause)),
        error => Err(error.into()),
    }
}

/// Shows the page to a visitor.
pub(super) fn show_to_visitor(
    session: &RequestSession,
    words: Words,
    request: &HttpRequest,
    (texts, state): (MailFormTexts, MailFormState),
    (email, error): (String, Option<FormError>),
) -> Result<HttpResponse, WebError> {
    let (csrf_token, cookie) = session.csrf_token(request.headers())?;
    let (status, page) = (FormStatus::of(error.as_ref()), Page::of_visitor(&csrf_token, words));
    let template = MailFormPage::new(page, csrf_token, texts, state);
    let template = template.with_error(email, error.map(|error| error.text));
    sign_in_form(status.show(words, &template)?, cookie)
}
