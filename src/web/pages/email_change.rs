//! `/account/email`: asks for another address of the account. The answer is the same whether or not another account has it.

pub(in crate::web) mod states;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web::Query};
use askama::Template;
use serde::Deserialize;

use super::{
    form_error::{FormError, FormStatus},
    see_other,
};
use crate::{
    accounts::{ChangeAnswer, MailRequest, SignInClient},
    error::Error,
    web::{RequestSession, SignedIn, csrf_form::CsrfForm, errors::WebError, page::Page},
    words::Words,
};

/// The page with the form.
pub(crate) const EMAIL: &str = "/account/email";

/// Where the answer to every form is.
const SENT_PAGE: &str = "/account/email?sent=on";

#[derive(Template)]
#[template(path = "email_change.html")]
struct EmailChangePage {
    page: Page,
    csrf_token: String,
    state: State,
    /// The address that the account has.
    current: String,
    email: String,
    error: Option<String>,
}

/// What the page shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Form,
    Sent,
    /// No mail is set up.
    NoMail,
}

#[derive(Deserialize)]
pub(crate) struct EmailChangeQuery {
    #[serde(default)]
    sent: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct EmailChangeFields {
    email: String,
}

/// `GET /account/email`
pub(crate) async fn show(
    session: SignedIn,
    words: Words,
    query: Query<EmailChangeQuery>,
) -> Result<HttpResponse, WebError> {
    let state = match session.state().accounts.sends_mails() {
        false => State::NoMail,
        true if query.sent.is_empty() => State::Form,
        true => State::Sent,
    };
    page(&session, words, state, String::new(), None)
}

/// `POST /account/email`
pub(crate) async fn submit(
    session: SignedIn,
    visitor: RequestSession,
    words: Words,
    request: HttpRequest,
    CsrfForm(fields): CsrfForm<EmailChangeFields>,
) -> Result<HttpResponse, WebError> {
    let accounts = &session.state().accounts;
    if !accounts.sends_mails() {
        return page(&session, words, State::NoMail, String::new(), None);
    }
    let browsers = visitor.presented_browsers(request.headers());
    let client = SignInClient { ip_address: visitor.client().ip_address, browsers };
    let mail = MailRequest { client, language: words.language() };
    let invalid =
        |text: &str| FormError { status: StatusCode::UNPROCESSABLE_ENTITY, text: text.to_owned(), retry_after: None };
    let error = match fields.email.parse() {
        Err(_) => invalid(words.email_invalid()),
        Ok(email) => match accounts.request_email_change(&session.presented()?, email, mail).await {
            Ok(ChangeAnswer::Accepted) => return Ok(see_other(SENT_PAGE)),
            Ok(ChangeAnswer::Same) => invalid(words.email_change_same()),
            Ok(ChangeAnswer::TooMany { retry_after }) => FormError::throttled(words, retry_after),
            Err(Error::Busy { retry_after }) => FormError::busy(words, retry_after),
            Err(Error::Unavailable(cause)) => FormError::unavailable(words, &cause),
            Err(error) => return Err(error.into()),
        },
    };
    page(&session, words, State::Form, fields.email, Some(error))
}

fn page(
    session: &SignedIn,
    words: Words,
    state: State,
    email: String,
    error: Option<FormError>,
) -> Result<HttpResponse, WebError> {
    let csrf_token = session.csrf_token()?;
    let (status, page) = (FormStatus::of(error.as_ref()), Page::of(session, &csrf_token, words));
    let (current, error) = (session.user.email.clone(), error.map(|error| error.text));
    status.show(words, &EmailChangePage { page, csrf_token, state, current, email, error })
}
