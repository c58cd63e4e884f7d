//! Finds a session by its sid, alive or not.

use diesel::{OptionalExtension, prelude::*};

use super::status::ACTIVE;
use crate::{
    clock::Timestamp,
    db::{
        DbConnection,
        schema::types::SqlTime,
        schema::{sessions, user_sessions},
        sql::as_instant,
    },
    error::Result,
    sessions::model::{EndReason, Sid},
};

/// What decides whether a session is over.
pub(in crate::sessions) struct SessionState {
    /// The word for the reason, and the time, if it has ended.
    pub ended: Option<(String, Timestamp)>,
    pub absolute_expiry: Timestamp,
    /// `None` if it has no data.
    pub data_expiry: Option<Timestamp>,
}

impl SessionState {
    /// Why and when an active session has expired; `None` if it has not.
    pub fn expiry(&self, now: Timestamp) -> Option<(EndReason, Timestamp)> {
        let absolute = (EndReason::AbsoluteTimeout, self.absolute_expiry);
        let idle = self.data_expiry.filter(|at| *at < self.absolute_expiry).map(|at| (EndReason::IdleTimeout, at));
        Some(idle.unwrap_or(absolute)).filter(|(_, at)| *at <= now)
    }
}

pub(in crate::sessions) fn find_by_sid(connection: &mut DbConnection, sid: &Sid) -> Result<Option<SessionState>> {
    type Row = (String, Option<String>, Option<SqlTime>, SqlTime);
    let session = sessions::table.filter(sessions::sid.eq(sid.expose()));
    let columns = (sessions::status, sessions::end_reason, sessions::logged_out_at, sessions::expires_at);
    let Some((status, reason, at, absolute_expiry)) =
        session.select(columns).get_result::<Row>(connection).optional()?
    else {
        return Ok(None);
    };
    let data = user_sessions::table.find(sid.expose()).select(as_instant(user_sessions::expire));
    let data_expiry: Option<SqlTime> = data.get_result(connection).optional()?;
    let absolute_expiry = Timestamp::from(absolute_expiry);
    let at = at.map_or(absolute_expiry, Timestamp::from);
    Ok(Some(SessionState {
        ended: (status != ACTIVE).then(|| (reason.unwrap_or_default(), at)),
        absolute_expiry,
        data_expiry: data_expiry.map(Timestamp::from),
    }))
}
