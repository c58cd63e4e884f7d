//! What may belong to a session that its owner has reported.

use std::collections::BTreeSet;

use diesel::{dsl::exists, prelude::*};

use super::{rows::RecordRow, status::ACTIVE};
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

/// Ids per statement.
const IDS_PER_STATEMENT: usize = 500;

/// Forgets the browsers whose last sign-in was one of these sessions of the user.
pub(in crate::sessions) fn forget_browsers_of(
    connection: &mut DbConnection,
    user: UserId,
    sessions: &BTreeSet<SessionId>,
) -> Result<()> {
    for ids in chunks(sessions) {
        let browsers = known_browsers::table
            .filter(known_browsers::session_id.eq_any(ids))
            .filter(known_browsers::user_id.eq(user));
        diesel::delete(browsers).execute(connection)?;
    }
    Ok(())
}

/// Those of these sessions of the user that are active.
pub(in crate::sessions) fn active_among(
    connection: &mut DbConnection,
    user: UserId,
    among: &BTreeSet<SessionId>,
) -> Result<Vec<SessionId>> {
    let mut active = Vec::new();
    for ids in chunks(among) {
        let found = sessions::table
            .filter(sessions::id.eq_any(ids))
            .filter(sessions::user_id.eq(user))
            .filter(sessions::status.eq(ACTIVE));
        active.extend(found.select(sessions::id).load_readable::<SessionId>(connection)?);
    }
    Ok(active)
}

fn chunks(ids: &BTreeSet<SessionId>) -> Vec<Vec<SessionId>> {
    let ids: Vec<SessionId> = ids.iter().copied().collect();
    ids.chunks(IDS_PER_STATEMENT).map(<[_]>::to_vec).collect()
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

/// The active sessions of a user that a password has let in since then.
pub(in crate::sessions) fn by_password_since(
    connection: &mut DbConnection,
    user: UserId,
    since: Timestamp,
) -> Result<Vec<SessionId>> {
    let by_password: Vec<&str> = WayIn::by_password().map(WayIn::as_str).collect();
    let found = sessions::table
        .filter(sessions::user_id.eq(user).and(sessions::status.eq(ACTIVE)))
        .filter(sessions::created_at.ge(SqlTime::from(since)).and(sessions::authorised_by.eq_any(by_password)));
    Ok(found.select(sessions::id).load_readable(connection)?)
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
