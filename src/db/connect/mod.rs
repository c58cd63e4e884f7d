//! Connections to either engine: one, pooled, or kept by a thread.

pub(super) mod connection;
pub(super) mod errors;
#[cfg(test)]
mod exchange_tests;
#[cfg(test)]
mod fuzz_tests;
mod hosts;
pub(super) mod kept_file;
mod lease;
pub(super) mod opener;
pub(super) mod pool;
pub(super) mod slot;
pub(super) mod sqlite_file;
pub(super) mod thread_connection;
pub(super) mod time_zone;
pub(super) mod tracked;
pub(super) mod url;
