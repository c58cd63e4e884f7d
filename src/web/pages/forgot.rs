//! `/forgot`: asks for a link that sets a new password. The answer is the same whether or not there is an account.

pub(in crate::web) mod states;

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Data, Query},
};
use askama::Template;
use serde::Deserialize;

use super::{
    form_error::{FormError, FormStatus},
    see_other, sign_in_form,
};
use crate::{
    accounts::{MailRequest, RequestAnswer, SignInClient},
    error::Error,
    web::{AppState, RequestSession, csrf_form::SignInForm, errors::WebError, page::Page},
    words::Words,
};

/// Where the answer to every form is.
const SENT_PAGE: &str = "/forgot?sent=on";

#[derive(Template)]
#[template(path = "forgot.html")]
struct ForgotPage {
    page: Page,
    csrf_token: String,
    state: State,
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
pub(crate) struct ForgotQuery {
    #[serde(default)]
    sent: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct ForgotFields {
    email: String,
}

/// `GET /forgot`. Writes no row, and also works while the database is unavailable.
pub(crate) async fn show(
    session: RequestSession,
    words: Words,
    request: HttpRequest,
    query: Query<ForgotQuery>,
) -> Result<HttpResponse, WebError> {
    let state = match session.state().accounts.sends_mails() {
        false => State::NoMail,
        true if query.sent.is_empty() => State::Form,
        true => State::Sent,
    };
    page(&session, words, &request, state, String::new(), None)
}

/// `POST /forgot`
pub(crate) async fn submit(
    session: RequestSession,
    words: Words,
    request: HttpRequest,
    state: Data<AppState>,
    SignInForm(fields): SignInForm<ForgotFields>,
) -> Result<HttpResponse, WebError> {
    if !state.accounts.sends_mails() {
        return page(&session, words, &request, State::NoMail, String::new(), None);
    }
    let browsers = session.presented_browsers(request.headers());
    let client = SignInClient { ip_address: session.client().ip_address, browsers };
    let mail = MailRequest { client, language: words.language() };
    let error = match fields.email.parse() {
        Err(_) => {
            let text = words.email_invalid().to_owned();
            FormError { status: StatusCode::UNPROCESSABLE_ENTITY, text, retry_after: None }
        }
        Ok(email) => {
            let accounts = state.accounts.on_behalf_of(session.source());
            match accounts.request_reset_link(email, mail).await {
                Ok(RequestAnswer::Accepted) => return Ok(see_other(SENT_PAGE)),
                Ok(RequestAnswer::TooMany { retry_after }) => FormError::throttled(words, retry_after),
                Err(Error::Busy { retry_after }) => FormError::busy(words, retry_after),
                Err(Error::Unavailable(cause)) => FormError::unavailable(words, &cause),
                Err(error) => return Err(error.into()),
            }
        }
    };
    page(&session, words, &request, State::Form, fields.email, Some(error))
}

fn page(
    session: &RequestSession,
    words: Words,
    request: &HttpRequest,
    state: State,
    email: String,
    error: Option<FormError>,
) -> Result<HttpResponse, WebError> {
    let (csrf_token, cookie) = session.csrf_token(request.headers())?;
    let status = FormStatus::of(error.as_ref());
    let page = Page::of_visitor(&csrf_token, words);
    let template = ForgotPage { page, csrf_token, state, email, error: error.map(|error| error.text) };
    sign_in_form(status.show(words, &template)?, cookie)
}
