//! Access to the PostgreSQL connection: only PostgreSQL databases are imported.

use diesel::PgConnection;

use crate::{
    db::DbConnection,
    error::{Error, Result},
};

/// The PostgreSQL connection inside a [`DbConnection`].
///
/// # Errors
/// [`Error::Internal`] if the connection leads to a SQLite database.
pub(in crate::db) fn postgres(connection: &mut DbConnection) -> Result<&mut PgConnection> {
    match connection {
        DbConnection::Postgres(connection) => Ok(connection),
        DbConnection::Sqlite(_) => Err(Error::internal("only PostgreSQL databases are imported")),
    }
}
