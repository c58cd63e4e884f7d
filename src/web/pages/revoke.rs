//! The forms that end sessions: `POST /account/sessions/{id}/revoke`, `POST /account/sessions/revoke`, `…/revoke-others`
//! and `…/revoke-all`.

use std::time::Duration;

use actix_identity::Identity;
use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{ACCEPT, HeaderMap},
    web::Path,
};

use super::{HOME, logout::signed_out_response, revoke_progress, see_other, with_cookie};
use crate::{
    clock::Timestamp,
    sessions::{EndReason, REPEATED_FORM_WINDOW, ReauthenticatedSession, RevokeProgress, SessionId, SessionRecord},
    web::{
        SignedIn,
        access_refusal::refuse_foreign_session,
        csrf_form::{CsrfOnlyForm, SelectionForm},
        errors::WebError,
        flash::Notice,
    },
};

/// How long a browser waits for the end of all other sessions before it is sent to the page that shows the progress.
const PROGRESS_AFTER: Duration = Duration::from_secs(1);

/// Ends one of the user's sessions. Another user's session, an unknown id and a malformed id get the same 404.
pub(crate) async fn one(
    session: SignedIn,
    identity: Identity,
    id: Path<String>,
    _: CsrfOnlyForm,
) -> Result<HttpResponse, WebError> {
    let id: SessionId = id.parse().map_err(|_| WebError::NoSuchSession)?;
    if id == session.id {
        identity.logout();
        return Ok(signed_out_response());
    }
    end_one(&session, id).await
}

/// Ends another of the user's sessions.
pub(super) async fn end_one(session: &SignedIn, id: SessionId) -> Result<HttpResponse, WebError> {
    match session.sessions().revoke(session.user.id, id).await? {
        Some(_) => see_devices(session, Notice::Revoked(id)),
        None => Err(refuse_foreign_session(session, id).await),
    }
}

/// Ends those of the selected sessions that are the user's, this one last. If none is, the answer is that to another
/// user's session.
pub(crate) async fn selected(
    session: SignedIn,
    identity: Identity,
    SelectionForm(ids): SelectionForm,
) -> Result<HttpResponse, WebError> {
    if !ids.contains(&session.id) {
        return end_selected(&session, ids).await;
    }
    end_own_of(&session, &ids).await?;
    identity.logout();
    Ok(signed_out_response())
}

/// Ends selected sessions after a proof, which has given this session a new sid.
pub(super) async fn end_selected_after_proof(
    session: &SignedIn,
    ids: Vec<SessionId>,
    renewed: ReauthenticatedSession,
) -> Result<HttpResponse, WebError> {
    if !ids.contains(&session.id) {
        session.set_renewed(renewed.issued);
        return end_selected(session, ids).await;
    }
    end_own_of(session, &ids).await?;
    session.sessions().sign_out_session(session.id, &renewed.issued.sid).await?;
    with_cookie(signed_out_response(), Some(session.state().cookie.removal()))
}

/// Ends selected sessions other than the current one.
async fn end_selected(session: &SignedIn, ids: Vec<SessionId>) -> Result<HttpResponse, WebError> {
    let (own, refusal) = end_own_of(session, &ids).await?;
    let (now, count) = (session.state().clock.now(), own.len());
    // A form that is sent twice gets the same answer twice.
    let is_counted =
        |record: &&SessionRecord| record.logged_out_at.is_none_or(|at| now.since(at) <= REPEATED_FORM_WINDOW);
    let ended: Vec<SessionId> = own.iter().filter(is_counted).map(|record| record.id).collect();
    match (&ended[..], refusal) {
        ([], Some(refusal)) if count == 0 => Err(refusal),
        ([one], _) => see_devices(session, Notice::Revoked(*one)),
        ([], _) => see_devices(session, Notice::RevokedSelected(count)),
        (ended, _) => see_devices(session, Notice::RevokedSelected(ended.len())),
    }
}

