//! Registrations that wait for a proof of their address.

use diesel::{OptionalExtension, prelude::*};

use crate::{
    clock::Timestamp,
    db::{DbConnection, LinkId, schema::registrations, schema::types::SqlTime, sql::LoadReadable},
    error::Result,
};

/// A registration to insert.
pub(in crate::accounts) struct NewRegistration {
    pub id: LinkId,
    pub address: String,
    pub token_hash: String,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// One that was stored.
#[derive(Debug, Clone)]
pub(in crate::accounts) struct Registration {
    pub address: String,
    pub token_hash: String,
    pub expires_at: Timestamp,
    pub used_at: Option<Timestamp>,
    pub voided_at: Option<Timestamp>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = registrations)]
struct Row {
    address: String,
    token_hash: String,
    expires_at: SqlTime,
    used_at: Option<SqlTime>,
    voided_at: Option<SqlTime>,
}

impl From<Row> for Registration {
    fn from(row: Row) -> Self {
        Self {
            address: row.address,
            token_hash: row.token_hash,
            expires_at: row.expires_at.into(),
            used_at: row.used_at.map(Timestamp::from),
            voided_at: row.voided_at.map(Timestamp::from),
        }
    }
}

pub(in crate::accounts) fn insert_registration(connection: &mut DbConnection, new: &NewRegistration) -> Result<()> {
    diesel::insert_into(registrations::table)
        .values((
            registrations::id.eq(new.id),
            registrations::address.eq(&new.address),
            registrations::token_hash.eq(&new.token_hash),
            registrations::created_at.eq(SqlTime::from(new.created_at)),
            registrations::expires_at.eq(SqlTime::from(new.expires_at)),
        ))
        .execute(connection)?;
    Ok(())
}

pub(in crate::accounts) fn find_registration(
    connection: &mut DbConnection,
    id: LinkId,
) -> Result<Option<Registration>> {
    let row: Option<Row> = registrations::table.find(id).select(Row::as_select()).first(connection).optional()?;
    Ok(row.map(Registration::from))
}

/// Uses a registration up, and makes the others of its address void.
pub(in crate::accounts) fn use_registration(
    connection: &mut DbConnection,
    id: LinkId,
    address: &str,
    now: Timestamp,
) -> Result<()> {
    let now = Some(SqlTime::from(now));
    diesel::update(registrations::table.find(id)).set(registrations::used_at.eq(now)).execute(connection)?;
    let others = registrations::table
        .filter(registrations::address.eq(address))
        .filter(registrations::used_at.is_null().and(registrations::voided_at.is_null()));
    diesel::update(others).set(registrations::voided_at.eq(now)).execute(connection)?;
    Ok(())
}

/// Deletes up to `limit` registrations that expired before `before`.
pub(in crate::accounts) fn purge_registrations(
    connection: &mut DbConnection,
    before: Timestamp,
    limit: i64,
) -> Result<usize> {
    let old: Vec<LinkId> = registrations::table
        .filter(registrations::expires_at.lt(SqlTime::from(before)))
        .limit(limit)
        .select(registrations::id)
        .load_readable(connection)?;
    Ok(diesel::delete(registrations::table.filter(registrations::id.eq_any(old))).execute(connection)?)
}
