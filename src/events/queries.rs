//! The statements on `security_events`.

use std::time::Duration;

use diesel::{
    OptionalExtension,
    dsl::sql,
    prelude::*,
    sql_types::{BigInt, Bool, Nullable, Text},
};
use serde_json::{Map, Value};

use super::{
    event::{EventCursor, NewEvent, SecurityEvent},
    filter::{EventFilter, PageStart},
    kind::EventKind,
};
use crate::{
    clock::Timestamp,
    db::{
        DbConnection, MultiBackend, SessionId, UserId,
        schema::{
            security_events,
            types::{Instant, Json, SqlJson, SqlTime, SqlUuid},
        },
        sql::{Readable, sql_file},
    },
    error::Result,
};

/// Inserts an event.
pub(super) fn insert(connection: &mut DbConnection, event: &NewEvent, now: Timestamp) -> Result<()> {
    let detail = Json(Value::Object(event.detail.clone()).to_string());
    diesel::insert_into(security_events::table)
        .values((
            security_events::at.eq(SqlTime::from(now)),
            security_events::kind.eq(event.kind.as_str()),
            security_events::user_id.eq(event.user_id),
            security_events::session_id.eq(event.session_id),
            security_events::actor.eq(event.actor.as_str()),
            security_events::ip_address.eq(event.ip_address.as_deref()),
            security_events::detail.eq(detail),
        ))
        .execute(connection)?;
    Ok(())
}

/// A row whose columns may hold what Keyrack would never write: only the id is always a number.
#[derive(Queryable, Selectable, QueryableByName)]
#[diesel(table_name = security_events)]
struct EventRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = BigInt)]
    transaction_id: Readable<i64>,
    #[diesel(sql_type = Instant)]
    at: Readable<SqlTime>,
    #[diesel(sql_type = Text)]
    kind: Readable<String>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    user_id: Readable<Option<UserId>>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    session_id: Readable<Option<SessionId>>,
    #[diesel(sql_type = Text)]
    actor: Readable<String>,
    #[diesel(sql_type = Nullable<Text>)]
    ip_address: Readable<Option<String>>,
    #[diesel(sql_type = SqlJson)]
    detail: Readable<Json>,
}

impl From<EventRow> for SecurityEvent {
    fn from(row: EventRow) -> Self {
        let detail: Option<Map<String, Value>> = row.detail.0.and_then(|json| serde_json::from_str(&json.0).ok());
        let columns = [
            ("at", row.at.0.is_none()),
            ("kind", row.kind.0.is_none()),
            ("user_id", row.user_id.0.is_none()),
            ("session_id", row.session_id.0.is_none()),
            ("actor", row.actor.0.is_none()),
            ("ip_address", row.ip_address.0.is_none()),
            ("detail", detail.is_none()),
        ];
        let unreadable = columns.into_iter().filter_map(|(column, is_unreadable)| is_unreadable.then_some(column));
        Self {
            id: row.id,
            at: row.at.0.map(Timestamp::from),
            kind: row.kind.0.unwrap_or_default(),
            user_id: row.user_id.0.flatten(),
            session_id: row.session_id.0.flatten(),
            actor: row.actor.0.unwrap_or_default(),
            ip_address: row.ip_address.0.flatten(),
            detail: detail.unwrap_or_default(),
            unreadable: unreadable.collect(),
            transaction_id: row.transaction_id.0.unwrap_or_default(),
        }
    }
}

/// The events that match the filter, in pages.
pub(super) fn page(
    connection: &mut DbConnection,
    filter: EventFilter,
    start: PageStart,
    limit: i64,
) -> Result<Vec<SecurityEvent>> {
    let mut query = security_events::table.select(EventRow::as_select()).limit(limit).into_boxed::<MultiBackend>();
    match filter {
        EventFilter::All => {}
        EventFilter::User(id) => query = query.filter(security_events::user_id.eq(id)),
        EventFilter::Session(user, id) => {
            query = query.filter(security_events::session_id.eq(id)).filter(security_events::user_id.eq(user));
        }
    }
    query = match start {
        PageStart::Newest => query.order(security_events::id.desc()),
        PageStart::Before(id) => query.filter(security_events::id.lt(id)).order(security_events::id.desc()),
        PageStart::After(id) => query.filter(security_events::id.gt(id)).order(security_events::id),
    };
    Ok(query.load(connection)?.into_iter().map(SecurityEvent::from).collect())
}

/// The events of these kinds in an account since then, the oldest first, but for sign-ins by the password alone: there may be
/// a hundred thousand of them.
pub(crate) fn events_since(
    connection: &mut DbConnection,
    user: UserId,
    kinds: &[EventKind],
    since: Timestamp,
) -> Result<Vec<SecurityEvent>> {
    let way_in = way_in_sql(connection);
    let rows: Vec<EventRow> = security_events::table
        .filter(security_events::user_id.eq(user))
        .filter(security_events::kind.eq_any(kinds.iter().map(|kind| kind.as_str())))
        .filter(security_events::at.ge(SqlTime::from(since)))
        .filter(sql::<Bool>("(kind <> 'signed_in' OR coalesce(").sql(way_in).sql(", '') <> 'password')"))
        .order(security_events::id)
        .select(EventRow::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(SecurityEvent::from).collect())
}

