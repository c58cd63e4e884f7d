//! What the journal needs of the sessions, which are above `db`.

use super::record::{EndedSession, ReplacedSid};
use crate::{
    clock::Timestamp,
    db::{DbConnection, SessionId},
    error::Result,
};

/// A page of ends that can't be read from the sessions.
pub(crate) struct LostEnds {
    pub ended: Vec<EndedSession>,
    /// Where the next page begins; `None` on the last page.
    pub last: Option<(Timestamp, SessionId)>,
}

/// The statements on sessions that the watcher needs.
pub(crate) trait EndStore: Send + 'static {
    /// Ends those of the sessions that are active. Returns how many were.
    fn end_again(&self, connection: &mut DbConnection, ended: &[EndedSession]) -> Result<usize>;

    /// Ends the active sessions that have one of these sids. Returns how many had.
    fn end_replaced(&self, connection: &mut DbConnection, replaced: &[ReplacedSid], at: Timestamp) -> Result<usize>;

    /// Reads the next sessions that were ended, not those that expired, since a time, in the order of their ends. Those
    /// that would have expired at `now` are left out.
    fn ended_since(
        &self,
        connection: &mut DbConnection,
        since: Option<Timestamp>,
        now: Timestamp,
        after: Option<(Timestamp, SessionId)>,
        limit: i64,
    ) -> Result<Vec<EndedSession>>;

    /// Reads the ends that can't be read from the sessions: of those whose rows were deleted, or whose expiry was moved
    /// to the past. The arguments are those of [`EndStore::ended_since`].
    fn lost_ends_since(
        &self,
        connection: &mut DbConnection,
        since: Option<Timestamp>,
        now: Timestamp,
        after: Option<(Timestamp, SessionId)>,
        limit: i64,
    ) -> Result<LostEnds>;

    /// Reads the next former sids of active sessions after a sid, and returns the last one.
    fn replaced_after(
        &self,
        connection: &mut DbConnection,
        now: Timestamp,
        after: Option<String>,
        limit: i64,
    ) -> Result<(Vec<ReplacedSid>, Option<String>)>;

    /// Returns whether the database has any session, ended ones included.
    fn has_sessions(&self, connection: &mut DbConnection) -> Result<bool>;

    /// Returns how many of the sessions are active.
    fn count_active(&self, connection: &mut DbConnection, ids: &[SessionId]) -> Result<usize>;
}
