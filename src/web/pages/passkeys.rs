//! `/account/security/passkeys`: the passkeys of a user, and adding, naming and removing them.

pub(in crate::web) mod states;

use std::iter;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web::Path};
use askama::Template;
use serde::Deserialize;

use super::{
    form_error::{FormError, FormStatus},
    passkey_row::PasskeyRow,
    see_other,
    session_name::message,
    sessions::notice_text,
    with_cookie,
};
use crate::{
    accounts::{Accounts, AddPasskeyError, NewPasskey, NoPasskeys, PasskeyAnswer, PasskeyOverview, Removal},
    db::PasskeyId,
    error::Error,
    sessions::SessionName,
    web::{
        SignedIn,
        csrf_form::{CsrfForm, CsrfOnlyForm},
        errors::WebError,
        flash::Notice,
        labels::title_with_device,
        page::{FlashMessage, Page},
        passkey_challenge::ChallengePlace,
    },
    words::Words,
};

/// The page that lists the passkeys of a user.
pub(crate) const PASSKEYS: &str = "/account/security/passkeys";
/// The page that adds one.
pub(crate) const ADD: &str = "/account/security/passkeys/add";

/// Characters of the name that a device gives a passkey.
const MAX_DEVICE_CHARS: usize = SessionName::MAX_CHARS;

#[derive(Template)]
#[template(path = "passkeys.html")]
pub(super) struct PasskeysPage {
    page: Page,
    csrf_token: String,
    rows: Vec<PasskeyRow>,
    /// Why none can be added, if so.
    unavailable: Option<&'static str>,
    /// What the script tells the authenticators of this device, if the browser can.
    site: String,
    user_handle: String,
    email: String,
    display_name: String,
    credential_ids: String,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "passkey_add.html")]
pub(super) struct AddPage {
    page: Page,
    csrf_token: String,
    /// What the browser is asked; `None` if there are no passkeys here.
    request: Option<AddRequest>,
    unavailable: Option<&'static str>,
    error: Option<String>,
}

