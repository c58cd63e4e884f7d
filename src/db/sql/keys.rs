//! Runs a query for many keys in one statement. PostgreSQL only.

use diesel::{
    PgConnection, QueryResult, RunQueryDsl,
    expression::{SqlLiteral, TypedExpressionType},
    pg::Pg,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    query_dsl::methods::LoadQuery,
    serialize::ToSql,
    sql_types::{Array, BigInt, HasSqlType, Text},
};

use crate::{
    db::{
        history::{ExpectedMark, HistoryChanged, HistoryCheck},
        schema::types::{Instant, SqlTime, SqlUuid, UserId},
    },
    error::{Error, Result},
};

/// Runs `query` once for each of `keys`, in one statement. In the query, [`batch_key`] stands for the key, and
/// [`batch_time`] for the key's time if the keys have one. Each row comes with the slot of its key, counted from 1 (see
/// [`slot_for`]), in no particular order.
///
/// `LATERAL` and `OFFSET 0` make PostgreSQL look up one key after the other by the indexes. Given a list of keys, it
/// might read a small table whole, and be slow once the table has grown. `SELECT` hides the length of the list, so the
/// statement is planned once and not again for every length.
///
/// The statement fails on a server with another history than the expected one, see [`ForEachKey::load_checked`].
pub fn for_each_key<K, Q>(keys: K, query: Q, expected: &ExpectedMark) -> ForEachKey<K, Q> {
    ForEachKey { keys, query, check: expected.check() }
}

/// See [`for_each_key`].
pub fn batch_key<ST: TypedExpressionType>() -> SqlLiteral<ST> {
    diesel::dsl::sql("batch.key")
}

/// See [`for_each_key`].
pub fn batch_time<ST: TypedExpressionType>() -> SqlLiteral<ST> {
    diesel::dsl::sql("batch.time")
}

/// Returns the element of `results`, which has one for each key, that a row with this slot belongs to.
pub fn slot_for<T>(results: &mut [T], slot: i64) -> Result<&mut T> {
    let index = usize::try_from(slot).ok().and_then(|slot| slot.checked_sub(1));
    index
        .and_then(|index| results.get_mut(index))
        .ok_or_else(|| Error::internal("a row belongs to no key of its batch"))
}

/// A type of keys.
pub trait Key {
    /// The SQL type that it is sent as.
    type SqlType: 'static;
}

impl Key for &str {
    type SqlType = Text;
}

impl Key for UserId {
    type SqlType = SqlUuid;
}

impl Key for SqlTime {
    type SqlType = Instant;
}

/// The keys as the columns of a table: `Vec<K>`, or `(Vec<K>, Vec<SqlTime>)` with a time for each.
pub trait Keys {
    /// The names of the columns.
    const COLUMNS: &'static str;

    /// Writes the arrays that are unnested.
    fn walk_arrays<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()>;
}

impl<K: Key> Keys for Vec<K>
where
    Vec<K>: ToSql<Array<K::SqlType>, Pg>,
    Pg: HasSqlType<Array<K::SqlType>>,
{
    const COLUMNS: &'static str = "key";

    fn walk_arrays<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("(SELECT ");
        out.push_bind_param::<Array<K::SqlType>, _>(self)?;
        out.push_sql(")");
        Ok(())
    }
}

impl<K> Keys for (Vec<K>, Vec<SqlTime>)
where
    Vec<K>: Keys,
{
    const COLUMNS: &'static str = "key, time";

    fn walk_arrays<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.0.walk_arrays(out.reborrow())?;
        out.push_sql(", ");
        self.1.walk_arrays(out)
    }
}

/// See [`for_each_key`].
#[derive(Debug)]
pub struct ForEachKey<K, Q> {
    keys: K,
    query: Q,
    check: HistoryCheck,
}

impl<K, Q> ForEachKey<K, Q> {
    /// Loads the rows.
    ///
    /// # Errors
    /// [`HistoryChanged`] if the server has another history than the expected one, or accepts no writes.
    pub fn load_checked<'query, U>(self, connection: &mut PgConnection) -> Result<Vec<U>>
    where
        Self: LoadQuery<'query, PgConnection, U>,
    {
        self.load(connection).map_err(HistoryChanged::or)
    }
}

impl<K, Q: Query> Query for ForEachKey<K, Q> {
    type SqlType = (BigInt, Q::SqlType);
}

/// Told apart by its text, since a query with [`batch_key`] has no static id.
impl<K, Q> QueryId for ForEachKey<K, Q> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<K, Q> RunQueryDsl<PgConnection> for ForEachKey<K, Q> {}

impl<K: Keys, Q: QueryFragment<Pg>> QueryFragment<Pg> for ForEachKey<K, Q> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT batch.slot, result.* FROM unnest(");
        self.keys.walk_arrays(out.reborrow())?;
        out.push_sql(") WITH ORDINALITY AS batch(");
        out.push_sql(K::COLUMNS);
        out.push_sql(", slot) CROSS JOIN LATERAL (");
        self.query.walk_ast(out.reborrow())?;
        out.push_sql(" OFFSET 0) AS result WHERE ");
        self.check.walk_ast(out.reborrow())
    }

    /// Diesel assumes that the literal in [`batch_key`] differs each time. It never does.
    fn is_safe_to_cache_prepared(&self, _: &Pg) -> QueryResult<bool> {
        Ok(true)
    }
}
