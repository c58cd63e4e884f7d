//! Ended sessions stay ended and live ones stay alive: under races, faults, crashes and outages.

mod connections;
mod deleted_rows;
mod ends;
mod error_kinds;
mod failover;
mod faults;
mod journal;
mod kill;
mod limit;
mod lookups;
mod model;
mod outage;
mod pooler;
mod restore;
mod schema_change_while_running;
mod simulated_user;
mod sqlite_file;
mod sqlite_overwritten;
mod sqlite_renamed;
mod unwritable;

use std::sync::atomic::{AtomicBool, Ordering};

/// Stops the threads that watch a flag, even if the test panics: their scope waits for them.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