pub(super) struct AddRequest {
    options: String,
    challenge: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct AddFields {
    passkey: String,
    challenge: String,
    name: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct NameFields {
    name: String,
}

/// `GET /account/security/passkeys`
pub(crate) async fn show(session: SignedIn, words: Words, request: HttpRequest) -> Result<HttpResponse, WebError> {
    let (state, now) = (session.state(), session.state().clock.now());
    let mut page = Page::of(&session, &session.csrf_token()?, words);
    let notice = state.flash.read(session.id, request.headers()).filter(|notice| is_of_passkeys(*notice));
    if let Some(notice) = notice {
        let text = notice_text(&session, words, notice, iter::empty(), now).await?;
        page.flash = text.map(|text| FlashMessage { text, is_success: true });
    }
    let response = list(&session, page, None).await?;
    with_cookie(response, notice.map(|_| state.flash.removal()))
}

fn is_of_passkeys(notice: Notice) -> bool {
    matches!(notice, Notice::PasskeyAdded | Notice::PasskeyRenamed | Notice::PasskeyRemoved)
}

async fn list(session: &SignedIn, page: Page, error: Option<FormError>) -> Result<HttpResponse, WebError> {
    let (state, words) = (session.state(), page.words);
    let passkeys = state.accounts.passkeys_of(session.user.id).await?;
    let status = FormStatus::of(error.as_ref());
    let template = PasskeysPage {
        csrf_token: page.csrf_token.clone(),
        rows: PasskeyRow::all(state, words, session.user.id, &passkeys).await?,
        unavailable: state.accounts.no_passkeys().map(|reason| no_passkeys(words, reason)),
        site: state.accounts.passkey_site().to_owned(),
        user_handle: Accounts::passkey_user_handle(session.user.id),
        email: session.user.email.clone(),
        display_name: session.user.display_name(),
        credential_ids: credential_ids(&passkeys),
        error: error.map(|error| error.text),
        page,
    };
    status.show(words, &template)
}

/// The ids of those that work here.
fn credential_ids(passkeys: &[PasskeyOverview]) -> String {
    let here = passkeys.iter().filter(|passkey| passkey.other_host.is_none());
    here.map(|passkey| passkey.credential_id.as_str()).collect::<Vec<_>>().join(" ")
}

/// Says why there are no passkeys.
fn no_passkeys(words: Words, reason: NoPasskeys) -> &'static str {
    match reason {
        NoPasskeys::NotSecure => words.passkeys_need_https(),
        NoPasskeys::NoHostName => words.passkeys_need_host(),
    }
}

/// `GET /account/security/passkeys/add`. Stores nothing.
pub(crate) async fn show_add(session: SignedIn, words: Words) -> Result<HttpResponse, WebError> {
    add_page(&session, words, None).await
}

/// `POST /account/security/passkeys/add`: adds the passkey that the browser has made.
pub(crate) async fn add(
    session: SignedIn,
    words: Words,
    CsrfForm(fields): CsrfForm<AddFields>,
) -> Result<HttpResponse, WebError> {
    let state = session.state();
    let name = match SessionName::parse(&fields.name) {
        Ok(name) => name,
        Err(problem) => return add_page(&session, words, Some(bad_name(words, problem))).await,
    };
    let place = ChallengePlace::Add(session.id);
    let answer = PasskeyAnswer {
        json: fields.passkey,
        challenge: state.passkey_challenges.open(&fields.challenge, place, state.clock.now()),
        form: session.form_id(),
    };
    let new = NewPasskey { answer, name, device: device_name(&session, words).await? };
    let error = match state.accounts.add_passkey(session.presented()?, new).await {
        Ok(()) => return see_list(&session, Notice::PasskeyAdded),
        Err(AddPasskeyError::Expired) => FormError::unauthorized(words.passkey_expired()),
        Err(AddPasskeyError::Rejected) => FormError::unauthorized(words.passkey_not_added()),
        Err(AddPasskeyError::Exists) => conflict(words.passkey_exists()),
        Err(AddPasskeyError::TooMany) => conflict(words.passkeys_too_many()),
        Err(AddPasskeyError::Failed(Error::Unavailable(cause))) => FormError::unavailable(words, &cause),
        Err(AddPasskeyError::Failed(error)) => return Err(error.into()),
    };
    add_page(&session, words, Some(error)).await
}

/// What this device is called, for a passkey that says nothing of itself.
async fn device_name(session: &SignedIn, words: Words) -> Result<String, WebError> {
    let record = session.state().sessions.find_own(session.user.id, session.id).await?;
    let name = record.map_or_else(|| words.unknown_device().to_owned(), |record| title_with_device(words, &record));
    Ok(name.chars().take(MAX_DEVICE_CHARS).collect())
}

async fn add_page(session: &SignedIn, words: Words, error: Option<FormError>) -> Result<HttpResponse, WebError> {
    let state = session.state();
    let csrf_token = session.csrf_token()?;
    let (request, unavailable) = match state.accounts.new_passkey_request(&session.user).await? {
        Ok(request) => {
            let challenge = state.passkey_challenges.seal(&request.challenge, ChallengePlace::Add(session.id));
            (Some(AddRequest { options: request.options, challenge }), None)
        }
        Err(reason) => (None, Some(no_passkeys(words, reason))),
    };
    let page = Page::of(session, &csrf_token, words);
    let status = FormStatus::of(error.as_ref());
    let template = AddPage { page, csrf_token, request, unavailable, error: error.map(|error| error.text) };
    status.show(words, &template)
}

/// `POST /account/security/passkeys/{id}/name`. Another user's passkey and an unknown id get the same 404.
pub(crate) async fn rename(
    session: SignedIn,
    words: Words,
    id: Path<String>,
    CsrfForm(fields): CsrfForm<NameFields>,
) -> Result<HttpResponse, WebError> {
    let id: PasskeyId = id.parse().map_err(|_| WebError::NotFound)?;
    let name = match SessionName::parse(&fields.name) {
        Ok(Some(name)) => name,
        Ok(None) => return Ok(see_other(PASSKEYS)),
        Err(problem) => {
            let page = Page::of(&session, &session.csrf_token()?, words);
            return list(&session, page, Some(bad_name(words, problem))).await;
        }
    };
    if !session.state().accounts.rename_passkey(session.presented()?, id, name).await? {
        return Err(WebError::NotFound);
    }
    see_list(&session, Notice::PasskeyRenamed)
}

/// `POST /account/security/passkeys/{id}/remove`
pub(crate) async fn remove(
    session: SignedIn,
    words: Words,
    id: Path<String>,
    _: CsrfOnlyForm,
) -> Result<HttpResponse, WebError> {
    let id: PasskeyId = id.parse().map_err(|_| WebError::NotFound)?;
    remove_one(&session, words, id).await
}

/// Removes a passkey, unless what the session was proved by is too new for that.
pub(super) async fn remove_one(session: &SignedIn, words: Words, id: PasskeyId) -> Result<HttpResponse, WebError> {
    match session.state().accounts.remove_passkey(session.presented()?, id).await? {
        Removal::Removed(_) => see_list(session, Notice::PasskeyRemoved),
        Removal::Unknown => Err(WebError::NotFound),
        Removal::TooSoon => {
            let page = Page::of(session, &session.csrf_token()?, words);
            let text = words.passkey_remove_too_soon().to_owned();
            let error = FormError { status: StatusCode::FORBIDDEN, text, retry_after: None };
            list(session, page, Some(error)).await
        }
    }
}

fn see_list(session: &SignedIn, notice: Notice) -> Result<HttpResponse, WebError> {
    with_cookie(see_other(PASSKEYS), Some(session.state().flash.cookie(session.id, notice)))
}

fn bad_name(words: Words, problem: crate::sessions::InvalidSessionName) -> FormError {
    FormError { status: StatusCode::BAD_REQUEST, text: message(words, problem), retry_after: None }
}

fn conflict(text: &str) -> FormError {
    FormError { status: StatusCode::CONFLICT, text: text.to_owned(), retry_after: None }
}