/// Ends those of these sessions that are the user's, except for the current one, and returns them as they were before.
/// Records a request for others, and returns the answer to it.
async fn end_own_of(session: &SignedIn, ids: &[SessionId]) -> Result<(Vec<SessionRecord>, Option<WebError>), WebError> {
    let ids: Vec<SessionId> = ids.iter().copied().filter(|id| *id != session.id).collect();
    let own = session.sessions().revoke_selected(session.user.id, ids.clone()).await?;
    let foreign = ids.into_iter().find(|id| own.iter().all(|record| record.id != *id));
    let refusal = match foreign {
        Some(id) => Some(refuse_foreign_session(session, id).await),
        None => None,
    };
    Ok((own, refusal))
}

/// Ends all of the user's sessions, this one last: it stays signed in if the others can't be ended.
pub(crate) async fn all(session: SignedIn, identity: Identity, _: CsrfOnlyForm) -> Result<HttpResponse, WebError> {
    session.sessions().revoke_others(session.user.id, session.id).await?;
    identity.logout();
    Ok(signed_out_response())
}

/// Ends them after a proof, which has given this session a new sid.
pub(super) async fn end_all_after_proof(
    session: &SignedIn,
    renewed: &ReauthenticatedSession,
) -> Result<HttpResponse, WebError> {
    let (sessions, user) = (session.sessions(), session.user.id);
    sessions.revoke_others_after_proof(user, session.id, renewed.proved_at, Duration::MAX).await?;
    sessions.sign_out_session(session.id, &renewed.issued.sid).await?;
    with_cookie(signed_out_response(), Some(session.state().cookie.removal()))
}

/// Ends all of the user's sessions except the current one.
pub(crate) async fn others(session: SignedIn, request: HttpRequest, _: CsrfOnlyForm) -> Result<HttpResponse, WebError> {
    end_others(&session, &request).await
}

/// Ends them. Answers when none of them is alive; only a browser is sent to a page that shows the progress after
/// [`PROGRESS_AFTER`], since a person would not know whether the press had an effect.
async fn end_others(session: &SignedIn, request: &HttpRequest) -> Result<HttpResponse, WebError> {
    let (sessions, user) = (session.sessions(), session.user.id);
    if !accepts_html(request.headers()) {
        let ended = sessions.revoke_others(user, session.id).await?;
        return see_devices(session, Notice::RevokedOthers(ended));
    }
    see_outcome(session, sessions.revoke_others_within(user, session.id, PROGRESS_AFTER).await?)
}

/// Ends them after a proof. Its form may have been sent twice, even at once: both requests then give the same answer.
pub(super) async fn end_others_after_proof(
    session: &SignedIn,
    request: &HttpRequest,
    proved_at: Timestamp,
    is_repeated: bool,
) -> Result<HttpResponse, WebError> {
    let max_wait = max_wait(request);
    let (sessions, user) = (session.sessions(), session.user.id);
    let progress = if is_repeated {
        sessions.end_others_again(user, session.id, EndReason::Revoked, proved_at, max_wait).await?
    } else {
        sessions.revoke_others_after_proof(user, session.id, proved_at, max_wait).await?
    };
    see_outcome(session, progress)
}

/// Returns how long this client waits for the end of all other sessions.
pub(super) fn max_wait(request: &HttpRequest) -> Duration {
    if accepts_html(request.headers()) { PROGRESS_AFTER } else { Duration::MAX }
}

fn see_outcome(session: &SignedIn, progress: RevokeProgress) -> Result<HttpResponse, WebError> {
    match progress {
        RevokeProgress::Done(ended) => see_devices(session, Notice::RevokedOthers(ended)),
        RevokeProgress::InProgress { started_until } => Ok(see_other(&revoke_progress::location(started_until))),
    }
}

/// Whether the client shows pages to a person.
fn accepts_html(headers: &HeaderMap) -> bool {
    headers.get(ACCEPT).is_some_and(|accept| accept.to_str().is_ok_and(|accept| accept.contains("text/html")))
}

pub(super) fn see_devices(session: &SignedIn, notice: Notice) -> Result<HttpResponse, WebError> {
    with_cookie(see_other(HOME), Some(session.state().flash.cookie(session.id, notice)))
}
