//! Settings that are kept in the database, because its triggers and all instances have to agree on them.

use diesel::{OptionalExtension, prelude::*};

use super::{
    connect::{connection::DbConnection, url::DatabaseUrl},
    database::Database,
    schema::{
        keyrack_settings as settings, security_events,
        types::{Json, UserId},
    },
};
use crate::{
    clock::Timestamp,
    error::{Error, Result},
};

/// The name of the setting that [`Peers`] is kept under.
const PEERS: &str = "peers";

/// The name of the setting that records when the first user existed.
const SET_UP_AT: &str = "set_up_at";

/// How long security events are kept, in seconds. The triggers of both engines read it.
pub(crate) const EVENTS_RETENTION: &str = "events_retention_seconds";

/// The name, before the user's id, of the settings that say which changes of roles are under way. The triggers of both
/// engines read them.
const ROLE_CHANGE: &str = "role_change:";

/// What stands between the two roles in such a setting.
const ROLE_ARROW: &str = " -> ";

/// How far the security events of other programs were logged.
pub(crate) const LOGGED_EVENTS: &str = "events_logged";

/// Up to which security event owners were told of what happened to their accounts.
pub(crate) const NOTICED_EVENTS: &str = "events_noticed";

/// How long SQLite waits for another writer's lock.
const SQLITE_LOCK_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(60);

/// Whether sessions that another program writes are adopted.
///
/// A program that may write to `user_sessions` can make itself a session of any user, without a password or a secret.
/// So no program's sessions are adopted unless the database was imported from an Express application, or the operator
/// says so (`KEYRACK_PEERS`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Peers {
    /// Only Keyrack starts sessions. Rows that other programs write to `user_sessions` are left alone, and sign in no
    /// user at Keyrack.
    #[default]
    None,
    /// An Express application shares the tables: a session that it starts for a known user is a session of Keyrack.
    Express,
}

impl Peers {
    /// The value of the setting.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Express => "express",
        }
    }
}

/// Returns whether peers' sessions are adopted; `None` if that was never decided, which means [`Peers::None`].
pub(crate) fn stored_peers(connection: &mut DbConnection) -> Result<Option<Peers>> {
    let value = value_of(connection, PEERS)?;
    Ok(value.map(|value| if value == Peers::Express.as_str() { Peers::Express } else { Peers::None }))
}

/// Decides whether peers' sessions are adopted. A trigger records a change that no event of this transaction tells.
pub(crate) fn store_peers(connection: &mut DbConnection, peers: Peers) -> Result<()> {
    if stored_peers(connection)? == Some(peers) { Ok(()) } else { store(connection, PEERS, peers.as_str()) }
}

/// Does the same for an import, which Keyrack does by itself. Records the event, which this module's callers above do
/// otherwise.
pub(super) fn store_peers_by_system(connection: &mut DbConnection, peers: Peers) -> Result<()> {
    let before = stored_peers(connection)?.unwrap_or_default();
    if before != peers {
        let detail = serde_json::json!({ "setting": PEERS, "from": before.as_str(), "to": peers.as_str() });
        let event = (
            security_events::kind.eq("setting_changed"),
            security_events::actor.eq("system"),
            security_events::detail.eq(Json(detail.to_string())),
        );
        diesel::insert_into(security_events::table).values(event).execute(connection)?;
    }
    store_peers(connection, peers)
}

/// Decides whether peers' sessions are adopted by the database at `url`, for all instances and at once. Logs a change.
///
/// # Errors
/// [`Error::Invalid`] if the database can't be opened; otherwise the error of the write.
pub fn set_peers(url: &DatabaseUrl, peers: Peers) -> Result<()> {
    change_peers(url, peers, |_, _| Ok(()))
}

/// Does the same. If that changes what is stored, `record` is called before with what was stored, in the same transaction.
/// A change without such an event is recorded by a trigger, as another program's.
pub(crate) fn change_peers(
    url: &DatabaseUrl,
    peers: Peers,
    record: impl FnOnce(&mut DbConnection, Peers) -> Result<()>,
) -> Result<()> {
    let mut connection = DbConnection::open(url, SQLITE_LOCK_TIMEOUT)
        .map_err(|error| Error::Invalid(format!("cannot open the database {url}: {error}")))?;
    let before = connection.transaction(std::time::Instant::now() + SQLITE_LOCK_TIMEOUT, |connection| {
        let before = stored_peers(connection)?.unwrap_or_default();
        if before != peers {
            record(connection, before)?;
        }
        store_peers(connection, peers)?;
        Ok(before)
    })?;
    if before != peers {
        let before = before.as_str();
        match peers {
            Peers::Express => tracing::warn!(
                before,
                "KEYRACK_PEERS is express from now on: a program that may write to user_sessions can start a session \
                 of any user, and Keyrack accepts it"
            ),
            Peers::None => tracing::warn!(
                before,
                "KEYRACK_PEERS is none from now on: sessions that other programs start are not adopted; those that \
                 were adopted before stay until they end"
            ),
        }
    }
    Ok(())
}

