//! Whether our connections have the time zone that the peers' have: `user_sessions.expire` means what it makes of it.
//!
//! Diesel sets the zone of its connections, and ours set it back (`connection.rs`): to what the server gives to whoever asks for
//! nothing, unless libpq asks for something, because of `PGTZ`, `PGOPTIONS` or the URL.

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
    /// Its name, as the server has it.
    pub name: String,
    /// Whether our own side asked for it.
    pub requested_by_client: bool,
    /// Whether its clocks change in the course of a year.
    pub clocks_change: bool,
    /// Roles that have another zone, and which.
    pub other_roles: Vec<(String, String)>,
    /// Our own role, if it has this zone by a setting of its own and others don't.
    pub role_setting: Option<String>,
}

#[derive(diesel::QueryableByName)]
struct Own {
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
struct Role {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    zone: String,
}

#[derive(diesel::QueryableByName)]
struct Verdict {
    #[diesel(sql_type = Bool)]
    same: bool,
}

/// How long a database is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// The zone that our connections to this database have. `None` for SQLite, whose times say their zone, and where the database
/// can't be reached, which whoever uses it will say better.
pub fn time_zone(url: &DatabaseUrl) -> Result<Option<TimeZone>> {
    let Some(mut connection) = connect(url) else { return Ok(None) };
    let own: Own = diesel::sql_query(include_str!("time_zone/own.sql")).get_result(&mut connection)?;
    let roles: Vec<Role> = diesel::sql_query(include_str!("time_zone/other_roles.sql")).load(&mut connection)?;
    Ok(Some(TimeZone {
        name: own.name,
        requested_by_client: own.requested_by_client,
        clocks_change: own.clocks_change,
        other_roles: roles.into_iter().map(|role| (role.name, role.zone)).collect(),
        role_setting: own.role_setting,
    }))
}

/// Whether two zones are the same but for their names.
pub fn is_same_zone(url: &DatabaseUrl, one: &str, other: &str) -> Result<bool> {
    let Some(mut connection) = connect(url) else { return Ok(one == other) };
    let same = diesel::sql_query(
        "SELECT bool_and(t AT TIME ZONE $1 = t AT TIME ZONE $2) AS same
         FROM generate_series(now() - interval '1 year', now() + interval '2 years', interval '1 day') AS t",
    );
    let same = same.bind::<Text, _>(one).bind::<Text, _>(other);
    Ok(same.get_result::<Verdict>(&mut connection)?.same)
}

fn connect(url: &DatabaseUrl) -> Option<DbConnection> {
    let is_postgres = url.engine() == Engine::Postgres;
    is_postgres.then(|| DbConnection::open(url, PATIENCE).ok()).flatten()
}
