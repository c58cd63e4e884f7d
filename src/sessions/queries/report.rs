//! What may belong to a session that its owner has reported.

use diesel::{dsl::exists, prelude::*};

use super::rows::RecordRow;
use crate::{
    clock::Timestamp,
    db::{
        DbConnection, MultiBackend, SessionId, UserId,
        schema::types::SqlTime,
        schema::{known_browsers, sessions, users},
        sql::LoadReadable,
    },
    error::Result,
    sessions::{model::SessionRecord, way_in::WayIn},
};

/// Maximum sessions that a report lists.
pub(in crate::sessions) const MAX_LISTED_SINCE: usize = 50;

/// One more is the reported session itself, and another one shows that there are too many.
const ROWS_TO_READ: i64 = 52;

/// Forgets the browser whose last sign-in was this session.
pub(in crate::sessions) fn forget_browser_of(
    connection: &mut DbConnection,
    user: UserId,
    session: SessionId,
) -> Result<()> {
    let browser =
        known_browsers::table.filter(known_browsers::session_id.eq(session)).filter(known_browsers::user_id.eq(user));
    diesel::delete(browser).execute(connection)?;
    Ok(())
}

/// Whether this session was the last sign-in of a browser that the account knows.
pub(in crate::sessions) fn is_last_of_a_browser(
    connection: &mut DbConnection,
    user: UserId,
    session: SessionId,
) -> Result<bool> {
    let browser =
        known_browsers::table.filter(known_browsers::session_id.eq(session)).filter(known_browsers::user_id.eq(user));
    Ok(diesel::select(exists(browser)).get_result(connection)?)
}

/// Finds the user's sessions that a password has let in, or has confirmed, from `since` on and before `until`, the active
/// ones first, then the latest.
pub(in crate::sessions) fn let_in_between(
    connection: &mut DbConnection,
    user: UserId,
    since: Timestamp,
    until: Option<Timestamp>,
) -> Result<Vec<SessionRecord>> {
    let since = SqlTime::from(since);
    let by_password: Vec<&str> = WayIn::by_password().map(WayIn::as_str).collect();
    let mut query = sessions::table
        .inner_join(users::table)
        .filter(sessions::user_id.eq(user))
        .filter(
            // A password may have confirmed a session that another program has started.
            sessions::authenticated_at
                .ge(since)
                .assume_not_null()
                .or(sessions::created_at.ge(since).and(sessions::authorised_by.eq_any(by_password))),
        )
        .order((sessions::status, sessions::created_at.desc(), sessions::id))
        .limit(ROWS_TO_READ)
        .select(RecordRow::as_select())
        .into_boxed::<MultiBackend>();
    if let Some(until) = until {
        query = query.filter(sessions::created_at.lt(SqlTime::from(until)));
    }
    let rows: Vec<RecordRow> = query.load_readable(connection)?;
    Ok(rows.into_iter().map(SessionRecord::from).collect())
}
