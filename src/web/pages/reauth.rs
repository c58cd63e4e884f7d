//! `/reauth`: asks for the password again before a sensitive change, and then makes that change (ASVS 7.5).

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
    HOME, authenticator,
    form_error::{FormError, FormStatus},
    not_me,
    passkey_sign_in::{self, PasskeyPrompt},
    passkeys, revoke, see_other,
};
use crate::{
    accounts::{OwnPasswordError, PasskeyAnswer, Password},
    error::Error,
    sessions::{PresentedSession, ReauthenticatedSession},
    web::{
        Destinations, SignedIn,
        errors::{WebError, reauth_page},
        flash::Notice,
        page::Page,
        passkey_challenge::ChallengePlace,
        pending_change::PendingChange,
        proof_form::ProofForm,
        recent_proof,
    },
    words::Words,
};

#[derive(Template)]
#[template(path = "reauth.html")]
struct ReauthPage {
    page: Page,
    csrf_token: String,
    email: String,
    /// Where the form is sent. The address keeps where it leads, so that it is not lost if the session is over or another
    /// language is chosen.
    action: String,
    next: String,
    change: String,
    /// What the password is asked for.
    purpose: &'static str,
    /// Whether the user has a password that can be checked.
    can_prove: bool,
    /// What a passkey of the user would answer.
    passkey: Option<PasskeyPrompt>,
    error: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct ReauthQuery {
    #[serde(default)]
    next: String,
    #[serde(default)]
    change: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct ReauthFields {
    password: String,
    next: String,
    change: String,
    /// The answer of a passkey, in place of the password, and its challenge.
    passkey: String,
    challenge: String,
}

/// How long no password is checked that a session has used up its attempts for. No time ends it.
const EXHAUSTED_RETRY_AFTER: Duration = Duration::from_secs(15 * 60);

/// `GET /reauth`
pub(crate) async fn show(
    session: SignedIn,
    words: Words,
    query: Query<ReauthQuery>,
    destinations: Data<Destinations>,
) -> Result<HttpResponse, WebError> {
    let ReauthQuery { next, change } = query.into_inner();
    let can_prove = recent_proof::can_prove(session.state(), &session).await?;
    let fields = ReauthFields { next, change, ..ReauthFields::default() };
    page(&session, words, &destinations, &fields, can_prove, None).await
}

/// `POST /reauth`: checks the password, gives the session a new sid, and makes the change that has waited. If it is sent
/// twice, both answers are the same.
pub(crate) async fn submit(
    session: SignedIn,
    words: Words,
    request: HttpRequest,
    destinations: Data<Destinations>,
    ProofForm(fields): ProofForm<ReauthFields>,
) -> Result<HttpResponse, WebError> {
    let presented = session.presented()?;
    let (state, sid) = (session.state(), presented.sid.clone());
    let error = match prove(&session, words, presented, &fields).await? {
        Ok(renewed) => {
            if fields.change.is_empty() {
                session.set_renewed(renewed.issued);
                return Ok(see_other(destinations.accept(&fields.next).unwrap_or(HOME)));
            }
            let change = state.pending_changes.open(&fields.change, &sid, state.clock.now());
            return make_change(&session, words, &request, change, renewed).await;
        }
        Err(error) => error,
    };
    let can_prove = recent_proof::can_prove(session.state(), &session).await?;
    page(&session, words, &destinations, &fields, can_prove, Some(error)).await
}

/// Checks what the form brings: the password, or the answer of a passkey.
async fn prove(
    session: &SignedIn,
    words: Words,
    presented: PresentedSession,
    fields: &ReauthFields,
) -> Result<Result<ReauthenticatedSession, FormError>, WebError> {
    let state = session.state();
    if fields.passkey.is_empty() {
        let renewed = state.accounts.reauthenticate(presented, Password::new(&fields.password)).await;
        return renewed.map_or_else(|error| form_error(words, error).map(Err), |renewed| Ok(Ok(renewed)));
    }
    let place = ChallengePlace::Proof(session.id);
    let answer = PasskeyAnswer {
        json: fields.passkey.clone(),
        challenge: state.passkey_challenges.open(&fields.challenge, place, state.clock.now()),
        form: session.form_id(),
    };
    let renewed = state.accounts.reauthenticate_with_passkey(presented, answer).await;
    renewed.map_or_else(|error| passkey_sign_in::form_error(words, error).map(Err), |renewed| Ok(Ok(renewed)))
}

/// Makes the change that has waited for the proof.
async fn make_change(
    session: &SignedIn,
    words: Words,
    request: &HttpRequest,
    change: Option<PendingChange>,
    renewed: ReauthenticatedSession,
) -> Result<HttpResponse, WebError> {
    match change {
        Some(PendingChange::RevokeAll) => return revoke::end_all_after_proof(session, &renewed).await,
        Some(PendingChange::RevokeSelected(ids)) => {
            return revoke::end_selected_after_proof(session, ids, renewed).await;
        }
        _ => session.set_renewed(renewed.issued),
    }
    match change {
        Some(PendingChange::Revoke(id)) => revoke::end_one(session, id).await,
        Some(PendingChange::RemovePasskey(id)) => passkeys::remove_one(session, words, id).await,
        Some(PendingChange::Report(id)) => not_me::report(session, id).await,
        Some(PendingChange::RevokeOthers) => {
            revoke::end_others_after_proof(session, request, renewed.proved_at, renewed.is_repeated).await
        }
        Some(PendingChange::RemoveSecondFactor) => authenticator::remove_app(session).await,
        Some(PendingChange::RenewRecoveryCodes) => authenticator::renew_codes(session, words).await,
        Some(PendingChange::ForgetBrowser(id)) => authenticator::forget_browsers(session, Some(id)).await,
        Some(PendingChange::ForgetBrowsers) => authenticator::forget_browsers(session, None).await,
        _ => revoke::see_devices(session, Notice::ChangeExpired),
    }
}

/// The message for a password that was not accepted.
pub(super) fn form_error(words: Words, error: OwnPasswordError) -> Result<FormError, WebError> {
    Ok(match error {
        OwnPasswordError::Wrong => FormError::unauthorized(words.not_your_password()),
        OwnPasswordError::NoPassword => FormError::unauthorized(words.no_password_here()),
        OwnPasswordError::Throttled { retry_after } => FormError::throttled(words, retry_after),
        OwnPasswordError::Exhausted => FormError {
            status: StatusCode::TOO_MANY_REQUESTS,
            text: words.too_many_wrong_passwords().to_owned(),
            retry_after: Some(EXHAUSTED_RETRY_AFTER),
        },
        OwnPasswordError::Failed(Error::Busy { retry_after }) => FormError::busy(words, retry_after),
        OwnPasswordError::Failed(Error::Unavailable(cause)) => FormError::unavailable(words, &cause),
        OwnPasswordError::Failed(error) => return Err(error.into()),
    })
}

/// Where the form is sent that leads to `next`, and makes this change. Without them, it leads home. The answer to the form
/// has the same address, so it must be one at which the page can be shown again.
fn action(next: &str, change: &str) -> String {
    let next = if next.is_empty() { HOME } else { next };
    if next == HOME && change.is_empty() {
        return "/reauth".to_owned();
    }
    reauth_page(next, Some(change).filter(|change| !change.is_empty()))
}

async fn page(
    session: &SignedIn,
    words: Words,
    destinations: &Destinations,
    fields: &ReauthFields,
    can_prove: bool,
    error: Option<FormError>,
) -> Result<HttpResponse, WebError> {
    let state = session.state();
    let (csrf_token, sid) = (session.csrf_token()?, session.presented()?.sid);
    let change = state.pending_changes.open(&fields.change, &sid, state.clock.now());
    let next = destinations.accept(&fields.next).unwrap_or_default().to_owned();
    let passkey = PasskeyPrompt::of(state, session.user.id, ChallengePlace::Proof(session.id)).await?;
    let status = FormStatus::of(error.as_ref());
    let template = ReauthPage {
        page: Page::of(session, &csrf_token, words),
        csrf_token,
        email: session.user.email.clone(),
        action: action(&next, &fields.change),
        next,
        change: fields.change.clone(),
        purpose: match change {
            Some(PendingChange::Revoke(_)) => words.enter_password_to_sign_out(),
            Some(PendingChange::RevokeSelected(_)) => words.enter_password_to_sign_out_selected(),
            Some(PendingChange::RevokeOthers) => words.enter_password_to_sign_out_others(),
            Some(PendingChange::RevokeAll) => words.enter_password_to_sign_out_all(),
            Some(PendingChange::Report(_)) => words.enter_password_to_report(),
            Some(PendingChange::RemoveSecondFactor) => words.enter_password_to_remove_app(),
            Some(PendingChange::RenewRecoveryCodes) => words.enter_password_to_make_codes(),
            Some(PendingChange::ForgetBrowser(_) | PendingChange::ForgetBrowsers) => {
                words.enter_password_to_ask_for_codes()
            }
            Some(PendingChange::RemovePasskey(_)) => words.enter_password_to_remove_passkey(),
            None => words.enter_password_again(),
        },
        can_prove,
        passkey,
        error: error.map(|error| error.text),
    };
    status.show(words, &template)
}
