//! `/register`: asks for a link that creates an account, where the operator allows it. The answer is the same whether or not
//! the address has an account.

pub(in crate::web) mod states;

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Query},
};

use super::{
    form_error::FormError,
    mail_form::{
        MailFormFields, MailFormQuery, MailFormState, MailFormTexts, mail_request, request_error, show_to_visitor,
    },
    see_other,
};
use crate::{
    accounts::RequestAnswer,
    config::Registration,
    web::{AppState, RequestSession, csrf_form::SignInForm, errors::WebError},
    words::Words,
};

/// Where the answer to every form is.
const SENT_PAGE: &str = "/register?sent=on";

/// `GET /register`
pub(crate) async fn show(
    session: RequestSession,
    words: Words,
    request: HttpRequest,
    query: Query<MailFormQuery>,
) -> Result<HttpResponse, WebError> {
    require_open(session.state()).await?;
    // Without mail, it is not open.
    let state = MailFormState::of(&query, true, "");
    show_to_visitor(&session, words, &request, (texts(words), state), (String::new(), None))
}

/// `POST /register`
pub(crate) async fn submit(
    session: RequestSession,
    words: Words,
    request: HttpRequest,
    state: Data<AppState>,
    SignInForm(fields): SignInForm<MailFormFields>,
) -> Result<HttpResponse, WebError> {
    require_open(&state).await?;
    let (accounts, mail) = (state.accounts.on_behalf_of(session.source()), mail_request(&session, words, &request));
    let error = match fields.email.parse() {
        Err(_) => FormError::invalid(words.email_invalid()),
        Ok(email) => match accounts.request_registration(email, mail).await {
            Ok(RequestAnswer::Accepted) => return Ok(see_other(SENT_PAGE)),
            Ok(RequestAnswer::TooMany { retry_after }) => FormError::throttled(words, retry_after),
            Err(error) => request_error(words, error)?,
        },
    };
    show_to_visitor(&session, words, &request, (texts(words), MailFormState::Form), (fields.email, Some(error)))
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

fn texts(words: Words) -> MailFormTexts {
    MailFormTexts {
        path: "/register",
        title: words.register_title(),
        lead: words.register_lead().to_owned(),
        label: words.email(),
        autocomplete: "email",
        button: words.register_send(),
        sent: words.register_sent(),
        sent_text: words.register_sent_text(),
        sent_hint: words.register_sent_hint(),
        back: ("/login", words.sign_in()),
    }
}
