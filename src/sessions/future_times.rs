//! Finds sessions that are dated in the future, because the clock of a machine was ahead when it wrote them.
//!
//! Such a session lives longer than it should, by as much as the clock was ahead. Nothing corrects it by itself: from the
//! rows alone, a clock that was ahead then looks like one that is behind now.

use super::{
    Sessions,
    clock_check::REFUSE_FROM,
    doctor::{Breach, MAX_REPAIRS_PER_TRANSACTION},
    queries,
};
use crate::{db::DbConnection, error::Result};

/// The rule that they break.
const RULE: &str = "dated in the future";

impl Sessions {
    /// Finds what is dated a minute or more in the future, and with `repair` dates it now. By a clock that differs from the
    /// database's, nothing is found.
    pub(super) async fn check_future_times(&self, repair: bool) -> Result<Vec<Breach>> {
        let Some(error) = self.db.clock_error(&self.clock).await? else { return Ok(Vec::new()) };
        let is_wrong = error.unsigned_abs() >= u64::try_from(REFUSE_FROM.as_micros()).unwrap_or(u64::MAX);
        if is_wrong && self.db.has_clock() {
            return Ok(Vec::new());
        }
        let mut breaches = Vec::new();
        if is_wrong {
            breaches.push(self.future_events(repair).await?);
        }
        let now = self.clock.now();
        let latest = now + REFUSE_FROM;
        let ids = self.db.read(move |connection| queries::dated_after(connection, latest)).await?;
        if repair {
            for batch in ids.chunks(MAX_REPAIRS_PER_TRANSACTION) {
                let batch = batch.to_vec();
                let date_back = move |connection: &mut DbConnection| {
                    batch.iter().try_for_each(|id| queries::date_back(connection, *id, now))
                };
                self.db.transaction(date_back).await?;
            }
        }
        breaches.extend(ids.into_iter().map(|id| {
            Breach {
                rule: RULE,
                session_id: Some(id),
                detail:
                    "a clock was ahead when the session was written, and it lives longer by that: if the clock of this \
                     machine is right, `keyrack doctor --repair` dates it now"
                        .to_owned(),
                repaired: repair,
            }
        }));
        Ok(breaches)
    }

    /// A SQLite file whose latest events are in the future is not purged, until an operator says that the clock is right.
    async fn future_events(&self, repair: bool) -> Result<Breach> {
        if repair {
            self.db.accept_clock().await?;
        }
        Ok(Breach {
            rule: RULE,
            session_id: None,
            detail:
                "the latest security events are in the future, so nothing is purged: if the clock of this machine is \
                     right, `keyrack doctor --repair` lets the purge go on"
                    .to_owned(),
            repaired: repair,
        })
    }
}
