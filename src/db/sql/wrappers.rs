//! Wrappers around Diesel's expressions and queries.

use diesel::{
    QueryResult, RunQueryDsl,
    backend::Backend,
    expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate},
    pg::Pg,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sqlite::Sqlite,
};

use crate::db::{
    DbConnection, MultiBackend,
    schema::types::{Expire, Instant},
};

/// Declares a wrapper and the function that makes it. `postgres` and `sqlite` give the SQL before and after what is
/// wrapped.
macro_rules! wrapper {
    (
        $(#[$doc:meta])*
        expression fn $function:ident($e:ident: $($bound:tt)+) -> $wrapper:ident: $sql_type:ty, $is_aggregate:ty;
        $($spelling:tt)+
    ) => {
        wrapper!(@declare [$(#[$doc])*] $function $wrapper ($e: $($bound)+) $($spelling)+);

        impl<$e: Expression> Expression for $wrapper<$e> {
            type SqlType = $sql_type;
        }

        impl<$e: ValidGrouping<()>> ValidGrouping<()> for $wrapper<$e> {
            type IsAggregate = $is_aggregate;
        }

        impl<$e: Expression + AppearsOnTable<QS>, QS> AppearsOnTable<QS> for $wrapper<$e> {}

        impl<$e: Expression + SelectableExpression<QS>, QS> SelectableExpression<QS> for $wrapper<$e> {}
    };
    (
        $(#[$doc:meta])*
        query fn $function:ident($q:ident: $($bound:tt)+) -> $wrapper:ident;
        $($spelling:tt)+
    ) => {
        wrapper!(@declare [$(#[$doc])*] $function $wrapper ($q: $($bound)+) $($spelling)+);

        impl<$q: Query> Query for $wrapper<$q> {
            type SqlType = $q::SqlType;
        }

        impl<$q> RunQueryDsl<DbConnection> for $wrapper<$q> {}
    };
    (
        @declare [$(#[$doc:meta])*] $function:ident $wrapper:ident ($t:ident: $($bound:tt)+)
        postgres: $pg_before:literal .. $pg_after:literal;
        sqlite: $sqlite_before:literal .. $sqlite_after:literal;
    ) => {
        $(#[$doc])*
        pub fn $function<$t: $($bound)+>(wrapped: $t) -> $wrapper<$t> {
            $wrapper(wrapped)
        }

        #[doc = concat!("See [`", stringify!($function), "`].")]
        #[derive(Debug, Clone, Copy, QueryId)]
        pub struct $wrapper<$t>($t);

        wrapper!(@fragment $wrapper Pg $pg_before $pg_after);
        wrapper!(@fragment $wrapper Sqlite $sqlite_before $sqlite_after);

        impl<$t: QueryFragment<Pg> + QueryFragment<Sqlite>> QueryFragment<MultiBackend> for $wrapper<$t> {
            fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
                MultiBackend::walk_variant_ast(self, out)
            }
        }
    };
    (@fragment $wrapper:ident $backend:ident $before:literal $after:literal) => {
        impl<T: QueryFragment<$backend>> QueryFragment<$backend> for $wrapper<T> {
            fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, $backend>) -> QueryResult<()> {
                out.push_sql($before);
                self.0.walk_ast(out.reborrow())?;
                out.push_sql($after);
                Ok(())
            }
        }
    };
}

wrapper! {
    /// Reads `user_sessions.expire` as the point in time that it means.
    ///
    /// PostgreSQL casts it by the connection's `TimeZone`, as the peers' comparisons do. On SQLite the text is in UTC
    /// already.
    expression fn as_instant(E: Expression<SqlType = Expire>) -> AsInstant: Instant, is_aggregate::No;
    postgres: "CAST(" .. " AS timestamptz)";
    sqlite: "" .. "";
}

wrapper! {
    /// Returns a point in time as it reads after being stored in `user_sessions.expire`.
    ///
    /// In the autumn hour that occurs twice, PostgreSQL reads the first one as the second. SQLite returns it unchanged.
    expression fn roundtripped(E: Expression<SqlType = Instant>) -> Roundtripped: Instant, is_aggregate::No;
    postgres: "CAST(CAST(" .. " AS timestamp) AS timestamptz)";
    sqlite: "" .. "";
}

wrapper! {
    /// Hides a value from PostgreSQL's planner.
    ///
    /// If the planner sees a value, it may prefer a plan for that very value and plan again for each one, which takes
    /// longer than running the statement. SQLite plans once in any case.
    expression fn opaque_to_planner(E: Expression) -> OpaqueToPlanner: E::SqlType, is_aggregate::Never;
    postgres: "(SELECT " .. ")";
    sqlite: "" .. "";
}

wrapper! {
    /// Locks the rows that a query reads against changes until the transaction ends.
    ///
    /// PostgreSQL takes the lock that an UPDATE takes. On SQLite, a transaction that writes already excludes every
    /// other writer.
    query fn for_update(Q: Query) -> ForUpdate;
    postgres: "" .. " FOR NO KEY UPDATE";
    sqlite: "" .. "";
}

wrapper! {
    /// Locks rows like [`for_update`], and leaves out those that another transaction has locked.
    query fn for_update_skip_locked(Q: Query) -> ForUpdateSkipLocked;
    postgres: "" .. " FOR NO KEY UPDATE SKIP LOCKED";
    sqlite: "" .. "";
}

/// Makes Diesel keep a statement prepared, so that each connection parses and plans it once.
///
/// Diesel would not: it assumes that the text of an UPDATE differs each time. It keeps a SELECT, but walks the whole of it
/// before each run, to find that its text is always the same. Use it only where that is so, and load the rows: on SQLite,
/// `execute` passes a reference to the statement, which Diesel does not keep. So it takes only what returns rows.
pub fn prepared<Q: Query>(statement: Q) -> Prepared<Q> {
    Prepared(statement)
}

/// See [`prepared`].
#[derive(Debug, Clone, Copy, QueryId)]
pub struct Prepared<Q>(Q);

impl<Q: Query> Query for Prepared<Q> {
    type SqlType = Q::SqlType;
}

impl<Q, C: diesel::Connection> RunQueryDsl<C> for Prepared<Q> {}

impl<Q: QueryFragment<DB>, DB: Backend> QueryFragment<DB> for Prepared<Q> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }

    fn is_safe_to_cache_prepared(&self, _: &DB) -> QueryResult<bool> {
        Ok(true)
    }
}
