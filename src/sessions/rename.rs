//! Rename: an owner names a session, to tell it from others.

use std::time::Duration;

use super::{
    Sessions,
    model::SessionRecord,
    name::SessionName,
    queries::{self, Naming},
};
use crate::{
    clock::Timestamp,
    db::{DbConnection, SessionId, UserId},
    error::Result,
    events::{self, EventKind},
};

/// Names that one user may give within [`NAMING_PERIOD`]. Each leaves an event.
const MAX_NAMINGS: i64 = 30;

/// See [`MAX_NAMINGS`].
const NAMING_PERIOD: Duration = Duration::from_secs(60 * 60);

/// What became of a new name.
#[derive(Debug, Clone)]
pub enum Renaming {
    /// The session has it.
    Done(Box<SessionRecord>),
    /// The user has no such session. Another user's is treated like one that does not exist.
    NoSuchSession,
    /// The user has given too many names within an hour, and may give the next one after this time.
    TooMany {
        /// How long the user has to wait.
        retry_after: Duration,
    },
}

impl Sessions {
    /// Names one of a user's sessions, alive or ended, or removes its name.
    ///
    /// An event records the name, since a name can make a thief's device pass for one of the owner's. Therefore names are
    /// limited to 30 per hour: thousands would hide the events of everything else.
    pub async fn rename(&self, user: UserId, id: SessionId, name: Option<SessionName>) -> Result<Renaming> {
        let (now, source) = (self.clock.now(), self.source_of_start());
        self.db
            .transaction(move |connection| {
                // The limit is the user's: of two sessions that are named at once, one waits for the other.
                queries::lock_user(connection, user)?;
                let name = name.as_ref().map(SessionName::as_str);
                let naming = Naming { user, id, name, is_restored: false, now, source: &source };
                let Some(former) = queries::lock_name(connection, user, id)? else {
                    return Ok(Renaming::NoSuchSession);
                };
                if former != naming.name.unwrap_or_default() {
                    if let Some(retry_after) = naming_pause(connection, user, now)? {
                        return Ok(Renaming::TooMany { retry_after });
                    }
                    queries::set_name(connection, &former, &naming)?;
                }
                let found = queries::find_own(connection, user, id)?;
                Ok(found.map_or(Renaming::NoSuchSession, |record| Renaming::Done(Box::new(record))))
            })
            .await
    }
}

/// How long the user has to wait before the next name; `None` if there is no need to.
fn naming_pause(connection: &mut DbConnection, user: UserId, now: Timestamp) -> Result<Option<Duration>> {
    let since = now - NAMING_PERIOD;
    let latest = events::latest_since(connection, user, EventKind::SessionRenamed, since, MAX_NAMINGS)?;
    let oldest = latest.last().filter(|_| latest.len() >= usize::try_from(MAX_NAMINGS).unwrap_or(usize::MAX));
    Ok(oldest.and_then(|oldest| oldest.at).map(|at| (at + NAMING_PERIOD).since(now)))
}