/// The sign-ins by the password alone in an account since then, the oldest first.
pub(crate) fn password_sign_ins_since(
    connection: &mut DbConnection,
    user: UserId,
    since: Timestamp,
) -> Result<Vec<SecurityEvent>> {
    let way_in = way_in_sql(connection);
    let rows: Vec<EventRow> = security_events::table
        .filter(security_events::user_id.eq(user))
        .filter(security_events::kind.eq(EventKind::SignedIn.as_str()))
        .filter(security_events::at.ge(SqlTime::from(since)))
        .filter(sql::<Bool>(way_in).sql(" = 'password'"))
        .order(security_events::id)
        .select(EventRow::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(SecurityEvent::from).collect())
}

/// The way in that a sign-in names. On SQLite, a row of an earlier version may hold a detail that is no JSON.
fn way_in_sql(connection: &DbConnection) -> &'static str {
    match connection {
        DbConnection::Postgres(_) => "detail ->> 'authorised_by'",
        DbConnection::Sqlite(_) => "CASE WHEN json_valid(detail) THEN json_extract(detail, '$.authorised_by') END",
    }
}

/// The time of the first event of this kind in an account since `since`; of this session, if one is given.
pub(crate) fn first_since(
    connection: &mut DbConnection,
    (user, session): (UserId, Option<SessionId>),
    kind: EventKind,
    since: Timestamp,
) -> Result<Option<Timestamp>> {
    let mut query = security_events::table
        .filter(security_events::user_id.eq(user))
        .filter(security_events::kind.eq(kind.as_str()))
        .filter(security_events::at.ge(SqlTime::from(since)))
        .order(security_events::id)
        .select(security_events::at)
        .into_boxed::<MultiBackend>();
    if let Some(session) = session {
        query = query.filter(security_events::session_id.eq(session));
    }
    let at: Option<SqlTime> = query.first(connection).optional()?;
    Ok(at.map(Timestamp::from))
}

/// The latest events of this kind in an account after `since`, `limit` at most, the latest first. Only the
/// latest thousand events of the account are looked at.
pub(crate) fn latest_since(
    connection: &mut DbConnection,
    user: UserId,
    kind: EventKind,
    since: Timestamp,
    limit: i64,
) -> Result<Vec<SecurityEvent>> {
    let of_user = || security_events::table.filter(security_events::user_id.eq(user)).order(security_events::id.desc());
    let oldest: Option<i64> = of_user().select(security_events::id).offset(999).first(connection).optional()?;
    let rows: Vec<EventRow> = of_user()
        .filter(security_events::id.ge(oldest.unwrap_or_default()))
        .filter(security_events::kind.eq(kind.as_str()))
        .filter(security_events::at.gt(SqlTime::from(since)))
        .select(EventRow::as_select())
        .limit(limit)
        .load(connection)?;
    Ok(rows.into_iter().map(SecurityEvent::from).collect())
}

/// The next events after the cursor, in the order in which a reader that misses nothing has to read them. On PostgreSQL,
/// events of transactions that are younger than the oldest running one are left for later.
pub(super) fn next_after(connection: &mut DbConnection, cursor: EventCursor, limit: i64) -> Result<Vec<SecurityEvent>> {
    let rows: Vec<EventRow> = match connection {
        DbConnection::Postgres(connection) => sql_file(include_str!("queries/next_after.sql"))
            .bind::<BigInt, _>(cursor.transaction_id)
            .bind::<BigInt, _>(cursor.id)
            .bind::<BigInt, _>(limit)
            .load(connection)?,
        DbConnection::Sqlite(connection) => security_events::table
            .filter(security_events::id.gt(cursor.id))
            .order(security_events::id)
            .limit(limit)
            .select(EventRow::as_select())
            .load(connection)?,
    };
    Ok(rows.into_iter().map(SecurityEvent::from).collect())
}

/// The cursor after all events that a reader could have read by now.
pub(super) fn current_cursor(connection: &mut DbConnection) -> Result<EventCursor> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        transaction_id: i64,
        #[diesel(sql_type = BigInt)]
        id: i64,
    }

    match connection {
        DbConnection::Postgres(connection) => {
            let last: Option<Row> =
                sql_file(include_str!("queries/current_cursor.sql")).get_result(connection).optional()?;
            Ok(last.map_or_else(EventCursor::default, |Row { transaction_id, id }| EventCursor { transaction_id, id }))
        }
        DbConnection::Sqlite(connection) => {
            let last: Option<i64> =
                security_events::table.select(diesel::dsl::max(security_events::id)).get_result(connection)?;
            Ok(EventCursor { transaction_id: 0, id: last.unwrap_or(0) })
        }
    }
}

/// The greatest id of all events.
pub(super) fn newest_id(connection: &mut DbConnection) -> Result<i64> {
    let newest: Option<i64> =
        security_events::table.select(diesel::dsl::max(security_events::id)).get_result(connection)?;
    Ok(newest.unwrap_or(0))
}

