//! Notifications between the instances of a PostgreSQL database, and from plain SQL to them.
//!
//! An instance notifies after its commits, in a transaction of its own: a NOTIFY within a transaction makes it hold a lock
//! of the whole cluster until its commit is on the disk, one after the other
//! (<https://www.postgresql.org/docs/current/sql-notify.html>). A transaction that only notifies writes nothing.

use std::{
    sync::{Arc, Weak},
    thread,
    time::Duration,
};

use diesel::{RunQueryDsl, connection::SimpleConnection, sql_types::Integer};

use super::signal::CommitSignal;
use crate::{
    db::connect::{connection::DbConnection, opener::Opener, tracked::TrackedConnection},
    error::{Error, Result},
};

/// How often notifications are read while the broadcast follows the events.
const READ_INTERVAL: Duration = Duration::from_millis(10);

/// The same while it does not. They must be read all the same, or the server keeps them for this connection.
const IDLE_READ_INTERVAL: Duration = Duration::from_secs(1);

/// The pause after an error.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// The channel. The trigger names it, too.
const CHANNEL: &str = "keyrack_events";

pub(super) fn start(opener: &Arc<Opener>, signal: &Arc<CommitSignal>) {
    let (opener, signal) = (Arc::downgrade(opener), Arc::clone(signal));
    let started =
        thread::Builder::new().name("keyrack-notify".to_owned()).spawn(move || announce_and_listen(&opener, &signal));
    if let Err(error) = started {
        tracing::error!(%error, "could not start the thread that notifies other instances; open pages learn of ends later");
    }
}

/// Runs until the database is closed.
fn announce_and_listen(opener: &Weak<Opener>, signal: &CommitSignal) {
    let (mut listener, mut is_failing) = (None, false);
    loop {
        let timeout = if is_failing {
            RETRY_DELAY
        } else if signal.is_followed() {
            READ_INTERVAL
        } else {
            IDLE_READ_INTERVAL
        };
        let must_announce = signal.wait_for_commit(timeout);
        let Some(opener) = opener.upgrade() else { return };
        match exchange(&opener, &mut listener, must_announce) {
            Ok(has_news) => {
                is_failing = false;
                signal.set_listening(listener.as_ref().is_some_and(|listener| listener.listens));
                if has_news {
                    signal.raised.notify_one();
                }
            }
            Err(error) => {
                // What was not announced is found by the others' polls.
                listener = None;
                signal.set_listening(false);
                if !std::mem::replace(&mut is_failing, true) {
                    tracing::warn!(
                        error = error.chain(),
                        "could not exchange notifications with the other instances: open pages learn of ends a moment later"
                    );
                }
            }
        }
    }
}

/// A connection that listens, unless it leads through a pooler.
struct Listener {
    connection: TrackedConnection,
    server_process: i32,
    listens: bool,
}

/// Sends a notification if `must_announce`, and reads those that have arrived. Returns whether another process has sent
/// one.
fn exchange(opener: &Arc<Opener>, kept: &mut Option<Listener>, must_announce: bool) -> Result<bool> {
    let (mut listener, is_new) = match kept.take().filter(|kept| opener.is_usable(&kept.connection)) {
        Some(listener) => (listener, false),
        None => (Listener::open(opener)?, true),
    };
    let DbConnection::Postgres(connection) = &mut *listener.connection else { return Ok(false) };
    if must_announce {
        connection.batch_execute(&format!("NOTIFY {CHANNEL}"))?;
    }
    let mut has_news = is_new;
    if listener.listens {
        for notification in connection.notifications_iter() {
            has_news |= notification?.process_id != listener.server_process;
        }
    }
    *kept = Some(listener);
    Ok(has_news)
}

impl Listener {
    fn open(opener: &Opener) -> Result<Self> {
        #[derive(diesel::QueryableByName)]
        struct ServerProcess {
            #[diesel(sql_type = Integer)]
            pid: i32,
        }

        let mut connection = opener.open().map_err(|error| Error::Unavailable(error.into()))?;
        // A pooler may lend another connection to each transaction, and deliver what arrives to the client that has it
        // then.
        let listens = !connection.is_behind_pooler()?;
        if let DbConnection::Postgres(connection) = &mut *connection
            && listens
        {
            connection.batch_execute(&format!("LISTEN {CHANNEL}"))?;
        }
        let process: ServerProcess =
            diesel::sql_query("SELECT pg_backend_pid() AS pid").get_result(&mut *connection)?;
        Ok(Self { connection, server_process: process.pid, listens })
    }
}
