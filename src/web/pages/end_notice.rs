//! Says on the sign-in form why a session is over: to the browser that still has its cookie, and to no other.

use crate::{
    clock::Timestamp,
    sessions::{EndReason, SessionEnd},
    web::{RequestSession, time_text::TimeText},
};

/// When and why this device was signed out.
pub(super) struct EndNotice {
    pub time: TimeText,
    /// Continues the sentence "This device was signed out 5 minutes ago".
    pub reason: &'static str,
}

/// The end of the session that the request's cookie names. A failure is not worth an error page: the form works
/// without the notice.
pub(super) async fn find(session: &RequestSession) -> Option<EndNotice> {
    if session.live().is_some() || session.read_error().is_some() {
        return None;
    }
    let state = session.state();
    let found = state.sessions.find_end(session.cookie_sid()?).await;
    let end = found.inspect_err(|error| tracing::debug!(error = error.chain(), "the session's end is unknown")).ok()?;
    end.map(|end| EndNotice::new(end, state.clock.now()))
}

impl EndNotice {
    fn new(end: SessionEnd, now: Timestamp) -> Self {
        let reason = match end.reason {
            Some(EndReason::SignedOut) | None => "",
            Some(EndReason::Revoked) => " from another of your devices",
            Some(EndReason::RevokedByAdmin) => " by an administrator",
            Some(EndReason::PasswordChanged) => ", because the password was changed",
            Some(EndReason::IdleTimeout) => ", because it was not used for too long",
            Some(EndReason::AbsoluteTimeout) => ", because its time limit was reached",
            Some(EndReason::Replaced) => ", because newer sign-ins took its place",
            Some(EndReason::AccountDisabled) => ", because the account was disabled",
        };
        Self { time: TimeText::ago(end.at, now), reason }
    }
}
