//! How long sessions live, and how many a user may have.

use std::{num::NonZeroU32, time::Duration};

use super::data::SessionData;
use crate::{clock::Timestamp, events::DEFAULT_RETENTION};

/// `expires_at` of a session without an absolute expiry, which an Express peer started: 9999-12-31T23:59:59.999999Z, as
/// the triggers write it. Such a session expires by the peer's idle timeout only.
pub(super) const NO_ABSOLUTE_EXPIRY: Timestamp = Timestamp::MAX;

/// The idle timeout of a peer's session whose data has none: connect-pg-simple's default.
const PEER_DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(24 * 3600);

const DEFAULT_MAX_SESSIONS: NonZeroU32 = NonZeroU32::new(100).unwrap();

/// How long sessions live.
///
/// Both timeouts apply to every session: it expires after the idle timeout without activity, and after the absolute
/// timeout in any case. NIST SP 800-63B-4 requires at AAL2 1 hour idle and 24 hours absolute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// The idle timeout, counted from the last activity. Default 24 hours: as long as the absolute timeout, which then
    /// decides.
    pub idle: Duration,
    /// The absolute timeout, counted from the sign-in. Default 24 hours.
    pub absolute: Duration,
    /// `idle` for "keep me signed in". Default 14 days.
    pub remember_idle: Duration,
    /// `absolute` for "keep me signed in". Default 30 days.
    pub remember_absolute: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        const HOUR: Duration = Duration::from_secs(3600);
        Self { idle: HOUR * 24, absolute: HOUR * 24, remember_idle: HOUR * 24 * 14, remember_absolute: HOUR * 24 * 30 }
    }
}

impl Timeouts {
    /// The idle timeout of a Keyrack session.
    pub fn idle(&self, remembered: bool) -> Duration {
        if remembered { self.remember_idle } else { self.idle }
    }

    /// The absolute timeout of a Keyrack session.
    pub fn absolute(&self, remembered: bool) -> Duration {
        if remembered { self.remember_absolute } else { self.absolute }
    }

    /// The idle timeout of any session: the peer's own one if a peer started it.
    pub(super) fn idle_of(&self, remembered: bool, absolute_expiry: Timestamp, data: &SessionData) -> Duration {
        if absolute_expiry == NO_ABSOLUTE_EXPIRY {
            data.max_age().unwrap_or(PEER_DEFAULT_IDLE_TIMEOUT)
        } else {
            self.idle(remembered)
        }
    }
}

/// The rules for sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// How long sessions live.
    pub timeouts: Timeouts,
    /// Whether the data of an ended session is kept, marked `"status": "logout"`, until it would have expired.
    /// Kept data never authenticates anyone. Default false: it is removed.
    pub keep_ended_data: bool,
    /// Whether cookies are `Secure`. Recorded in the data, where an Express peer reads it. Set by `Keyrack::new`, from
    /// the scheme of `Config::public_url`. Default false.
    pub secure_cookies: bool,
    /// The `Domain` of cookies, recorded in the data for the same reason. Set by `Keyrack::new`, from
    /// `Config::cookie_domain`. Default: none, for this host only.
    pub cookie_domain: Option<String>,
    /// Maximum live sessions per user; `None` for no limit. A sign-in beyond it replaces the least recently active one.
    /// Default 100: more than the devices of one person, and few enough that an attacker who knows the password cannot
    /// make the list of devices unreadable, nor its end slow (ASVS 7.1.2).
    pub max_sessions: Option<NonZeroU32>,
    /// How long ended sessions are kept as history. Default 90 days.
    pub history_retention: Duration,
    /// How long security events are kept. Default 180 days: twice as long as the history, so that the owner of an account
    /// still sees what happened after a long absence.
    pub events_retention: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            timeouts: Timeouts::default(),
            keep_ended_data: false,
            secure_cookies: false,
            cookie_domain: None,
            max_sessions: Some(DEFAULT_MAX_SESSIONS),
            history_retention: Duration::from_secs(90 * 24 * 3600),
            events_retention: DEFAULT_RETENTION,
        }
    }
}

/// The shortest time between two recorded activities of a session: a write per request would multiply its cost.
pub(super) const TOUCH_INTERVAL: Duration = Duration::from_secs(60);
