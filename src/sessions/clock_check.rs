//! Compares the clock of this machine with the database's, since an expiry in the future looks past to a clock that is
//! ahead: a purge would end everyone's sessions. A SQLite file has no clock, but its latest security events were written
//! by one: if they are in the future, one of the two was wrong.

use std::time::Duration;

use super::Sessions;
use crate::error::{Error, Result};

/// From this difference on, an operator is warned. Below it, the network's delay may be the cause.
const WARN_FROM: Duration = Duration::from_secs(5);

/// From this difference on, nothing is purged.
pub(super) const REFUSE_FROM: Duration = Duration::from_secs(60);

impl Sessions {
    /// Describes a difference of seconds or more between this machine's clock and that of the PostgreSQL server, and
    /// what to do about it. On SQLite the clock is compared with the latest security events. `None` if the clocks agree.
    pub async fn clock_problem(&self) -> Result<Option<String>> {
        let error = self.db.clock_error(&self.clock).await?.unwrap_or(0);
        let difference = Duration::from_micros(error.unsigned_abs());
        Ok((difference >= WARN_FROM).then(|| self.describe(error, difference)))
    }

    /// Refuses to purge by a clock that is wrong.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the clocks of this machine and the database differ by a minute or more.
    pub(super) async fn check_clock_before_purge(&self) -> Result<()> {
        let error = self.db.clock_error(&self.clock).await?.unwrap_or(0);
        let difference = Duration::from_micros(error.unsigned_abs());
        if difference >= REFUSE_FROM {
            return Err(Error::Invalid(format!("nothing was purged: {}", self.describe(error, difference))));
        }
        Ok(())
    }

    fn describe(&self, error: i64, difference: Duration) -> String {
        let direction = if error > 0 { "ahead of" } else { "behind" };
        let difference =
            humantime::format_duration(Duration::from_secs((difference + Duration::from_millis(500)).as_secs()));
        if self.db.has_clock() {
            format!(
                "the clock of this machine is {difference} {direction} the database's, and sessions expire at the wrong \
                 time: synchronise both clocks (NTP), then restart Keyrack"
            )
        } else {
            format!(
                "the clock of this machine is {difference} behind the latest security event in the database, and sessions \
                 expire at the wrong time: the clock is wrong now, or was when that event was written; synchronise it \
                 (NTP); if it is right now, run keyrack doctor --repair"
            )
        }
    }
}
