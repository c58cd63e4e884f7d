//! Statements that stand in `.sql` files. PostgreSQL only.

use diesel::{
    PgConnection, QueryResult, RunQueryDsl,
    pg::Pg,
    query_builder::{AstPass, BoxedSqlQuery, Query, QueryFragment, QueryId, SqlQuery},
    serialize::ToSql,
    sql_types::{HasSqlType, Untyped},
};

/// A statement with the text of a `.sql` file: `sql_file(include_str!("name.sql"))`.
///
/// The text is static, so each connection prepares it once and keeps it. Rows are read by their columns' names.
pub fn sql_file<'a>(text: &'static str) -> SqlFile<'a> {
    SqlFile(diesel::sql_query(text).into_boxed())
}

/// See [`sql_file`].
pub struct SqlFile<'a>(BoxedSqlQuery<'a, Pg, SqlQuery>);

impl<'a> SqlFile<'a> {
    /// Binds the next parameter, beginning with `$1`.
    pub fn bind<ST, V>(self, value: V) -> Self
    where
        Pg: HasSqlType<ST>,
        ST: Send + 'a,
        V: ToSql<ST, Pg> + Send + 'a,
    {
        Self(self.0.bind::<ST, V>(value))
    }
}

impl Query for SqlFile<'_> {
    type SqlType = Untyped;
}

impl RunQueryDsl<PgConnection> for SqlFile<'_> {}

/// Statements are told apart by their text.
impl QueryId for SqlFile<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl QueryFragment<Pg> for SqlFile<'_> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }

    /// Diesel assumes that text written by hand differs each time. This one is static.
    fn is_safe_to_cache_prepared(&self, _: &Pg) -> QueryResult<bool> {
        Ok(true)
    }
}
