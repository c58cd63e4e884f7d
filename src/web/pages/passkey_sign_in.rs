//! Signing in with a passkey: `GET /login/passkey` asks for one, and the form of `/login` brings the answer.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CACHE_CONTROL, HeaderMap},
};
use serde::Serialize;
use serde_json::value::RawValue;

use super::form_error::FormError;
use crate::{
    accounts::{AuthenticatedUser, PasskeyAnswer, PasskeyError, SignInClient},
    error::Error,
    sessions::UserId,
    web::{AppState, RequestSession, errors::WebError, passkey_challenge::ChallengePlace},
    words::Words,
};

/// What the script gives to `navigator.credentials.get`, and to the form.
#[derive(Serialize)]
struct Options {
    options: Box<RawValue>,
    challenge: String,
}

/// What a page asks a passkey of its user.
pub(super) struct PasskeyPrompt {
    pub options: String,
    pub challenge: String,
}

impl PasskeyPrompt {
    /// Asks for a passkey of this user; `None` if they have none here.
    pub async fn of(state: &AppState, user: UserId, place: ChallengePlace<'_>) -> Result<Option<Self>, WebError> {
        let request = state.accounts.passkey_request_for(user).await?;
        Ok(request.map(|request| Self {
            challenge: state.passkey_challenges.seal(&request.challenge, place),
            options: request.options,
        }))
    }
}

/// Why an answer is not accepted, and what the page tells the authenticator.
pub(super) struct PasskeyRefusal {
    pub error: FormError,
    /// The passkey that there is not, or no longer: browsers can hide it.
    pub unknown: Option<String>,
}

/// `GET /login/passkey`. Names no account, and writes no row. The challenge is bound to the cookie that the sign-in page has
/// set.
pub(crate) async fn options(session: RequestSession, request: HttpRequest) -> Result<HttpResponse, WebError> {
    let state = session.state();
    let Ok(passkey) = state.accounts.passkey_request()? else { return Err(WebError::NotFound) };
    let Some(browser) = browser(&session, request.headers()) else { return Err(WebError::NotFound) };
    let options = RawValue::from_string(passkey.options).map_err(Error::internal)?;
    let challenge = state.passkey_challenges.seal(&passkey.challenge, ChallengePlace::SignIn(&browser));
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(Options { options, challenge }))
}

/// Checks the answer of a sign-in form.
pub(super) async fn authenticate(
    session: &RequestSession,
    words: Words,
    request: &HttpRequest,
    (json, challenge): (&str, &str),
) -> Result<Result<AuthenticatedUser, PasskeyRefusal>, WebError> {
    // A sign-in replaces the session that the browser has, so that has to be readable.
    if let Some(error) = session.read_error() {
        return refusal(words, error.into()).map(Err);
    }
    let (answer, client) = answer(session, request, json, challenge);
    match session.state().accounts.authenticate_with_passkey(answer, client).await {
        Ok(user) => Ok(Ok(user)),
        Err(error) => refusal(words, error).map(Err),
    }
}

/// The answer in a form that signs in, and its client.
pub(super) fn answer(
    session: &RequestSession,
    request: &HttpRequest,
    json: &str,
    challenge: &str,
) -> (PasskeyAnswer, SignInClient) {
    let state = session.state();
    let open =
        |browser: String| state.passkey_challenges.open(challenge, ChallengePlace::SignIn(&browser), state.clock.now());
    let answer = PasskeyAnswer {
        json: json.to_owned(),
        challenge: browser(session, request.headers()).and_then(open),
        form: session.form_id(),
    };
    let browsers = session.presented_browsers(request.headers());
    (answer, SignInClient { ip_address: session.client().ip_address, browsers })
}

/// What a challenge is bound to: the cookie that forms of this browser are.
pub(super) fn browser(session: &RequestSession, headers: &HeaderMap) -> Option<String> {
    session.state().csrf.binding(session.sign_in_sid(), headers)
}

fn refusal(words: Words, error: PasskeyError) -> Result<PasskeyRefusal, WebError> {
    let error = match error {
        PasskeyError::Unknown { credential_id } => {
            let error = FormError::unauthorized(words.passkey_rejected());
            return Ok(PasskeyRefusal { error, unknown: Some(credential_id) });
        }
        error => form_error(words, error)?,
    };
    Ok(PasskeyRefusal { error, unknown: None })
}

/// The message for an answer that was not accepted.
pub(super) fn form_error(words: Words, error: PasskeyError) -> Result<FormError, WebError> {
    Ok(match error {
        PasskeyError::Rejected | PasskeyError::Unknown { .. } => FormError::unauthorized(words.passkey_rejected()),
        PasskeyError::Expired => FormError::unauthorized(words.passkey_expired()),
        PasskeyError::Throttled { retry_after } => FormError::throttled(words, retry_after),
        PasskeyError::Failed(Error::Unavailable(cause)) => FormError::unavailable(words, &cause),
        PasskeyError::Failed(error) => return Err(error.into()),
    })
}
