//! Pieces of SQL that the two engines spell differently.

use diesel::{
    QueryResult, RunQueryDsl,
    connection::SimpleConnection,
    expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate},
    pg::Pg,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sqlite::Sqlite,
};

use super::{
    connection::{DbConnection, MultiBackend},
    types::{Expire, Instant},
    url::Engine,
};
use crate::error::Result;

/// Reads `user_sessions.expire` as the point in time that it means.
///
/// PostgreSQL: the cast to `timestamptz` uses the connection's `TimeZone`, as the peers' comparisons do.
/// SQLite: the text is in UTC already.
pub fn instant<E>(expire: E) -> InstantOf<E>
where
    E: Expression<SqlType = Expire>,
{
    InstantOf(expire)
}

/// See [`instant`].
#[derive(Debug, Clone, Copy, QueryId)]
pub struct InstantOf<E>(E);

impl<E: Expression> Expression for InstantOf<E> {
    type SqlType = Instant;
}

impl<E: ValidGrouping<()>> ValidGrouping<()> for InstantOf<E> {
    type IsAggregate = is_aggregate::No;
}

impl<E, QS> AppearsOnTable<QS> for InstantOf<E> where E: Expression + AppearsOnTable<QS> {}

impl<E, QS> SelectableExpression<QS> for InstantOf<E> where E: Expression + SelectableExpression<QS> {}

impl<E: QueryFragment<Pg>> QueryFragment<Pg> for InstantOf<E> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("CAST(");
        self.0.walk_ast(out.reborrow())?;
        out.push_sql(" AS timestamptz)");
        Ok(())
    }
}

impl<E: QueryFragment<Sqlite>> QueryFragment<Sqlite> for InstantOf<E> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }
}

impl<E: QueryFragment<Pg> + QueryFragment<Sqlite>> QueryFragment<MultiBackend> for InstantOf<E> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        MultiBackend::walk_variant_ast(self, out)
    }
}

/// Keeps the rows that `query` reads from changing until the transaction ends.
///
/// PostgreSQL: `FOR NO KEY UPDATE`. SQLite: nothing, since a transaction that writes already excludes every other.
pub fn locked<Q>(query: Q) -> Locked<Q> {
    Locked(query)
}

/// See [`locked`].
#[derive(Debug, Clone, Copy, QueryId)]
pub struct Locked<Q>(Q);

impl<Q: Query> Query for Locked<Q> {
    type SqlType = Q::SqlType;
}

impl<Q> RunQueryDsl<DbConnection> for Locked<Q> {}

impl<Q: QueryFragment<Pg>> QueryFragment<Pg> for Locked<Q> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.0.walk_ast(out.reborrow())?;
        out.push_sql(" FOR NO KEY UPDATE");
        Ok(())
    }
}

impl<Q: QueryFragment<Sqlite>> QueryFragment<Sqlite> for Locked<Q> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }
}

impl<Q: QueryFragment<Pg> + QueryFragment<Sqlite>> QueryFragment<MultiBackend> for Locked<Q> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        MultiBackend::walk_variant_ast(self, out)
    }
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
