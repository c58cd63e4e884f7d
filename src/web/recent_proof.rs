//! Requires a recent proof of who the user is before sensitive changes (ASVS 7.5).
//!
//! The proof of a session is its sign-in, or the password given again on `/reauth`. It is recent for the configured
//! window, and only as long as it was one of the current password.

use actix_web::{
    Error as ActixError, HttpMessage, HttpRequest, HttpResponse,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    middleware::Next,
};

use super::{
    app_state::AppState,
    errors::{self, WebError},
    pending_change::PendingChange,
    received_form::{ReceivedForm, is_sign_out, page_of_form},
    require_sign_in::refuse_without_sign_in,
    session::RequestSession,
};
use crate::{
    clock::Timestamp,
    error::{Error, Result},
    sessions::LiveSession,
};

/// Marks a request whose form may only be handled after a recent proof. The form's extractor checks it after the form
/// token: a form of another site must not lead to the page that asks for the password.
#[derive(Clone, Copy)]
struct RequiresRecentProof;

/// What is known of a session's proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProofState {
    Recent,
    Outdated,
    /// It is outdated, and the user has neither a passkey nor a password that Keyrack can check: another program signs them in.
    Impossible,
}

/// Middleware: lets requests pass whose user has signed in, or given the password again, within
/// [`Config::reauth_window`](crate::config::Config::reauth_window). Others are sent to a page that asks for the
/// password, and from there back (pages), or get a 403 whose `type` is `urn:keyrack:reauthentication-required`
/// (`/api/…`). Requests that are not signed in are treated as by [`require_sign_in`](crate::require_sign_in).
///
/// Use it in place of `require_sign_in` for what a stolen or unattended browser must not do. A form that it stops is not
/// sent again after the proof: check [`SignedIn::authenticated_at`](crate::sessions::LiveSession::authenticated_at)
/// before you show a long one.
pub async fn require_recent_sign_in<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, ActixError> {
    if let Some(response) = refuse_without_sign_in(request.request()) {
        return Ok(request.into_response(response).map_into_right_body());
    }
    match refuse_without_proof(request.request()).await {
        Some(response) => Ok(request.into_response(response).map_into_right_body()),
        None => next.call(request).await.map(ServiceResponse::map_into_left_body),
    }
}

/// Middleware for Keyrack's own routes: like [`require_recent_sign_in`], but a form is kept and handled after the proof,
/// and users who can't give a proof may end their own sessions.
pub(crate) async fn require_recent_proof<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, ActixError> {
    if request.method().is_safe() {
        return require_recent_sign_in(request, next).await;
    }
    if let Some(response) = refuse_without_sign_in(request.request()) {
        return Ok(request.into_response(response).map_into_right_body());
    }
    request.extensions_mut().insert(RequiresRecentProof);
    next.call(request).await.map(ServiceResponse::map_into_left_body)
}

/// Checks the proof for a form whose token was right, if its route requires a recent one.
pub(super) async fn check_form(session: &RequestSession, request: &HttpRequest) -> Result<(), WebError> {
    let is_required = request.extensions().contains::<RequiresRecentProof>();
    let Some((current, sid)) = session.current().zip(session.current_sid()).filter(|_| is_required) else {
        return Ok(());
    };
    if is_sign_out(request, current.id) {
        return Ok(());
    }
    let state = session.state();
    match proof_state(state, current).await? {
        ProofState::Recent => Ok(()),
        // Who can't give a proof may end their own sessions all the same.
        ProofState::Impossible if !ReceivedForm::of(request).requires_password => Ok(()),
        ProofState::Outdated | ProofState::Impossible => {
            record_request(session).await?;
            if errors::is_api(request) {
                return Err(WebError::ProofRequired { page: None });
            }
            let change =
                PendingChange::of(request).map(|change| state.pending_changes.seal(&change, sid, state.clock.now()));
            let next = page_of_form(request).unwrap_or_else(|| "/account/sessions".to_owned());
            Err(WebError::ProofRequired { page: Some(errors::reauth_page(&next, change.as_deref())) })
        }
    }
}

/// Whether the session's user has proved recently who they are. Reads `users`, so it is not for the check behind every
/// request.
pub(super) async fn proof_state(state: &AppState, session: &LiveSession) -> Result<ProofState> {
    let password = state.accounts.password_state(session.user.id).await?;
    let is_recent = is_within_window(state, session.authenticated_at)
        && password.is_some_and(|password| session.authenticated_at >= Some(password.changed_at));
    Ok(match password {
        _ if is_recent => ProofState::Recent,
        Some(password) if !password.is_checkable && !state.accounts.has_passkeys(session.user.id).await? => {
            ProofState::Impossible
        }
        _ => ProofState::Outdated,
    })
}

/// Whether the session's user has a password that Keyrack can check.
pub(super) async fn can_prove(state: &AppState, session: &LiveSession) -> Result<bool> {
    let password = state.accounts.password_state(session.user.id).await?;
    Ok(password.is_some_and(|password| password.is_checkable))
}

/// A time in the future, from a clock that has been corrected since, counts for no longer than the window.
fn is_within_window(state: &AppState, authenticated_at: Option<Timestamp>) -> bool {
    let (now, window) = (state.clock.now(), state.reauth_window);
    authenticated_at.is_some_and(|at| now.since(at) <= window && at.since(now) <= window)
}

async fn refuse_without_proof(request: &HttpRequest) -> Option<HttpResponse> {
    let session = RequestSession::of(request)?;
    match has_recent_proof(&session).await {
        Ok(true) => None,
        Ok(false) => Some(errors::proof_required(request)),
        Err(error) => Some(errors::session_error_response(request, error)),
    }
}

/// Whether the proof is recent. Records a request for one that is not.
async fn has_recent_proof(session: &RequestSession) -> Result<bool> {
    let current = session.current().ok_or(Error::SessionEnded)?;
    let is_recent = proof_state(session.state(), current).await? == ProofState::Recent;
    if !is_recent {
        record_request(session).await?;
    }
    Ok(is_recent)
}

/// Records that the user was asked for a proof.
async fn record_request(session: &RequestSession) -> Result<()> {
    match session.presented() {
        Some(presented) => session.state().accounts.record_proof_request(&presented).await,
        None => Ok(()),
    }
}
