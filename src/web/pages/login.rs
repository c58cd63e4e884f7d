//! `/login`: the sign-in form.

pub(in crate::web) mod states;

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Data, Query},
};
use askama::Template;
use serde::Deserialize;

use super::{
    after_password, end_notice,
    form_error::{FormError, FormStatus},
    landing,
    passkey_sign_in::{self, PasskeyRefusal},
    see_other, sign_in_form,
};
use crate::{
    accounts::{AuthenticationResult, Password, SignInClient},
    config::Registration,
    error::{Error, Result},
    sessions::UserId,
    web::{Destinations, RequestSession, csrf_form::SignInForm, errors::WebError, page::Page},
    words::{Html, Words},
};

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    page: Page,
    csrf_token: String,
    next: String,
    email: String,
    remember: bool,
    error: Option<String>,
    notice: Option<String>,
    ended: Option<Html>,
    /// The id of this site in passkeys; `None` if there are none here.
    passkey_site: Option<String>,
    /// Whether visitors may create accounts themselves.
    is_open: bool,
    /// The passkey that was sent, but is unknown.
    unknown_passkey: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct LoginQuery {
    #[serde(default)]
    next: String,
    /// With any value, the second step of a sign-in has led back here.
    #[serde(default)]
    again: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct SignInFields {
    email: String,
    password: String,
    remember: String,
    next: String,
    /// The answer of a passkey, in place of an address and a password, and its challenge.
    passkey: String,
    challenge: String,
}

impl SignInFields {
    /// The fields in their order.
    #[cfg(test)]
    pub fn values(&self) -> [&str; 6] {
        [&self.email, &self.password, &self.remember, &self.next, &self.passkey, &self.challenge]
    }

    fn remembers(&self) -> bool {
        self.remember == "on"
    }
}

/// Why the form is shown at all.
#[derive(Default)]
struct Notices {
    notice: Option<String>,
    ended: Option<Html>,
    unknown_passkey: Option<String>,
}

/// `GET /login`. Writes no row, and also works while the database is unavailable.
pub(crate) async fn show(
    session: RequestSession,
    words: Words,
    request: HttpRequest,
    query: Query<LoginQuery>,
    destinations: Data<Destinations>,
) -> Result<HttpResponse, WebError> {
    let next = destinations.accept(&query.next);
    if let Some(live) = session.live() {
        return Ok(signed_in_response(live.must_change_password, next.unwrap_or_default()));
    }
    let ended = end_notice::find(&session, words).await;
    let state = session.state();
    let notice = if session.has_twin_cookies() {
        Some(words.twin_cookies())
    } else if !query.again.is_empty() {
        Some(words.second_over().to_owned())
    } else if ended.is_some() {
        None
    } else if session.is_unproved() {
        Some(words.bound_elsewhere().to_owned())
    } else if state.flash.has_unmade_change(request.headers(), state.clock.now()) {
        Some(words.unmade_change_sign_in().to_owned())
    } else {
        next.map(|_| words.sign_in_to_continue().to_owned())
    };
    let fields = SignInFields { next: next.unwrap_or_default().to_owned(), ..SignInFields::default() };
    page(&session, words, &request, fields, Notices { notice, ended, unknown_passkey: None }, None)
}

/// `POST /login`
pub(crate) async fn submit(
    session: RequestSession,
    words: Words,
    request: HttpRequest,
    destinations: Data<Destinations>,
    SignInForm(mut fields): SignInForm<SignInFields>,
) -> Result<HttpResponse, WebError> {
    fields.next = destinations.accept(&fields.next).unwrap_or_default().to_owned();
    if !fields.passkey.is_empty() {
        return submit_passkey(session, words, &request, fields).await;
    }
    let error = match authenticate(&session, &request, &fields).await {
        Ok(AuthenticationResult::Accepted(user)) => {
            let response = after_password(&session, &request, user, fields.remembers(), &fields.next)?;
            // Another sign-in may use the password up, or another request may change it, before the session starts.
            session.on_refused_sign_in(move |session, request, error| {
                let error = if matches!(error, Error::PasswordUsedUp) { used_up(words) } else { rejected(words) };
                page(session, words, request, fields, Notices::default(), Some(error))
            });
            return Ok(response);
        }
        Ok(AuthenticationResult::UsedUp { user }) if is_changing_password(&session, user) => {
            return Ok(signed_in_response(true, &fields.next));
        }
        Ok(AuthenticationResult::UsedUp { user })
            if session.continue_sign_in(user, fields.remembers(), request.headers()).await? =>
        {
            return Ok(signed_in_response(true, &fields.next));
        }
        Ok(AuthenticationResult::UsedUp { .. }) => used_up(words),
        Ok(AuthenticationResult::Rejected) => rejected(words),
        Ok(AuthenticationResult::Throttled { retry_after }) => FormError::throttled(words, retry_after),
        Ok(AuthenticationResult::StrangersLocked { retry_after }) => strangers_locked(words, retry_after),
        Err(Error::Busy { retry_after }) => FormError::busy(words, retry_after),
        Err(Error::Unavailable(cause)) => FormError::unavailable(words, &cause),
        Err(error) => return Err(error.into()),
    };
    page(&session, words, &request, fields, Notices::default(), Some(error))
}

/// Signs in with a passkey.
async fn submit_passkey(
    session: RequestSession,
    words: Words,
    request: &HttpRequest,
    fields: SignInFields,
) -> Result<HttpResponse, WebError> {
    let answer = (fields.passkey.as_str(), fields.challenge.as_str());
    match passkey_sign_in::authenticate(&session, words, request, answer).await? {
        Ok(user) => {
            let response = after_password(&session, request, user, fields.remembers(), &fields.next)?;
            session.on_refused_sign_in(move |session, request, _| {
                let error = FormError::unauthorized(words.passkey_rejected());
                page(session, words, request, fields, Notices::default(), Some(error))
            });
            Ok(response)
        }
        Err(PasskeyRefusal { error, unknown }) => {
            let notices = Notices { unknown_passkey: unknown, ..Notices::default() };
            page(&session, words, request, fields, notices, Some(error))
        }
    }
}

async fn authenticate(
    session: &RequestSession,
    request: &HttpRequest,
    fields: &SignInFields,
) -> Result<AuthenticationResult> {
    // A sign-in replaces the session that the browser has, so that has to be readable.
    if let Some(error) = session.read_error() {
        return Err(error);
    }
    let browsers = session.presented_browsers(request.headers());
    let client = SignInClient { ip_address: session.client().ip_address, browsers };
    session.state().accounts.authenticate_on(&fields.email, Password::new(&fields.password), client).await
}

fn signed_in_response(must_change_password: bool, next: &str) -> HttpResponse {
    see_other(&landing(must_change_password, next))
}

/// Whether the browser already has the session that the user's one-time password has started.
fn is_changing_password(session: &RequestSession, user: UserId) -> bool {
    session.live().is_some_and(|live| live.must_change_password && live.user.id == user)
}

/// Said only to those who know the password. It gives them nothing, but the user whose connection broke learns what to
/// do, and so does the one whose password another person has used.
fn used_up(words: Words) -> FormError {
    FormError::unauthorized(words.one_time_password_used_up())
}

fn rejected(words: Words) -> FormError {
    // One message for every cause, so that it does not reveal whether the account exists.
    FormError::unauthorized(words.sign_in_rejected())
}

/// The same for accounts that don't exist.
fn strangers_locked(words: Words, retry_after: Duration) -> FormError {
    let text = words.account_locked().to_owned();
    FormError { status: StatusCode::TOO_MANY_REQUESTS, text, retry_after: Some(retry_after) }
}

/// The form with what was typed, except for the password.
fn page(
    session: &RequestSession,
    words: Words,
    request: &HttpRequest,
    fields: SignInFields,
    Notices { notice, ended, unknown_passkey }: Notices,
    error: Option<FormError>,
) -> Result<HttpResponse, WebError> {
    let (csrf_token, cookie) = session.csrf_token(request.headers())?;
    let status = FormStatus::of(error.as_ref());
    let template = LoginPage {
        // Another tab may have signed in since the form was opened.
        page: session
            .live()
            .map_or_else(|| Page::of_visitor(&csrf_token, words), |live| Page::of(live, &csrf_token, words)),
        csrf_token,
        next: fields.next.clone(),
        remember: fields.remembers(),
        email: fields.email,
        error: error.map(|error| error.text),
        notice,
        ended,
        is_open: session.state().registration == Registration::Open,
        passkey_site: session.state().accounts.passkey_site_here().map(str::to_owned),
        unknown_passkey,
    };
    sign_in_form(status.show(words, &template)?, cookie)
}
