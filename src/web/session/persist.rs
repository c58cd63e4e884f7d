//! Persists what the handler left of the session.
//!
//! | the handler left | verb |
//! |---|---|
//! | data that names a user, on a request without a session | start |
//! | a renewed session, as every sign-in does | rotate, or start if there was a sign-in or the user changed |
//! | a purged session | sign out |
//! | other data than it found | save |
//! | a session that the handler itself has renewed after a proof | none: only the cookie is set |

use actix_session::{Session, SessionStatus};
use actix_web::{cookie::Cookie, http::header::HeaderMap};

use super::request_session::{RequestSession, SignIn};
use crate::{
    accounts::SignInBrowserIds,
    error::{Error, Result},
    sessions::{DataPatch, IssuedSession, LiveSession, NewSession, Sessions, Sid, UserId},
};

/// The key in the session data that names the user: actix-identity's, and the one that Express applications use.
pub(super) const USER_KEY: &str = "userId";

/// The cookie that the response sets, if any.
type SetCookie = Option<Cookie<'static>>;

/// Decides by the session's status what to write, and writes it. After an error, the handler's response must not be
/// sent.
pub(super) async fn persist(request: &RequestSession, session: &Session, headers: &HeaderMap) -> Result<SetCookie> {
    if let Some(issued) = request.renewed() {
        return Ok(Some(issue_cookie(request, issued)));
    }
    let Some((current, sid)) = request.live().zip(request.cookie_sid()) else {
        return if session.entries().is_empty() { Ok(None) } else { start(request, session, headers).await };
    };
    match session.status() {
        SessionStatus::Purged => sign_out(request, current, sid).await,
        SessionStatus::Renewed if request.has_sign_in() || names_other_user(session, current)? => {
            start(request, session, headers).await
        }
        SessionStatus::Renewed => rotate(request, session, current, sid).await,
        SessionStatus::Changed | SessionStatus::Unchanged => save(request, session, current, sid).await,
    }
}

/// Every verified sid of the request dies, also one whose session could not be read: a copy of the cookie may be in
/// other hands.
async fn start(request: &RequestSession, session: &Session, headers: &HeaderMap) -> Result<SetCookie> {
    let user_id = user_id(session)?;
    let data = carry_over_data(request.live(), user_id, session)?;
    let (proof, remember, browsers, hints) = match request.take_sign_in() {
        Some(SignIn { proof, remember, browsers, language, hints }) => {
            (Some(proof), remember, Some((browsers, language)), hints)
        }
        None => (None, false, None, None),
    };
    let mut presented = request.cookie_sid().into_iter().chain(request.twin_sids()).cloned();
    let previous_sid = presented.next();
    let other_sids = presented.collect();
    let client = request.client().clone().with_hints(hints.as_ref());
    let form = request.sent_form(user_id, remember);
    let new_ids = |(presented, language)| SignInBrowserIds::new(presented, form.clone(), Some(language));
    let browsers = browsers.map(new_ids).transpose()?;
    let browser = browsers.as_ref().map(SignInBrowserIds::hashes);
    let trust_until = request.trust_until();
    let bound_sessions = request.bound_sessions(headers);
    let new = NewSession {
        user_id,
        proof,
        remember,
        client,
        data,
        previous_sid,
        other_sids,
        trust_until,
        browser,
        form,
        bound_sessions,
    };
    let started = sessions_of(request).start(new).await?;
    if let Some(browsers) = browsers {
        request.set_browser_cookie(&browsers, started.browser.as_ref());
    }
    Ok(Some(issue_cookie(request, &started)))
}

async fn rotate(request: &RequestSession, session: &Session, current: &LiveSession, sid: &Sid) -> Result<SetCookie> {
    let patch = data_patch(session, current)?;
    Ok(Some(issue_cookie(request, &sessions_of(request).rotate(sid, patch).await?)))
}

async fn sign_out(request: &RequestSession, current: &LiveSession, sid: &Sid) -> Result<SetCookie> {
    sessions_of(request).sign_out_session(current.id, sid).await?;
    request.remove_proof();
    Ok(Some(request.state().cookie.removal()))
}

/// Saves the data if it changed. A cookie under an older secret is signed again, with the newest.
async fn save(request: &RequestSession, session: &Session, current: &LiveSession, sid: &Sid) -> Result<SetCookie> {
    let state = request.state();
    if !is_unchanged(session, current) {
        let patch = data_patch(session, current)?;
        state.sessions.save(sid, patch).await?;
    }
    Ok(request.has_outdated_cookie().then(|| {
        let max_age = current.remembered.then(|| current.expires_at.since(state.clock.now()));
        state.cookie.issue(sid, max_age)
    }))
}

/// The sessions, for what the request does to them.
fn sessions_of(request: &RequestSession) -> Sessions {
    request.state().sessions.on_behalf_of(request.source())
}

fn issue_cookie(request: &RequestSession, started: &IssuedSession) -> Cookie<'static> {
    request.set_log_session(started.id);
    request.register(started);
    request.state().cookie.issue(&started.sid, started.max_age)
}

/// Whether the handler has signed another user in. The data of a session names none while its user must change the
/// password, unless a peer has written a name: there, any other name is a sign-in.
fn names_other_user(session: &Session, current: &LiveSession) -> Result<bool> {
    if current.must_change_password {
        let entries = session.entries();
        let left = entries.get(USER_KEY).map(String::as_str);
        return Ok(left.is_some() && left != current.data.json_of(USER_KEY));
    }
    Ok(user_id(session)? != current.user.id)
}

fn user_id(session: &Session) -> Result<UserId> {
    let user: Option<String> = session.get(USER_KEY).unwrap_or_default();
    user.and_then(|id| id.parse().ok()).ok_or_else(|| {
        Error::internal("session data was set without a signed-in user: Keyrack keeps data for signed-in sessions only")
    })
}

/// Whether the handler left the data as it found it. `Session::status` does not tell: `Session::update` changes values
/// without marking the session.
fn is_unchanged(session: &Session, current: &LiveSession) -> bool {
    let entries = session.entries();
    let mut found = 0;
    let is_same = current.data.entries().all(|(key, text)| {
        found += 1;
        entries.get(key).is_some_and(|left| left == text)
    });
    is_same && found == entries.len()
}

fn data_patch(session: &Session, current: &LiveSession) -> Result<DataPatch> {
    DataPatch::between(&current.data, session.entries().iter().map(|(key, text)| (key.as_str(), text.as_str())))
}

/// The data that a sign-in keeps: everything that the application has set, but nothing that belonged to another user
/// who was signed in on this browser before.
fn carry_over_data(current: Option<&LiveSession>, user: UserId, session: &Session) -> Result<DataPatch> {
    let other_user = current.filter(|current| current.user.id != user);
    let belonged_to_other = |key: &str, text: &str| other_user.and_then(|other| other.data.json_of(key)) == Some(text);
    let entries = session.entries();
    let kept = entries.iter().map(|(key, text)| (key.as_str(), text.as_str()));
    DataPatch::beside_sign_in(kept.filter(|(key, text)| !belonged_to_other(key, text)))
}
