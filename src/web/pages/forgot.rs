//! `/forgot`: asks for a link that sets a new password. The answer is the same whether or not there is an account.

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
    web::{AppState, RequestSession, csrf_form::SignInForm, errors::WebError},
    words::Words,
};

/// Where the answer to every form is.
const SENT_PAGE: &str = "/forgot?sent=on";

/// `GET /forgot`. Writes no row, and also works while the database is unavailable.
pub(crate) async fn show(
    session: RequestSession,
    words: Words,
    request: HttpRequest,
    query: Query<MailFormQuery>,
) -> Result<HttpResponse, WebError> {
    let state = MailFormState::of(&query, session.state().accounts.sends_mails(), words.forgot_no_mail());
    show_to_visitor(&session, words, &request, (texts(words), state), (String::new(), None))
}

/// `POST /forgot`
pub(crate) async fn submit(
    session: RequestSession,
    words: Words,
    request: HttpRequest,
    state: Data<AppState>,
    SignInForm(fields): SignInForm<MailFormFields>,
) -> Result<HttpResponse, WebError> {
    if !state.accounts.sends_mails() {
        let no_mail = MailFormState::NoMail(words.forgot_no_mail());
        return show_to_visitor(&session, words, &request, (texts(words), no_mail), (String::new(), None));
    }
    let (accounts, mail) = (state.accounts.on_behalf_of(session.source()), mail_request(&session, words, &request));
    let error = match fields.email.parse() {
        Err(_) => FormError::invalid(words.email_invalid()),
        Ok(email) => match accounts.request_reset_link(email, mail).await {
            Ok(RequestAnswer::Accepted) => return Ok(see_other(SENT_PAGE)),
            Ok(RequestAnswer::TooMany { retry_after }) => FormError::throttled(words, retry_after),
            Err(error) => request_error(words, error)?,
        },
    };
    show_to_visitor(&session, words, &request, (texts(words), MailFormState::Form), (fields.email, Some(error)))
}

fn texts(words: Words) -> MailFormTexts {
    MailFormTexts {
        path: "/forgot",
        title: words.forgot_title(),
        lead: words.forgot_lead().to_owned(),
        label: words.email(),
        autocomplete: "username",
        button: words.forgot_send(),
        sent: words.forgot_sent(),
        sent_text: words.forgot_sent_text(),
        sent_hint: words.forgot_sent_hint(),
        back: ("/login", words.sign_in()),
    }
}
