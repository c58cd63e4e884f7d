//! Finds the sign-in of a session, to recognise a form that is sent twice.

use diesel::{OptionalExtension, prelude::*};

use super::status::ACTIVE;
use crate::{
    clock::Timestamp,
    db::{
        DbConnection, FormId, SessionId, UserId,
        schema::types::SqlTime,
        schema::{replaced_sids, sessions},
    },
    error::Result,
    sessions::model::Sid,
};

/// The sign-in of a session.
pub(in crate::sessions) struct FoundSignIn {
    pub sid: Sid,
    pub user_id: UserId,
    pub remembered: bool,
    pub user_agent: Option<String>,
    /// From where.
    pub ip_address: Option<String>,
    /// The form that has signed in last.
    pub form: Option<FormId>,
    pub created_at: Timestamp,
    /// When its user last proved in it who they are; `None` if it has ended, or was started by another program.
    pub proved_at: Option<Timestamp>,
}

type Columns = (String, UserId, String, bool, Option<String>, Option<String>, Option<FormId>, SqlTime, Option<SqlTime>);

const COLUMNS: (
    sessions::sid,
    sessions::user_id,
    sessions::status,
    sessions::remembered,
    sessions::user_agent,
    sessions::ip_address,
    sessions::form_id,
    sessions::created_at,
    sessions::authenticated_at,
) = (
    sessions::sid,
    sessions::user_id,
    sessions::status,
    sessions::remembered,
    sessions::user_agent,
    sessions::ip_address,
    sessions::form_id,
    sessions::created_at,
    sessions::authenticated_at,
);

impl From<Columns> for FoundSignIn {
    fn from(columns: Columns) -> Self {
        let (sid, user_id, status, remembered, user_agent, ip_address, form, created_at, authenticated_at) = columns;
        Self {
            sid: Sid::from_trusted(&sid),
            user_id,
            remembered,
            user_agent,
            ip_address,
            form,
            created_at: created_at.into(),
            proved_at: authenticated_at.filter(|_| status == ACTIVE).map(Timestamp::from),
        }
    }
}

/// Finds the sign-in of the session with this id, alive or not.
pub(in crate::sessions) fn find_sign_in(connection: &mut DbConnection, id: SessionId) -> Result<Option<FoundSignIn>> {
    let row: Option<Columns> = sessions::table.find(id).select(COLUMNS).get_result(connection).optional()?;
    Ok(row.map(FoundSignIn::from))
}

/// Finds the sign-in of the session that has this sid now, alive or not.
pub(in crate::sessions) fn find_sign_in_by_sid(
    connection: &mut DbConnection,
    sid: &Sid,
) -> Result<Option<FoundSignIn>> {
    let of_sid = sessions::table.filter(sessions::sid.eq(sid.expose()));
    let row: Option<Columns> = of_sid.select(COLUMNS).get_result(connection).optional()?;
    Ok(row.map(FoundSignIn::from))
}

/// Finds the sign-in of the session that this form has started, alive or not.
pub(in crate::sessions) fn find_sign_in_by_form(
    connection: &mut DbConnection,
    form: FormId,
) -> Result<Option<FoundSignIn>> {
    let of_form = sessions::table.filter(sessions::form_id.eq(form));
    let row: Option<Columns> = of_form.select(COLUMNS).get_result(connection).optional()?;
    Ok(row.map(FoundSignIn::from))
}

/// Finds the session that has replaced this sid by another one.
pub(in crate::sessions) fn find_replaced(connection: &mut DbConnection, sid: &Sid) -> Result<Option<SessionId>> {
    Ok(replaced_sids::table.find(sid.expose()).select(replaced_sids::session_id).get_result(connection).optional()?)
}

/// Finds the sids that this session had before, `limit` at most, the latest first. Those that must not be used since
/// its sign-in, but were never its own, have no time.
pub(in crate::sessions) fn former_sids_of(
    connection: &mut DbConnection,
    session: SessionId,
    limit: i64,
) -> Result<Vec<Sid>> {
    let of_session = replaced_sids::session_id.eq(session).and(replaced_sids::replaced_at.is_not_null());
    let former = replaced_sids::table.filter(of_session).order(replaced_sids::replaced_at.desc()).limit(limit);
    let sids: Vec<String> = former.select(replaced_sids::sid).load(connection)?;
    Ok(sids.iter().map(|sid| Sid::from_trusted(sid)).collect())
}
