//! Reads rows some of which may hold what Keyrack would never write.
//!
//! A column of SQLite takes any value, and Diesel fails a whole query on the first one that is not of its column's type.
//! The triggers refuse such values, but a row may be older than they are, or written without them. It must not hide the
//! others.

use std::sync::atomic::{AtomicBool, Ordering};

use diesel::{
    QueryResult, RunQueryDsl,
    backend::Backend,
    connection::DefaultLoadingMode,
    deserialize::{self, FromSql, FromSqlRow},
    query_dsl::LoadQuery,
    result::Error as DieselError,
};

/// Loads the rows that can be read, and leaves the others out.
pub trait LoadReadable<'query, C>: RunQueryDsl<C> + Sized {
    /// Loads the rows that can be read. The first one of this process that can't be read is logged.
    fn load_readable<'conn, U>(self, connection: &'conn mut C) -> QueryResult<Vec<U>>
    where
        U: 'conn,
        Self: LoadQuery<'query, C, U> + 'conn,
        'query: 'conn,
    {
        self.load_page(connection).map(|page| page.rows)
    }

    /// Does the same, and counts those that were left out: a page is full also if some of its rows can't be read.
    fn load_page<'conn, U>(self, connection: &'conn mut C) -> QueryResult<Page<U>>
    where
        U: 'conn,
        Self: LoadQuery<'query, C, U> + 'conn,
        'query: 'conn,
    {
        let mut page = Page { rows: Vec::new(), left_out: 0 };
        for row in self.load_iter::<U, DefaultLoadingMode>(connection)? {
            match readable(row)? {
                Some(row) => page.rows.push(row),
                None => page.left_out += 1,
            }
        }
        Ok(page)
    }
}

impl<Q: RunQueryDsl<C>, C> LoadReadable<'_, C> for Q {}

/// The rows of a page that can be read.
#[derive(Debug)]
pub struct Page<T> {
    pub rows: Vec<T>,
    left_out: usize,
}

impl<T> Page<T> {
    /// The number of rows that the query returned.
    pub fn len(&self) -> usize {
        self.rows.len() + self.left_out
    }
}

/// Returns a row; `None` if it can't be read.
///
/// # Errors
/// If the query failed.
pub fn readable<T>(row: QueryResult<T>) -> QueryResult<Option<T>> {
    static IS_LOGGED: AtomicBool = AtomicBool::new(false);
    match row {
        Err(DieselError::DeserializationError(error)) => {
            if !IS_LOGGED.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    error,
                    "a row of the database can't be read and is left out; `keyrack doctor` names all such rows"
                );
            }
            Ok(None)
        }
        row => row.map(Some),
    }
}

/// The value of a column; `None` if it can't be read.
#[derive(Debug, FromSqlRow)]
pub struct Readable<T>(pub Option<T>);

impl<T: FromSql<ST, DB>, ST, DB: Backend> FromSql<ST, DB> for Readable<T> {
    fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(T::from_sql(bytes).ok()))
    }

    fn from_nullable_sql(bytes: Option<DB::RawValue<'_>>) -> deserialize::Result<Self> {
        Ok(Self(T::from_nullable_sql(bytes).ok()))
    }
}
