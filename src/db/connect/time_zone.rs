//! Reads the time zone of our PostgreSQL connections, which must be the peers': `user_sessions.expire` is a time
//! without zone.
//!
//! Diesel sets the zone of each connection to UTC, and `connection.rs` resets it to the server's default for our role.
//! `PGTZ`, `PGOPTIONS` or the URL can make libpq request another one.

use std::time::Duration;

use diesel::{
    RunQueryDsl,
    sql_types::{Bool, Nullable, Text},
};

use super::{
    connection::DbConnection,
    url::{DatabaseUrl, Engine},
};
use crate::error::Result;

/// The `TimeZone` of our connections to a PostgreSQL database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeZone {
    /// Its name on the server.
    pub name: String,
    /// Whether our side requested it, instead of taking the server's default.
    pub requested_by_client: bool,
    /// Whether it has summer time.
    pub clocks_change: bool,
    /// Other roles with another zone, and that zone.
    pub other_roles: Vec<(String, String)>,
    /// Our role, if it has this zone by a setting of its own that other roles don't share.
    pub role_setting: Option<String>,
}

#[derive(diesel::QueryableByName)]
struct ConnectionTimeZone {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Bool)]
    requested_by_client: bool,
    #[diesel(sql_type = Bool)]
    clocks_change: bool,
    #[diesel(sql_type = Nullable<Text>)]
    role_setting: Option<String>,
}

#[derive(diesel::QueryableByName)]
struct RoleTimeZone {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    zone: String,
}

#[derive(diesel::QueryableByName)]
struct Comparison {
    #[diesel(sql_type = Bool)]
    is_same: bool,
}

/// Returns the time zone of our connections to this database. Returns `None` for SQLite, whose times contain their
/// zone, and if the database can't be reached, which its next user reports better.
pub fn time_zone(url: &DatabaseUrl) -> Result<Option<TimeZone>> {
    let Some(mut connection) = connect(url) else { return Ok(None) };
    let zone: ConnectionTimeZone =
        diesel::sql_query(include_str!("time_zone/connection.sql")).get_result(&mut connection)?;
    let roles: Vec<RoleTimeZone> =
        diesel::sql_query(include_str!("time_zone/other_roles.sql")).load(&mut connection)?;
    Ok(Some(TimeZone {
        name: zone.name,
        requested_by_client: zone.requested_by_client,
        clocks_change: zone.clocks_change,
        other_roles: roles.into_iter().map(|role| (role.name, role.zone)).collect(),
        role_setting: zone.role_setting,
    }))
}

/// Whether two zones differ in their names only: they agree on every day of the past year and the next two.
pub fn is_same_zone(url: &DatabaseUrl, one: &str, other: &str) -> Result<bool> {
    let Some(mut connection) = connect(url) else { return Ok(one == other) };
    let compare = diesel::sql_query(
        "SELECT bool_and(t AT TIME ZONE $1 = t AT TIME ZONE $2) AS is_same
         FROM generate_series(now() - interval '1 year', now() + interval '2 years', interval '1 day') AS t",
    );
    let compare = compare.bind::<Text, _>(one).bind::<Text, _>(other);
    Ok(compare.get_result::<Comparison>(&mut connection)?.is_same)
}

fn connect(url: &DatabaseUrl) -> Option<DbConnection> {
    if url.engine() == Engine::Sqlite {
        return None;
    }
    // Only SQLite uses the lock timeout.
    DbConnection::open(url, Duration::ZERO).ok()
}
