//! Wakes those who follow the security events as soon as some are committed: by this process, or by another one.
//!
//! On PostgreSQL the instances of a database notify each other (`announcer`), and a trigger does it for plain SQL and for
//! commands. Whatever a notification misses is found by the poll of the follower, which reads the table in any case: a
//! notification says nothing but that there is something to read.

mod announcer;
mod signal;

use std::sync::Arc;

use super::connect::{opener::Opener, url::Engine};

pub(crate) use signal::CommitSignal;

/// Starts the thread through which the instances of a PostgreSQL database notify each other, unless it was started. On
/// SQLite there is nothing to start.
pub(super) fn announce(signal: &Arc<CommitSignal>, opener: &Arc<Opener>) {
    if opener.engine() == Engine::Postgres && signal.begin_announcing() {
        announcer::start(opener, signal);
    }
}
