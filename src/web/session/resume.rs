//! Finds the session of a request, and checks that a bound one comes from its browser.

use std::{net::IpAddr, sync::Arc};

use actix_web::{HttpRequest, dev::ServiceRequest, http::header::HeaderMap};

use crate::{
    clock::Timestamp,
    error::{Error, Result},
    events::{EventCause, NewEvent, Source},
    sessions::{Activity, LiveSession, SessionId, Sid, UserId},
    web::{
        app_state::AppState,
        background::is_in_background,
        bound::{FailedProof, ProofCheck},
        cookie::Presented,
    },
};

/// The session of a request.
pub(in crate::web) struct Resumed {
    /// The live session that the request's cookie names, or why it is unknown whether there is one.
    pub live: Result<Option<LiveSession>>,
    /// Whether that session is refused, since the request has no proof of the key that it is bound to.
    pub is_unproved: bool,
    /// Until when the proof is good, if there is one.
    pub proved_until: Option<Timestamp>,
}

impl Resumed {
    const NONE: Self = Self { live: Ok(None), is_unproved: false, proved_until: None };
}

/// Finds the session, and notes that its device is active.
pub(super) async fn resume(state: &Arc<AppState>, request: &ServiceRequest, presented: &Presented) -> Resumed {
    let Some(cookie) = &presented.verified else { return Resumed::NONE };
    let headers = request.headers();
    let address = || client_ip(state, request.request());
    let activity = |live: &LiveSession| {
        let is_activity = !is_in_background(request.method(), request.path(), headers);
        let is_proved = !matches!(state.bound.check(live, headers, state.clock.now()), ProofCheck::Failed(_));
        (is_activity && is_proved).then(|| Activity { ip_address: address() })
    };
    let live = state.sessions.resume_with(&cookie.sid, activity).await;
    check(state, live, headers, address).await
}

/// Finds the session without noting activity, for an error page.
pub(super) async fn find(state: &Arc<AppState>, request: &HttpRequest, sid: &Sid) -> Resumed {
    let live = state.sessions.resume_with(sid, |_| None).await;
    check(state, live, request.headers(), || client_ip(state, request)).await
}

fn client_ip(state: &AppState, request: &HttpRequest) -> Option<IpAddr> {
    state.trusted_proxies.client_ip(request.peer_addr().map(|peer| peer.ip()), request.headers())
}

/// Checks the proof of a session that was found.
pub(in crate::web) async fn check(
    state: &AppState,
    mut live: Result<Option<LiveSession>>,
    headers: &HeaderMap,
    address: impl Fn() -> Option<IpAddr>,
) -> Resumed {
    let Ok(Some(session)) = &mut live else { return Resumed { live, ..Resumed::NONE } };
    match state.bound.check(session, headers, state.clock.now()) {
        ProofCheck::Passed { until } => Resumed { live, is_unproved: false, proved_until: until },
        ProofCheck::First { until } => {
            confirm(state, session, address()).await;
            Resumed { live, is_unproved: false, proved_until: Some(until) }
        }
        ProofCheck::Failed(FailedProof::Skipped) => {
            // The browser has the key, if it says the truth, and tries again: it must not be told that it is signed out.
            let error = Error::Unavailable(anyhow::anyhow!("the browser could not renew the proof of its session"));
            Resumed { live: Err(error), is_unproved: true, proved_until: None }
        }
        ProofCheck::Failed(failed) => {
            let cause = match failed {
                FailedProof::Outdated => EventCause::OutdatedProof,
                FailedProof::Missing | FailedProof::Skipped => EventCause::NoProof,
            };
            record_refusal(state, (session.id, session.user.id), cause, address()).await;
            Resumed { live: Ok(None), is_unproved: true, proved_until: None }
        }
    }
}

/// Puts the binding into force. If that fails, the next request tries again.
async fn confirm(state: &AppState, session: &mut LiveSession, address: Option<IpAddr>) {
    match state.sessions.confirm_binding(session.id, Source::user(address).in_session(session.id)).await {
        Ok(binding) => session.binding = binding,
        Err(error) => tracing::warn!(error = error.chain(), session_id = %session.id, "the session is not bound yet"),
    }
}

/// Records that a request of a bound session was refused, at most once per session, cause and quarter of an hour: who has
/// copied the cookie can send it without end. The session goes on: a thief must not be able to end it.
pub(in crate::web) async fn record_refusal(
    state: &AppState,
    (id, user): (SessionId, UserId),
    cause: EventCause,
    address: Option<IpAddr>,
) {
    let Some(count) = state.event_rate.admit(format!("{} {id}", cause.as_str()), state.clock.now()) else { return };
    let event = NewEvent::of_cause(cause, &Source::user(address)).user(user).session(id).detail("count", count);
    if let Err(error) = state.sessions.events().write(event).await {
        tracing::warn!(error = error.chain(), "could not record a refused request of a bound session");
    }
}
