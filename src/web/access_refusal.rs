//! Records requests for sessions that are not the user's own (ASVS 16.3.2).

use crate::{
    events::{EventKind, NewEvent, Source},
    sessions::{SessionId, SessionRecord},
    web::{SignedIn, errors::WebError},
};

/// Finds the user's own session that a path names. Another user's session, an unknown id and a malformed id get the
/// same 404.
pub(super) async fn find_own_session(session: &SignedIn, id: &str) -> Result<SessionRecord, WebError> {
    let id: SessionId = id.parse().map_err(|_| WebError::NoSuchSession)?;
    match session.state().sessions.find_own(session.user.id, id).await? {
        Some(record) => Ok(record),
        None => Err(refuse_foreign_session(session, id).await),
    }
}

/// Logs that a user requested a session that is not theirs, and records it at most once per session and quarter of an
/// hour: ids can be tried without end. Returns the error that answers the request.
///
/// Another user's session and one that does not exist are the same here, so that neither the answer nor its time tells
/// them apart. The event has the id, by which an operator finds out.
pub(super) async fn refuse_foreign_session(session: &SignedIn, requested: SessionId) -> WebError {
    let client = session.ip_address();
    tracing::info!(
        session_id = %session.id,
        client = client.map(tracing::field::display),
        requested_session = %requested,
        "request for a session of another user refused"
    );
    let state = session.state();
    if let Some(count) = state.event_rate.admit(format!("access {}", session.id), state.clock.now()) {
        let event = NewEvent::new(EventKind::AccessRefused, &Source::user(client));
        let event = event.user(session.user.id).session(session.id);
        let event = event.detail("requested_session", requested.to_string()).detail("count", count);
        if let Err(error) = state.sessions.events().write(event).await {
            tracing::warn!(error = error.chain(), "could not record a refused request");
        }
    }
    WebError::NoSuchSession
}
