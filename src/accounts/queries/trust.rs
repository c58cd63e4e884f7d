//! The browsers that need no second factor.

use diesel::prelude::*;

use crate::{
    clock::Timestamp,
    db::{DbConnection, SessionId, UserId, schema::known_browsers, schema::types::SqlTime, sql::LoadReadable},
    error::Result,
};

/// A browser that needs no second factor.
pub(in crate::accounts) struct TrustedRow {
    pub session: SessionId,
    pub trusted_until: Timestamp,
    pub last_used_at: Timestamp,
}

/// Asks for a second factor again on the browsers that were last used for this session, or on all. Returns how many.
pub(in crate::accounts) fn end_trust(
    connection: &mut DbConnection,
    user: UserId,
    session: Option<SessionId>,
) -> Result<usize> {
    let trusted = known_browsers::table
        .filter(known_browsers::user_id.eq(user))
        .filter(known_browsers::trusted_until.is_not_null());
    let end = (known_browsers::trusted_until.eq(None::<SqlTime>), known_browsers::trusted_in.eq(None::<SessionId>));
    Ok(match session {
        Some(session) => {
            diesel::update(trusted.filter(known_browsers::session_id.eq(session))).set(end).execute(connection)?
        }
        None => diesel::update(trusted).set(end).execute(connection)?,
    })
}

/// The browsers of an account that need no second factor, the latest used first.
pub(in crate::accounts) fn trusted_browsers(
    connection: &mut DbConnection,
    user: UserId,
    now: Timestamp,
) -> Result<Vec<TrustedRow>> {
    let rows: Vec<(SessionId, SqlTime, SqlTime)> = known_browsers::table
        .filter(known_browsers::user_id.eq(user))
        .filter(known_browsers::trusted_until.gt(SqlTime::from(now)))
        .order(known_browsers::last_used_at.desc())
        .select((
            known_browsers::session_id,
            known_browsers::trusted_until.assume_not_null(),
            known_browsers::last_used_at,
        ))
        .load_readable(connection)?;
    let row = |(session, until, used): (SessionId, SqlTime, SqlTime)| TrustedRow {
        session,
        trusted_until: until.into(),
        last_used_at: used.into(),
    };
    Ok(rows.into_iter().map(row).collect())
}
