//! Pieces of SQL that the two engines spell differently.

mod keys;

use diesel::{
    QueryResult, RunQueryDsl,
    connection::SimpleConnection,
    expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate},
    pg::Pg,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sqlite::Sqlite,
};

use super::{
    DbConnection, Engine, MultiBackend,
    schema::types::{Expire, Instant},
};
use crate::error::Result;

pub use keys::{batch_key, batch_time, for_each_key, slot_for};

/// Reads `user_sessions.expire` as the point in time that it means.
///
/// PostgreSQL: the cast to `timestamptz` uses the connection's `TimeZone`, as the peers' comparisons do.
/// SQLite: the text is in UTC already.
pub fn as_instant<E>(expire: E) -> AsInstant<E>
where
    E: Expression<SqlType = Expire>,
{
    AsInstant(expire)
}

/// See [`as_instant`].
#[derive(Debug, Clone, Copy, QueryId)]
pub struct AsInstant<E>(E);

impl<E: Expression> Expression for AsInstant<E> {
    type SqlType = Instant;
}

impl<E: ValidGrouping<()>> ValidGrouping<()> for AsInstant<E> {
    type IsAggregate = is_aggregate::No;
}

impl<E, QS> AppearsOnTable<QS> for AsInstant<E> where E: Expression + AppearsOnTable<QS> {}

impl<E, QS> SelectableExpression<QS> for AsInstant<E> where E: Expression + SelectableExpression<QS> {}

impl<E: QueryFragment<Pg>> QueryFragment<Pg> for AsInstant<E> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("CAST(");
        self.0.walk_ast(out.reborrow())?;
        out.push_sql(" AS timestamptz)");
        Ok(())
    }
}

impl<E: QueryFragment<Sqlite>> QueryFragment<Sqlite> for AsInstant<E> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }
}

impl<E: QueryFragment<Pg> + QueryFragment<Sqlite>> QueryFragment<MultiBackend> for AsInstant<E> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        MultiBackend::walk_variant_ast(self, out)
    }
}

/// What becomes of a point in time that is written into `user_sessions.expire` and read again.
///
/// PostgreSQL: in the autumn hour that comes twice, the first is read as the second. SQLite: nothing becomes of it.
pub fn roundtripped<E>(time: E) -> Roundtripped<E>
where
    E: Expression<SqlType = Instant>,
{
    Roundtripped(time)
}

/// See [`roundtripped`].
#[derive(Debug, Clone, Copy, QueryId)]
pub struct Roundtripped<E>(E);

impl<E: Expression> Expression for Roundtripped<E> {
    type SqlType = Instant;
}

impl<E: ValidGrouping<()>> ValidGrouping<()> for Roundtripped<E> {
    type IsAggregate = is_aggregate::No;
}

impl<E, QS> AppearsOnTable<QS> for Roundtripped<E> where E: Expression + AppearsOnTable<QS> {}

impl<E, QS> SelectableExpression<QS> for Roundtripped<E> where E: Expression + SelectableExpression<QS> {}

impl<E: QueryFragment<Pg>> QueryFragment<Pg> for Roundtripped<E> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("CAST(CAST(");
        self.0.walk_ast(out.reborrow())?;
        out.push_sql(" AS timestamp) AS timestamptz)");
        Ok(())
    }
}

impl<E: QueryFragment<Sqlite>> QueryFragment<Sqlite> for Roundtripped<E> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }
}

impl<E: QueryFragment<Pg> + QueryFragment<Sqlite>> QueryFragment<MultiBackend> for Roundtripped<E> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        MultiBackend::walk_variant_ast(self, out)
    }
}

/// A value that PostgreSQL does not look at while it plans.
///
/// Where it sees one, it may think that a plan for this very value pays, and plans anew for each, which takes longer than all else.
/// SQLite plans once in any case.
pub fn opaque_to_planner<E: Expression>(value: E) -> OpaqueToPlanner<E> {
    OpaqueToPlanner(value)
}

/// See [`opaque_to_planner`].
#[derive(Debug, Clone, Copy, QueryId)]
pub struct OpaqueToPlanner<E>(E);

impl<E: Expression> Expression for OpaqueToPlanner<E> {
    type SqlType = E::SqlType;
}

impl<E: ValidGrouping<()>> ValidGrouping<()> for OpaqueToPlanner<E> {
    type IsAggregate = is_aggregate::Never;
}

impl<E, QS> AppearsOnTable<QS> for OpaqueToPlanner<E> where E: Expression + AppearsOnTable<QS> {}

impl<E, QS> SelectableExpression<QS> for OpaqueToPlanner<E> where E: Expression + SelectableExpression<QS> {}

impl<E: QueryFragment<Pg>> QueryFragment<Pg> for OpaqueToPlanner<E> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("(SELECT ");
        self.0.walk_ast(out.reborrow())?;
        out.push_sql(")");
        Ok(())
    }
}

impl<E: QueryFragment<Sqlite>> QueryFragment<Sqlite> for OpaqueToPlanner<E> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }
}

impl<E: QueryFragment<Pg> + QueryFragment<Sqlite>> QueryFragment<MultiBackend> for OpaqueToPlanner<E> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        MultiBackend::walk_variant_ast(self, out)
    }
}

