//! Ends journaled sessions again, see [`History`](crate::db::history).

use super::{
    model::EndReason,
    queries::{self, EndTarget, Ending},
};
use crate::{
    clock::Timestamp,
    db::{
        DbConnection, SessionId,
        history::{EndStore, EndedSession, LostEnds, ReplacedSid, hash_of_sid},
    },
    error::Result,
    events::Source,
};

/// The sessions as the journal of ends uses them.
#[derive(Debug, Clone, Copy)]
pub(super) struct SessionEnds;

impl EndStore for SessionEnds {
    fn end_again(&self, connection: &mut DbConnection, ended: &[EndedSession]) -> Result<usize> {
        queries::end_again(connection, ended)
    }

    /// A session that was rotated and is active under its old sid again can't go on: its browser has the new sid.
    fn end_replaced(&self, connection: &mut DbConnection, replaced: &[ReplacedSid], at: Timestamp) -> Result<usize> {
        let ids: Vec<SessionId> = replaced.iter().map(|replaced| replaced.id).collect();
        let ending = Ending { reason: EndReason::Replaced, at, keep_data: false, source: Source::system() };
        let mut ended = 0;
        for (id, sid) in queries::active_sids(connection, &ids)? {
            let hash = hash_of_sid(&sid);
            if replaced.iter().any(|replaced| replaced.id == id && replaced.sid == hash) {
                ended += queries::end(connection, &EndTarget::Id(id), &ending)?.len();
            }
        }
        Ok(ended)
    }

    fn ended_since(
        &self,
        connection: &mut DbConnection,
        since: Option<Timestamp>,
        now: Timestamp,
        after: Option<(Timestamp, SessionId)>,
        limit: i64,
    ) -> Result<Vec<EndedSession>> {
        queries::ended_since(connection, since, now, after, limit)
    }

    fn lost_ends_since(
        &self,
        connection: &mut DbConnection,
        since: Option<Timestamp>,
        now: Timestamp,
        after: Option<(Timestamp, SessionId)>,
        limit: i64,
    ) -> Result<LostEnds> {
        queries::lost_ends_since(connection, since, now, after, limit)
    }

    fn replaced_after(
        &self,
        connection: &mut DbConnection,
        now: Timestamp,
        after: Option<String>,
        limit: i64,
    ) -> Result<(Vec<ReplacedSid>, Option<String>)> {
        let rows = queries::replaced_after(connection, now, after, limit)?;
        let last = rows.last().map(|row| row.sid.clone());
        let replaced = |row: &queries::FormerSid| ReplacedSid::new(row.session, &row.sid, now, row.absolute_expiry);
        Ok((rows.iter().map(replaced).collect(), last))
    }

    fn has_sessions(&self, connection: &mut DbConnection) -> Result<bool> {
        queries::has_sessions(connection)
    }

    fn count_active(&self, connection: &mut DbConnection, ids: &[SessionId]) -> Result<usize> {
        queries::count_active(connection, ids)
    }
}
