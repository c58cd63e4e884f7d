//! `/register`: asks for a link that creates an account, where the operator allows it. The answer is the same whether or not
//! the address has an account.

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
    config::Registration,
    error::Error,
    web::{AppState, RequestSession, csrf_form::SignInForm, errors::WebError, page::Page},
    words::Words,
};

/// Where the answer to every form is.
const SENT_PAGE: &str = "/register?sent=on";

#[derive(Template)]
#[template(path = "register.html")]
struct RegisterPage {
    page: Page,
    csrf_token: String,
    is_sent: bool,
    email: String,
    error: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct RegisterQuery {
    #[serde(default)]
    sent: String,
}

/// The address only: what a stranger chooses for it must not be in the account of its owner.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct RegisterFields {
    email: String,
}

/// `GET /register`
pub(crate) async fn show(
    session: RequestSession,
    words: Words,
    request: HttpRequest,
    query: Query<RegisterQuery>,
) -> Result<HttpResponse, WebError> {
    require_open(session.state()).await?;
    page(&session, words, &request, !query.sent.is_empty(), String::new(), None)
}

/// `POST /register`
pub(crate) async fn submit(
    session: RequestSession,
    words: Words,
    request: HttpRequest,
    state: Data<AppState>,
    SignInForm(fields): SignInForm<RegisterFields>,
) -> Result<HttpResponse, WebError> {
    require_open(&state).await?;
    let browsers = session.presented_browsers(request.headers());
    let client = SignInClient { ip_address: session.client().ip_address, browsers };
    let mail = MailRequest { client, language: words.language() };
    let error = match fields.email.parse() {
        Err(_) => {
            let text = words.email_invalid().to_owned();
            FormError { status: StatusCode::UNPROCESSABLE_ENTITY, text, retry_after: None }
        }
        Ok(email) => match state.accounts.on_behalf_of(session.source()).request_registration(email, mail).await {
            Ok(RequestAnswer::Accepted) => return Ok(see_other(SENT_PAGE)),
            Ok(RequestAnswer::TooMany { retry_after }) => FormError::throttled(words, retry_after),
            Err(Error::Busy { retry_after }) => FormError::busy(words, retry_after),
            Err(Error::Unavailable(cause)) => FormError::unavailable(words, &cause),
            Err(error) => return Err(error.into()),
        },
    };
    page(&session, words, &request, false, fields.email, Some(error))
}

/// Reports the page as not found where visitors may not create accounts, and before the first account exists, which must be
/// an administrator's.
async fn require_open(state: &AppState) -> Result<(), WebError> {
    if is_open(state) && state.accounts.has_been_set_up().await? { Ok(()) } else { Err(WebError::NotFound) }
}

/// Whether visitors may create accounts. Links that were mailed before count as expired where they may not any longer.
pub(super) fn is_open(state: &AppState) -> bool {
    state.registration == Registration::Open && state.accounts.sends_mails()
}

fn page(
    session: &RequestSession,
    words: Words,
    request: &HttpRequest,
    is_sent: bool,
    email: String,
    error: Option<FormError>,
) -> Result<HttpResponse, WebError> {
    let (csrf_token, cookie) = session.csrf_token(request.headers())?;
    let status = FormStatus::of(error.as_ref());
    let page = Page::of_visitor(&csrf_token, words);
    let template = RegisterPage { page, csrf_token, is_sent, email, error: error.map(|error| error.text) };
    sign_in_form(status.show(words, &template)?, cookie)
}
