//! Opens connections to one database.

use std::time::Duration;

use super::{
    connection::DbConnection,
    url::{DatabaseUrl, Engine},
};

/// The URL of one database and the timeout of its operations.
///
/// All that belongs to one [`Database`](crate::db::Database) shares one opener through an `Arc`; that pointer tells
/// the database from others that are open in the same process.
#[derive(Debug)]
pub(in crate::db) struct Opener {
    url: DatabaseUrl,
    timeout: Duration,
}

impl Opener {
    pub fn new(url: DatabaseUrl, timeout: Duration) -> Self {
        Self { url, timeout }
    }

    /// The engine that the URL names.
    pub fn engine(&self) -> Engine {
        self.url.engine()
    }

    /// How long one operation may take.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    pub fn open(&self) -> Result<DbConnection, diesel::ConnectionError> {
        DbConnection::open(&self.url, self.timeout)
    }

    /// Opens a connection that only reads and never waits for a lock.
    pub fn open_read_only(&self) -> Result<DbConnection, diesel::ConnectionError> {
        DbConnection::open_read_only(&self.url)
    }
}