/// Has the engine parse and plan a statement once for each connection, although Diesel would not: it takes every UPDATE for one
/// whose text is another each time. Only for those whose text is always the same.
pub fn prepared<Q>(statement: Q) -> Prepared<Q> {
    Prepared(statement)
}

/// See [`prepared`].
#[derive(Debug, Clone, Copy, QueryId)]
pub struct Prepared<Q>(Q);

impl<Q: Query> Query for Prepared<Q> {
    type SqlType = Q::SqlType;
}

impl<Q, C: diesel::Connection> RunQueryDsl<C> for Prepared<Q> {}

impl<Q: QueryFragment<DB>, DB: diesel::backend::Backend> QueryFragment<DB> for Prepared<Q> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }

    fn is_safe_to_cache_prepared(&self, _: &DB) -> QueryResult<bool> {
        Ok(true)
    }
}

/// Keeps the rows that `query` reads from changing until the transaction ends.
///
/// PostgreSQL: `FOR NO KEY UPDATE`, the lock that an UPDATE takes. SQLite: nothing, since a transaction that writes already
/// excludes every other.
pub fn for_update<Q>(query: Q) -> ForUpdate<Q> {
    ForUpdate(query)
}

/// See [`for_update`].
#[derive(Debug, Clone, Copy, QueryId)]
pub struct ForUpdate<Q>(Q);

impl<Q: Query> Query for ForUpdate<Q> {
    type SqlType = Q::SqlType;
}

impl<Q> RunQueryDsl<DbConnection> for ForUpdate<Q> {}

impl<Q: QueryFragment<Pg>> QueryFragment<Pg> for ForUpdate<Q> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.0.walk_ast(out.reborrow())?;
        out.push_sql(" FOR NO KEY UPDATE");
        Ok(())
    }
}

impl<Q: QueryFragment<Sqlite>> QueryFragment<Sqlite> for ForUpdate<Q> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }
}

impl<Q: QueryFragment<Pg> + QueryFragment<Sqlite>> QueryFragment<MultiBackend> for ForUpdate<Q> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        MultiBackend::walk_variant_ast(self, out)
    }
}

/// Those rows that nobody else is changing, kept from it until the transaction ends; the others are left out.
///
/// PostgreSQL: `FOR NO KEY UPDATE SKIP LOCKED`. SQLite: all of them.
pub fn for_update_skip_locked<Q>(query: Q) -> ForUpdateSkipLocked<Q> {
    ForUpdateSkipLocked(query)
}

/// See [`for_update_skip_locked`].
#[derive(Debug, Clone, Copy, QueryId)]
pub struct ForUpdateSkipLocked<Q>(Q);

impl<Q: Query> Query for ForUpdateSkipLocked<Q> {
    type SqlType = Q::SqlType;
}

impl<Q> RunQueryDsl<DbConnection> for ForUpdateSkipLocked<Q> {}

impl<Q: QueryFragment<Pg>> QueryFragment<Pg> for ForUpdateSkipLocked<Q> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.0.walk_ast(out.reborrow())?;
        out.push_sql(" FOR NO KEY UPDATE SKIP LOCKED");
        Ok(())
    }
}

impl<Q: QueryFragment<Sqlite>> QueryFragment<Sqlite> for ForUpdateSkipLocked<Q> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }
}

impl<Q: QueryFragment<Pg> + QueryFragment<Sqlite>> QueryFragment<MultiBackend> for ForUpdateSkipLocked<Q> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        MultiBackend::walk_variant_ast(self, out)
    }
}

/// Work that one instance does at a time, whichever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdvisoryLock {
    /// Migrating.
    Migrate,
    /// Purging.
    Purge,
}

/// The number of an advisory lock: "keyrack" in ASCII, then the work's.
const KEYRACK: i64 = 0x6b65_7972_6163_6b00;

/// Waits until no other instance does this work, and keeps them waiting until the transaction ends.
///
/// PostgreSQL: an advisory lock. SQLite: nothing, since a transaction that
/// writes already excludes every other.
pub fn with_advisory_lock(connection: &mut DbConnection, work: AdvisoryLock) -> Result<()> {
    if connection.engine() == Engine::Postgres {
        let number = KEYRACK + work as i64;
        connection.batch_execute(&format!("SELECT pg_advisory_xact_lock({number})"))?;
    }
    Ok(())
}

/// Whether no other instance does this work; then none does until this connection is closed, or it waits in [`with_advisory_lock`].
pub fn try_advisory_lock(connection: &mut DbConnection, work: AdvisoryLock) -> Result<bool> {
    #[derive(diesel::QueryableByName)]
    struct Taken {
        #[diesel(sql_type = diesel::sql_types::Bool)]
        taken: bool,
    }

    if connection.engine() == Engine::Sqlite {
        return Ok(true);
    }
    let number = KEYRACK + work as i64;
    let lock = diesel::sql_query(format!("SELECT pg_try_advisory_lock({number}) AS taken"));
    Ok(lock.get_result::<Taken>(connection)?.taken)
}

/// Keeps every other transaction from writing to a table until this one ends; reading goes on.
///
/// PostgreSQL: a table lock. SQLite: nothing, since a transaction that writes already excludes every other.
pub fn lock_writes(connection: &mut DbConnection, table: &'static str) -> Result<()> {
    if connection.engine() == Engine::Postgres {
        connection.batch_execute(&format!("LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"))?;
    }
    Ok(())
}
