//! Limits the wrong passwords that may be given in a session, to prove that its user is there.
//!
//! Each session has an allowance of its own. So a stolen session is worth at most a hundred guesses, and they keep its
//! user neither from signing in nor from giving the password in another session.

use std::time::Duration;

use tokio::time;

use super::{Throttle, reservations::Reservation};
use crate::{
    accounts::{
        failure_keys::FailureKey,
        failures::{FIRST_DELAY, Failures},
    },
    clock::Timestamp,
    db::SessionId,
};

/// Attempts in one session that wait for each other. Further ones are refused.
const MAX_ATTEMPTS_PER_SESSION: u32 = 16;
/// How long an attempt waits for those before it.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// An attempt to give the password of a session's own user, or the code of a second factor. Those under one key follow each
/// other.
#[derive(Debug)]
pub(in crate::accounts) struct SessionAttempt {
    key: FailureKey,
    _reservation: Reservation,
}

/// Why the password is not checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::accounts) enum SessionRefusal {
    /// The attempt may be repeated after this time.
    Wait(Duration),
    /// The session has used up its allowance.
    Exhausted,
}

impl Throttle {
    /// Begins an attempt to give the password of a session's own user, before the count is looked up. Waits until the
    /// attempts before it have ended.
    pub async fn begin_in_session(&self, session: SessionId) -> Result<SessionAttempt, SessionRefusal> {
        self.begin_in_turn(FailureKey::session(session)).await
    }

    /// Begins an attempt whose failure counts under this key alone, as the above.
    pub async fn begin_in_turn(&self, key: FailureKey) -> Result<SessionAttempt, SessionRefusal> {
        let reservation = self.reservations.reserve([key.clone()]);
        if reservation.earlier(&key) >= MAX_ATTEMPTS_PER_SESSION {
            return Err(SessionRefusal::Wait(FIRST_DELAY));
        }
        let waiting = reservation.wait_for_earlier(&key, 0);
        time::timeout(MAX_WAIT, waiting).await.map_err(|_| SessionRefusal::Wait(FIRST_DELAY))?;
        Ok(SessionAttempt { key, _reservation: reservation })
    }
}

impl SessionAttempt {
    /// The key under which a failure of this attempt counts.
    pub fn key(&self) -> &FailureKey {
        &self.key
    }
}

/// Decides whether the password may be checked after these failures.
pub(in crate::accounts) fn admit(failures: Option<Failures>, now: Timestamp) -> Result<(), SessionRefusal> {
    if failures.is_some_and(Failures::is_exhausted) {
        return Err(SessionRefusal::Exhausted);
    }
    let delay = Failures::delay(failures, 0, now);
    if delay.is_zero() { Ok(()) } else { Err(SessionRefusal::Wait(delay)) }
}
