//! A query that is run for many keys in one statement. PostgreSQL only.

use diesel::{
    PgConnection, QueryResult, RunQueryDsl,
    expression::{SqlLiteral, TypedExpressionType},
    pg::Pg,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    serialize::ToSql,
    sql_types::{Array, BigInt, HasSqlType, Text},
};

use crate::{
    db::schema::types::{Instant, SqlTime, SqlUuid, UserId},
    error::{Error, Result},
};

/// Runs `query` once for each of `keys`, in one statement; in it, [`batch_key`] is the key and [`batch_time`] the key's time, if
/// the keys have one. Each row comes with the place of its key, counted from 1: see [`slot_for`]. The rows come in no order that
/// could be relied on.
///
/// `LATERAL` and `OFFSET 0` hold the server to looking up one key after the other by the indexes, as for one key: given a list
/// of keys it may rather read a small table whole and be slow when it has grown. Behind `SELECT`, it does not see how
/// many keys there are, so it plans the statement once and not again for every number of them.
pub fn for_each_key<K, Q>(keys: K, query: Q) -> ForEachKey<K, Q> {
    ForEachKey { keys, query }
}

/// See [`for_each_key`].
pub fn batch_key<ST: TypedExpressionType>() -> SqlLiteral<ST> {
    diesel::dsl::sql("wanted.key")
}

/// See [`for_each_key`].
pub fn batch_time<ST: TypedExpressionType>() -> SqlLiteral<ST> {
    diesel::dsl::sql("wanted.time")
}

/// Where the row of the key at `place` belongs in `found`, which has one element for each key.
pub fn slot_for<T>(found: &mut [T], place: i64) -> Result<&mut T> {
    let place = usize::try_from(place).ok().and_then(|place| place.checked_sub(1));
    place.and_then(|place| found.get_mut(place)).ok_or_else(|| Error::internal("a row for no key that was asked for"))
}

/// What can be a key.
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
    /// The columns' names.
    const NAMES: &'static str;

    /// The arrays to be unnested.
    fn walk_arrays<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()>;
}

impl<K: Key> Keys for Vec<K>
where
    Vec<K>: ToSql<Array<K::SqlType>, Pg>,
    Pg: HasSqlType<Array<K::SqlType>>,
{
    const NAMES: &'static str = "key";

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
    const NAMES: &'static str = "key, time";

    fn walk_arrays<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.0.walk_arrays(out.reborrow())?;
        out.push_sql(", ");
        self.1.walk_arrays(out)
    }
}

/// See [`for_each_key`].
#[derive(Debug, Clone)]
pub struct ForEachKey<K, Q> {
    keys: K,
    query: Q,
}

impl<K, Q: Query> Query for ForEachKey<K, Q> {
    type SqlType = (BigInt, Q::SqlType);
}

/// It is told apart by its text: a query with [`batch_key`] has no other identity.
impl<K, Q> QueryId for ForEachKey<K, Q> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<K, Q> RunQueryDsl<PgConnection> for ForEachKey<K, Q> {}

impl<K: Keys, Q: QueryFragment<Pg>> QueryFragment<Pg> for ForEachKey<K, Q> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT wanted.place, found.* FROM unnest(");
        self.keys.walk_arrays(out.reborrow())?;
        out.push_sql(") WITH ORDINALITY AS wanted(");
        out.push_sql(K::NAMES);
        out.push_sql(", place) CROSS JOIN LATERAL (");
        self.query.walk_ast(out.reborrow())?;
        out.push_sql(" OFFSET 0) AS found");
        Ok(())
    }

    fn is_safe_to_cache_prepared(&self, _: &Pg) -> QueryResult<bool> {
        // Diesel distrusts the literal in [`batch_key`], which is always the same.
        Ok(true)
    }
}