/// Whether a first user was recorded.
pub(crate) fn is_set_up(connection: &mut DbConnection) -> Result<bool> {
    Ok(value_of(connection, SET_UP_AT)?.is_some())
}

/// Records that there has been a user. A trigger does so too, unless `users` is a view.
pub(crate) fn record_set_up(connection: &mut DbConnection, now: Timestamp) -> Result<()> {
    if is_set_up(connection)? { Ok(()) } else { store(connection, SET_UP_AT, &now.to_iso_micros()) }
}

/// Returns the setting that says how long security events are kept, in seconds.
pub(crate) fn events_retention(connection: &mut DbConnection) -> Result<Option<String>> {
    value_of(connection, EVENTS_RETENTION)
}

/// Writes how long security events are kept.
pub(crate) fn store_events_retention(connection: &mut DbConnection, seconds: i64) -> Result<()> {
    store(connection, EVENTS_RETENTION, &seconds.to_string())
}

/// A change of a user's role that has not reached the data of all their sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RoleChange {
    pub from: String,
    pub to: String,
}

impl RoleChange {
    fn text(&self) -> String {
        [self.from.as_str(), &self.to].join(ROLE_ARROW)
    }
}

/// Returns the change of this user's role that is under way.
pub(crate) fn role_change(connection: &mut DbConnection, user: UserId) -> Result<Option<RoleChange>> {
    let value = value_of(connection, &format!("{ROLE_CHANGE}{user}"))?;
    let change = |text: String| {
        let (from, to) = text.split_once(ROLE_ARROW)?;
        Some(RoleChange { from: from.to_owned(), to: to.to_owned() })
    };
    Ok(value.and_then(change))
}

/// Records that a change of a user's role is under way.
pub(crate) fn store_role_change(connection: &mut DbConnection, user: UserId, change: &RoleChange) -> Result<()> {
    store(connection, &format!("{ROLE_CHANGE}{user}"), &change.text())
}

/// Records that a change of a user's role has reached all their sessions.
pub(crate) fn remove_role_change(connection: &mut DbConnection, user: UserId, change: &RoleChange) -> Result<()> {
    let done = settings::table.find(format!("{ROLE_CHANGE}{user}")).filter(settings::value.eq(change.text()));
    diesel::delete(done).execute(connection)?;
    Ok(())
}

/// Finds the users whose roles are being changed.
pub(crate) fn users_with_role_change(connection: &mut DbConnection) -> Result<Vec<UserId>> {
    let names = settings::table.filter(settings::name.like(format!("{ROLE_CHANGE}%"))).select(settings::name);
    let names: Vec<String> = names.load(connection)?;
    Ok(names.iter().filter_map(|name| name.strip_prefix(ROLE_CHANGE)?.parse().ok()).collect())
}

/// How far a reader of the security events has come; `setting` is one of the names above.
pub(crate) fn read_events_cursor(connection: &mut DbConnection, setting: &str) -> Result<Option<String>> {
    value_of(connection, setting)
}

/// Writes how far such a reader has come.
pub(crate) fn store_events_cursor(connection: &mut DbConnection, setting: &str, cursor: &str) -> Result<()> {
    store(connection, setting, cursor)
}

impl Database {
    /// Whether peers' sessions are adopted.
    pub async fn peers(&self) -> Result<Peers> {
        Ok(self.read(stored_peers).await?.unwrap_or_default())
    }
}

fn value_of(connection: &mut DbConnection, name: &str) -> Result<Option<String>> {
    Ok(settings::table.find(name).select(settings::value).get_result(connection).optional()?)
}

/// Updates first: most settings that are written exist, and on SQLite an insert over a row costs its triggers more.
/// Diesel has no upsert for both engines at once; both have the same one.
fn store(connection: &mut DbConnection, name: &str, value: &str) -> Result<()> {
    use diesel::sql_types::Text;
    if diesel::update(settings::table.find(name)).set(settings::value.eq(value)).execute(connection)? > 0 {
        return Ok(());
    }
    let upsert = match connection {
        DbConnection::Postgres(_) => {
            "INSERT INTO keyrack_settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2"
        }
        DbConnection::Sqlite(_) => {
            "INSERT INTO keyrack_settings (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2"
        }
    };
    diesel::sql_query(upsert).bind::<Text, _>(name).bind::<Text, _>(value).execute(connection)?;
    Ok(())
}
