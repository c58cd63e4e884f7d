//! The rules that sessions live under.

use std::{num::NonZeroU32, time::Duration};

use super::data::SessionData;
use crate::clock::Timestamp;

/// The absolute end of a session that has none, because an Express peer started it: 9999-12-31T23:59:59.999999Z, which the
/// triggers write too. It ends when nobody has used it for the peer's own idle limit.
pub(super) const NO_ABSOLUTE_EXPIRY: Timestamp = Timestamp::from_micros(253_402_300_799_999_999);

/// The idle limit of a peer's session that says nothing of it: connect-pg-simple's default.
const PEERS_IDLE: Duration = Duration::from_secs(24 * 3600);

/// How long sessions live.
///
/// Both limits hold for every session: it ends when nobody has used it for the idle time, and at the absolute time after
/// sign-in in any case. NIST SP 800-63B-4 asks at AAL2 for 1 hour idle and 24 hours absolute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Without activity. Default 24 hours, so that by default only the absolute end shows.
    pub idle: Duration,
    /// After sign-in. Default 24 hours.
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
    /// The idle limit of a session.
    pub fn idle(&self, remembered: bool) -> Duration {
        if remembered { self.remember_idle } else { self.idle }
    }

    /// The absolute limit of a session.
    pub fn absolute(&self, remembered: bool) -> Duration {
        if remembered { self.remember_absolute } else { self.absolute }
    }

    /// The idle limit of a session that stands in the tables: ours, or for one that a peer has started the peer's own.
    pub(super) fn idle_of(&self, remembered: bool, expires_at: Timestamp, data: &SessionData) -> Duration {
        if expires_at == NO_ABSOLUTE_EXPIRY { data.max_age().unwrap_or(PEERS_IDLE) } else { self.idle(remembered) }
    }
}

/// The rules that sessions live under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// How long sessions live.
    pub timeouts: Timeouts,
    /// Whether the data of an ended session is kept, marked `"status": "logout"`, until it would have expired.
    /// Kept data never authenticates anyone. Default false: it is removed.
    pub keep_ended_data: bool,
    /// Whether cookies are `Secure`; recorded in the data, where an Express peer looks for it. Default false.
    pub secure_cookies: bool,
    /// The `Domain` of cookies, recorded in the data for the same reason. Default: none, for this host only.
    pub cookie_domain: Option<String>,
    /// The most sessions that a user may have at once. A sign-in past it takes the place of the least recently active one.
    /// Default: no limit.
    pub max_sessions: Option<NonZeroU32>,
    /// How long ended sessions stay as history. Default 90 days.
    pub history_retention: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            timeouts: Timeouts::default(),
            keep_ended_data: false,
            secure_cookies: false,
            cookie_domain: None,
            max_sessions: None,
            history_retention: Duration::from_secs(90 * 24 * 3600),
        }
    }
}

/// Activity is recorded at most this often for each session: a write on every request would multiply its cost.
pub(super) const TOUCH_INTERVAL: Duration = Duration::from_secs(60);
