//! Security events: what is written, by whom, and that nothing secret is in it.

mod accounts;
mod append_only;
mod command;
mod log_lines;
mod order;
mod pages;
mod refusals;
mod refused_sign_ins;
mod retention;
mod rights;
mod session_events;
mod sign_ins;
mod unreadable;

use serde_json::Value;

use crate::support::TestDatabase;

/// The events of these kinds in their order, without what differs each time.
fn events(database: &TestDatabase, kinds: &[&str]) -> Vec<Value> {
    let list = kinds.iter().map(|kind| format!("'{kind}'")).collect::<Vec<_>>().join(", ");
    database.rows("security_events", &format!("WHERE kind IN ({list}) ORDER BY id"))
}

/// The only event of this kind.
#[track_caller]
fn event(database: &TestDatabase, kind: &str) -> Value {
    let mut found = events(database, &[kind]);
    assert_eq!(found.len(), 1, "{found:#?}");
    found.remove(0)
}