/// The id of the latest event of an account that has changed its list of sessions. Reads the events of the account, the
/// latest first, so that it stops at the sign-in of the session that asks at the latest.
pub(super) fn newest_list_change(connection: &mut DbConnection, user: UserId) -> Result<i64> {
    let newest: Option<i64> = security_events::table
        .filter(security_events::user_id.eq(user))
        .filter(security_events::kind.eq_any(EventKind::LIST_CHANGES.map(EventKind::as_str)))
        .order(security_events::id.desc())
        .select(security_events::id)
        .first(connection)
        .optional()?;
    Ok(newest.unwrap_or(0))
}

/// A change of the retention.
pub(super) struct RetentionChange {
    pub id: i64,
    /// `None` if it can't be read.
    pub at: Option<Timestamp>,
    /// The seconds for which events were kept before.
    pub former_seconds: i64,
}

/// Finds the changes of the retention, the oldest first, as the triggers read them.
pub(super) fn changes_of_retention(connection: &mut DbConnection) -> Result<Vec<RetentionChange>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        id: i64,
        #[diesel(sql_type = Instant)]
        at: Readable<SqlTime>,
        #[diesel(sql_type = BigInt)]
        former_seconds: i64,
    }

    let statement = match connection {
        DbConnection::Postgres(_) => include_str!("queries/changes_of_retention_postgres.sql"),
        DbConnection::Sqlite(_) => include_str!("queries/changes_of_retention_sqlite.sql"),
    };
    let change = |Row { id, at, former_seconds }| RetentionChange { id, at: at.0.map(Timestamp::from), former_seconds };
    Ok(diesel::sql_query(statement).load::<Row>(connection)?.into_iter().map(change).collect())
}

/// Deletes up to `limit` of the oldest events, if they are older than `retention` by this clock and by the database's.
/// Returns how many were deleted.
pub(super) fn delete_old(
    connection: &mut DbConnection,
    now: Timestamp,
    retention: Duration,
    limit: i64,
) -> Result<usize> {
    let statement = match connection {
        DbConnection::Postgres(_) => include_str!("queries/delete_old_postgres.sql"),
        DbConnection::Sqlite(_) => include_str!("queries/delete_old_sqlite.sql"),
    };
    let statement = diesel::sql_query(statement)
        .bind::<BigInt, _>(limit)
        .bind::<Instant, _>(SqlTime::from(now))
        .bind::<BigInt, _>(seconds(retention));
    Ok(statement.execute(connection)?)
}

/// Does the same for the events after the one with this time and this id.
pub(super) fn delete_old_since(
    connection: &mut DbConnection,
    (since, after_id): (Timestamp, i64),
    now: Timestamp,
    retention: Duration,
    limit: i64,
) -> Result<usize> {
    let statement = match connection {
        DbConnection::Postgres(_) => include_str!("queries/delete_old_since_postgres.sql"),
        DbConnection::Sqlite(_) => include_str!("queries/delete_old_since_sqlite.sql"),
    };
    let statement = diesel::sql_query(statement)
        .bind::<BigInt, _>(limit)
        .bind::<Instant, _>(SqlTime::from(now))
        .bind::<BigInt, _>(seconds(retention))
        .bind::<Instant, _>(SqlTime::from(since))
        .bind::<BigInt, _>(after_id);
    Ok(statement.execute(connection)?)
}

/// Finds up to `limit` events that are dated more than a day in the future, or whose time can't be read, and that were
/// recorded before the newest one that is older than `retention`.
pub(super) fn find_misdated(
    connection: &mut DbConnection,
    now: Timestamp,
    retention: Duration,
    limit: i64,
) -> Result<Vec<i64>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        id: i64,
    }

    let statement = match connection {
        DbConnection::Postgres(_) => include_str!("queries/find_misdated_postgres.sql"),
        DbConnection::Sqlite(_) => include_str!("queries/find_misdated_sqlite.sql"),
    };
    let statement = diesel::sql_query(statement)
        .bind::<BigInt, _>(limit)
        .bind::<Instant, _>(SqlTime::from(now))
        .bind::<BigInt, _>(seconds(retention));
    Ok(statement.load::<Row>(connection)?.into_iter().map(|row| row.id).collect())
}

/// Deletes events. The triggers refuse those whose retention is not over.
pub(super) fn delete(connection: &mut DbConnection, ids: &[i64]) -> Result<usize> {
    Ok(diesel::delete(security_events::table.filter(security_events::id.eq_any(ids))).execute(connection)?)
}

fn seconds(length: Duration) -> i64 {
    i64::try_from(length.as_secs()).unwrap_or(i64::MAX)
}

/// Adapts events that were restored from another server. Its transactions had other numbers: one that this server has not
/// reached would hide them from readers, and later mix them with new ones. And their ids must not be given again.
pub(super) fn adapt_restored(connection: &mut DbConnection) -> Result<()> {
    if let DbConnection::Postgres(connection) = connection {
        sql_file(include_str!("queries/reset_foreign_transaction_ids.sql")).execute(connection)?;
        sql_file(include_str!("queries/advance_ids.sql")).execute(connection)?;
    }
    Ok(())
}
