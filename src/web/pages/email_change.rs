//! `/account/email`: asks for another address of the account. The answer is the same whether or not another account has it.

pub(in crate::web) mod states;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web::Query};

use super::{
    authenticator::SECURITY,
    form_error::{FormError, FormStatus},
    mail_form::{
        MailFormFields, MailFormPage, MailFormQuery, MailFormState, MailFormTexts, mail_request, request_error,
    },
    security::pending_text,
    see_other, with_cookie,
};
use crate::{
    accounts::ChangeAnswer,
    web::{
        RequestSession, SignedIn,
        csrf_form::{CsrfForm, CsrfOnlyForm},
        errors::WebError,
        flash::Notice,
        page::Page,
    },
    words::Words,
};

/// The page with the form.
pub(crate) const EMAIL: &str = "/account/email";

/// Where the answer to every form is.
const SENT_PAGE: &str = "/account/email?sent=on";

/// `GET /account/email`
pub(crate) async fn show(
    session: SignedIn,
    words: Words,
    query: Query<MailFormQuery>,
) -> Result<HttpResponse, WebError> {
    let state = MailFormState::of(&query, session.state().accounts.sends_mails(), words.email_change_no_mail());
    page(&session, words, state, String::new(), None).await
}

/// `POST /account/email`
pub(crate) async fn submit(
    session: SignedIn,
    visitor: RequestSession,
    words: Words,
    request: HttpRequest,
    CsrfForm(fields): CsrfForm<MailFormFields>,
) -> Result<HttpResponse, WebError> {
    let accounts = &session.state().accounts;
    if !accounts.sends_mails() {
        return page(&session, words, MailFormState::NoMail(words.email_change_no_mail()), String::new(), None).await;
    }
    let mail = mail_request(&visitor, words, &request);
    let error = match fields.email.parse() {
        Err(_) => FormError::invalid(words.email_invalid()),
        Ok(email) => match accounts.request_email_change(&session.presented()?, email, mail).await {
            Ok(ChangeAnswer::Accepted) => return Ok(see_other(SENT_PAGE)),
            Ok(ChangeAnswer::Same) => FormError::invalid(words.email_change_same()),
            Ok(ChangeAnswer::TooMany { retry_after }) => FormError::throttled(words, retry_after),
            Err(error) => request_error(words, error)?,
        },
    };
    page(&session, words, MailFormState::Form, fields.email, Some(error)).await
}

/// `POST /account/email/cancel`: the address that was asked for can't be proved any longer.
pub(crate) async fn cancel(session: SignedIn, _: CsrfOnlyForm) -> Result<HttpResponse, WebError> {
    let is_cancelled = session.state().accounts.cancel_email_change(&session.presented()?).await?;
    let notice = is_cancelled.then(|| session.state().flash.cookie(session.id, Notice::EmailChangeCancelled));
    with_cookie(see_other(SECURITY), notice)
}

async fn page(
    session: &SignedIn,
    words: Words,
    state: MailFormState,
    email: String,
    error: Option<FormError>,
) -> Result<HttpResponse, WebError> {
    let csrf_token = session.csrf_token()?;
    let (status, page) = (FormStatus::of(error.as_ref()), Page::of(session, &csrf_token, words));
    let is_available = error.as_ref().is_none_or(|error| error.status != StatusCode::SERVICE_UNAVAILABLE);
    let pending = match state {
        MailFormState::Form if is_available => session.state().accounts.pending_email(session.user.id).await?,
        _ => None,
    };
    let texts = texts(words, &session.user.email);
    let template = MailFormPage {
        pending: pending.map(|pending| pending_text(words, &pending, session.state().clock.now())),
        ..MailFormPage::new(page, csrf_token, texts, state)
    };
    status.show(words, &template.with_error(email, error.map(|error| error.text)))
}

/// `current` is the address that the account has.
fn texts(words: Words, current: &str) -> MailFormTexts {
    MailFormTexts {
        path: EMAIL,
        title: words.email_change_title(),
        lead: words.email_change_lead(current),
        label: words.email_change_new(),
        autocomplete: "email",
        button: words.email_change_send(),
        sent: words.email_change_sent(),
        sent_text: words.email_change_sent_text(),
        sent_hint: words.email_change_sent_hint(),
        back: (SECURITY, words.email_change_back()),
    }
}
