//! Finds a session, alive or not, by its sid or its id.

use diesel::{OptionalExtension, prelude::*};

use super::status::ACTIVE;
use crate::{
    clock::Timestamp,
    db::{
        DbConnection, SessionId, UserId,
        schema::types::SqlTime,
        schema::{replaced_sids, sessions, user_sessions},
        sql::as_instant,
    },
    error::Result,
    sessions::model::{EndReason, Sid},
};

/// What decides whether a session is over.
pub(in crate::sessions) struct SessionState {
    pub sid: Sid,
    /// The word for the reason, and the time, if it has ended.
    pub ended: Option<(String, Timestamp)>,
    pub absolute_expiry: Timestamp,
    /// `None` if it has no data.
    pub data_expiry: Option<Timestamp>,
}

impl SessionState {
    /// Why and when an active session has expired; `None` if it has not.
    pub fn expiry(&self, now: Timestamp) -> Option<(EndReason, Timestamp)> {
        Some(self.next_expiry()).filter(|(_, at)| *at <= now)
    }

    /// When an active session expires if it is not used, and why.
    pub fn next_expiry(&self) -> (EndReason, Timestamp) {
        let idle = self.data_expiry.filter(|at| *at < self.absolute_expiry);
        idle.map_or((EndReason::AbsoluteTimeout, self.absolute_expiry), |at| (EndReason::IdleTimeout, at))
    }
}

pub(in crate::sessions) fn find_by_sid(connection: &mut DbConnection, sid: &Sid) -> Result<Option<SessionState>> {
    let session = sessions::table.filter(sessions::sid.eq(sid.expose()));
    let row = session.select(COLUMNS).get_result(connection).optional()?;
    row.map(|row| state(connection, row)).transpose()
}

/// Finds one of a user's sessions.
pub(in crate::sessions) fn find_state(
    connection: &mut DbConnection,
    user: UserId,
    id: SessionId,
) -> Result<Option<SessionState>> {
    let session = sessions::table.find(id).filter(sessions::user_id.eq(user));
    let row = session.select(COLUMNS).get_result(connection).optional()?;
    row.map(|row| state(connection, row)).transpose()
}

type Row = (String, String, Option<String>, Option<SqlTime>, SqlTime);
const COLUMNS: (sessions::sid, sessions::status, sessions::end_reason, sessions::logged_out_at, sessions::expires_at) =
    (sessions::sid, sessions::status, sessions::end_reason, sessions::logged_out_at, sessions::expires_at);

fn state(connection: &mut DbConnection, row: Row) -> Result<SessionState> {
    let (sid, status, reason, at, absolute_expiry) = row;
    let data = user_sessions::table.find(&sid).select(as_instant(user_sessions::expire));
    let data_expiry: Option<SqlTime> = data.get_result(connection).optional()?;
    let absolute_expiry = Timestamp::from(absolute_expiry);
    let at = at.map_or(absolute_expiry, Timestamp::from);
    Ok(SessionState {
        sid: Sid::from_trusted(&sid),
        ended: (status != ACTIVE).then(|| (reason.unwrap_or_default(), at)),
        absolute_expiry,
        data_expiry: data_expiry.map(Timestamp::from),
    })
}

/// When a session got another sid in place of this one; `None` if no session had it before.
pub(in crate::sessions) fn replaced_at(connection: &mut DbConnection, sid: &Sid) -> Result<Option<Timestamp>> {
    let at: Option<Option<SqlTime>> =
        replaced_sids::table.find(sid.expose()).select(replaced_sids::replaced_at).get_result(connection).optional()?;
    Ok(at.flatten().map(Timestamp::from))
}
