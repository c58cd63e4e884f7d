//! Whether a session is bound to a browser.

use std::time::Duration;

use crate::clock::Timestamp;

/// How long requests are let in without a proof once the session is bound: those that the browser had sent before it had
/// the first one.
const GRACE: Duration = Duration::from_secs(10);

/// Whether a session is bound to a browser: the column `bound_from`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// It has no key.
    Unbound,
    /// It has a key, but no request has shown yet that its browser has got the answer.
    Unconfirmed,
    /// Requests without a proof are refused from then on.
    From(Timestamp),
}

impl Binding {
    /// The value of `bound_from` before the first request with a proof.
    pub(super) const UNCONFIRMED: Timestamp = Timestamp::MAX;

    /// Reads the column.
    pub(super) fn of(bound_from: Option<Timestamp>) -> Self {
        match bound_from {
            None => Self::Unbound,
            Some(Self::UNCONFIRMED) => Self::Unconfirmed,
            Some(at) => Self::From(at),
        }
    }

    /// The binding that comes into force at `now`, and the value of the column.
    pub(super) fn confirmed(now: Timestamp) -> (Self, Timestamp) {
        (Self::From(now + GRACE), now + GRACE)
    }

    /// Whether the session is bound, from now on or in a moment.
    pub fn is_bound(self) -> bool {
        matches!(self, Self::From(_))
    }

    /// Whether requests without a proof are refused. A time further in the future than the grace, from a clock that has been
    /// corrected since, delays nothing.
    pub(crate) fn is_enforced(self, now: Timestamp) -> bool {
        matches!(self, Self::From(at) if now >= at || at.since(now) > GRACE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_769_600_000_000_000);

    #[test]
    fn binding_is_enforced_after_its_grace_only() {
        let from = NOW + GRACE;
        let binding = Binding::of(Some(from));
        assert!(!binding.is_enforced(NOW) && binding.is_bound());
        assert!(binding.is_enforced(from) && binding.is_enforced(from + GRACE));
        assert!(binding.is_enforced(NOW - Duration::from_micros(1)), "the clock was set back");
        for other in [None, Some(Binding::UNCONFIRMED)] {
            assert!(!Binding::of(other).is_enforced(from) && !Binding::of(other).is_bound());
        }
    }
}
