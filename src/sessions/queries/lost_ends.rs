//! Reads and deletes the ends that can't be read from `sessions`: triggers keep them for the journal of ends.

use std::collections::HashSet;

use diesel::prelude::*;

use super::status::ACTIVE;
use crate::{
    clock::Timestamp,
    db::{
        DbConnection, MultiBackend, SessionId,
        history::{EndedSession, LostEnds},
        schema::types::SqlTime,
        schema::{ends_for_journal, sessions},
        sql::LoadReadable,
    },
    error::Result,
};

type Row = (SessionId, String, SqlTime, SqlTime, SqlTime, bool);

/// Reads the next of these ends that have entered into force since a time, in that order. After a TRUNCATE, those whose
/// sessions are alive again are left out: it was part of a restore.
pub(in crate::sessions) fn lost_ends_since(
    connection: &mut DbConnection,
    since: Option<Timestamp>,
    now: Timestamp,
    after: Option<(Timestamp, SessionId)>,
    limit: i64,
) -> Result<LostEnds> {
    let now = SqlTime::from(now);
    let mut query = ends_for_journal::table
        .filter(ends_for_journal::expires_at.gt(now))
        .filter(ends_for_journal::settles_at.le(now))
        .order((ends_for_journal::settles_at, ends_for_journal::session_id))
        .limit(limit)
        .select((
            ends_for_journal::session_id,
            ends_for_journal::end_reason,
            ends_for_journal::ended_at,
            ends_for_journal::expires_at,
            ends_for_journal::settles_at,
            ends_for_journal::is_truncated,
        ))
        .into_boxed::<MultiBackend>();
    if let Some(since) = since {
        query = query.filter(ends_for_journal::settles_at.ge(SqlTime::from(since)));
    }
    if let Some((at, id)) = after {
        let at = SqlTime::from(at);
        let is_later = ends_for_journal::settles_at
            .gt(at)
            .or(ends_for_journal::settles_at.eq(at).and(ends_for_journal::session_id.gt(id)));
        query = query.filter(is_later);
    }
    let page = query.load_page::<Row>(connection)?;
    let is_full = i64::try_from(page.len()).is_ok_and(|count| count >= limit);
    let rows = page.rows;
    let last = rows.last().map(|(id, .., settles_at, _)| (Timestamp::from(*settles_at), *id)).filter(|_| is_full);
    let truncated: Vec<SessionId> = rows.iter().filter(|row| row.5).map(|(id, ..)| *id).collect();
    let restored = alive_of(connection, truncated, now)?;
    let ended =
        |(id, reason, ended_at, expires_at, ..): Row| EndedSession::new(id, reason, ended_at.into(), expires_at.into());
    Ok(LostEnds { ended: rows.into_iter().filter(|(id, ..)| !restored.contains(id)).map(ended).collect(), last })
}

fn alive_of(connection: &mut DbConnection, ids: Vec<SessionId>, now: SqlTime) -> Result<HashSet<SessionId>> {
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let alive = sessions::table
        .filter(sessions::id.eq_any(ids))
        .filter(sessions::status.eq(ACTIVE))
        .filter(sessions::expires_at.gt(now))
        .select(sessions::id);
    Ok(alive.load_readable::<SessionId>(connection)?.into_iter().collect())
}

/// Finds ends of sessions that would have expired by now, which no journal needs any longer. Passes over the
/// first `passed` rows.
pub(in crate::sessions) fn find_outdated_ends(
    connection: &mut DbConnection,
    now: Timestamp,
    passed: i64,
    limit: i64,
) -> Result<Vec<SessionId>> {
    let outdated = ends_for_journal::table.filter(ends_for_journal::expires_at.le(SqlTime::from(now)));
    Ok(outdated
        .order(ends_for_journal::expires_at)
        .offset(passed)
        .limit(limit)
        .select(ends_for_journal::session_id)
        .load_readable(connection)?)
}

/// Deletes such ends.
pub(in crate::sessions) fn forget_ends(connection: &mut DbConnection, ids: &[SessionId]) -> Result<usize> {
    let rows = ends_for_journal::table.filter(ends_for_journal::session_id.eq_any(ids));
    Ok(diesel::delete(rows).execute(connection)?)
}
