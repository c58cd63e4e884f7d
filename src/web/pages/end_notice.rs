//! Says on the sign-in form why a session is over: to the browser that still has its cookie, and to no other.

use crate::{
    clock::Timestamp,
    sessions::{EndReason, SessionEnd},
    web::{RequestSession, time_text::TimeText},
    words::{Html, Words},
};

/// The end of the session that the request's cookie names. A failure is not worth an error page: the form works
/// without the notice.
pub(super) async fn find(session: &RequestSession, words: Words) -> Option<Html> {
    if session.live().is_some() || session.read_error().is_some() {
        return None;
    }
    let state = session.state();
    let found = state.sessions.find_end(session.cookie_sid()?).await;
    let end = found.inspect_err(|error| tracing::debug!(error = error.chain(), "the session's end is unknown")).ok()?;
    end.map(|end| text(words, &end, state.clock.now()))
}

/// Says why and when a session ended, and what to do.
pub(super) fn text(words: Words, end: &SessionEnd, now: Timestamp) -> Html {
    let when = TimeText::ago(words, end.at, now);
    match end.reason {
        None if end.is_continued => words.ended_here_continued(when),
        Some(EndReason::SignedOut) | None => words.ended_here(when),
        Some(EndReason::Revoked) => words.ended_here_revoked(when),
        Some(EndReason::RevokedByAdmin) => words.ended_here_revoked_by_admin(when),
        Some(EndReason::PasswordChanged) => words.ended_here_password_changed(when),
        Some(EndReason::IdleTimeout) => words.ended_here_idle_timeout(when),
        Some(EndReason::AbsoluteTimeout) => words.ended_here_absolute_timeout(when),
        Some(EndReason::Replaced) => words.ended_here_replaced(when),
        Some(EndReason::AccountDisabled) => words.ended_here_account_disabled(when),
    }
}
