//! `KEYRACK_REQUIRE_SYNC`: a commit is acknowledged only when a synchronous standby has it.
//!
//! PostgreSQL itself acknowledges a commit without a standby if `synchronous_standby_names` is empty, and also, with a
//! warning that the client library drops, if the wait for the standby is cancelled. So both are checked here.

use std::{
    thread,
    time::{Duration, Instant},
};

use diesel::{
    QueryableByName, RunQueryDsl,
    sql_types::{BigInt, Bool},
};

use crate::{
    db::DbConnection,
    error::{Error, Result},
};

/// Pause between two looks at the standby's position.
const POLL_INTERVAL: Duration = Duration::from_millis(2);

/// How long a standby may take, beyond the commit itself, to report that it has it.
const STANDBY_TIMEOUT: Duration = Duration::from_millis(500);

/// The synchronous standbys of a PostgreSQL server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Replication {
    /// `KEYRACK_REQUIRE_SYNC`.
    pub is_required: bool,
    /// The connected standbys that a commit may wait for.
    pub synchronous_standbys: u64,
}

/// The number of synchronous standbys that are connected. A role without `pg_read_all_stats` sees none.
pub(in crate::db) fn count_synchronous_standbys(connection: &mut DbConnection) -> Result<u64> {
    #[derive(QueryableByName)]
    struct Standbys {
        #[diesel(sql_type = BigInt)]
        synchronous: i64,
    }

    let sql = "SELECT count(*) AS synchronous FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')";
    Ok(diesel::sql_query(sql).get_result::<Standbys>(connection)?.synchronous.unsigned_abs())
}

/// Checks before the commit that a synchronous standby is connected, so that nothing is written without one.
///
/// # Errors
/// [`Error::Unavailable`] if there is none.
pub(super) fn reject_without_standby(connection: &mut DbConnection) -> Result<()> {
    if count_synchronous_standbys(connection)? > 0 { Ok(()) } else { Err(no_standby()) }
}

/// Waits after the commit until a synchronous standby has written it to its disk.
///
/// # Errors
/// [`Error::Unavailable`] if none has: the commit holds on this server, but can't be promised.
pub(super) fn wait_for_standby(connection: &mut DbConnection) -> Result<()> {
    #[derive(QueryableByName)]
    struct Position {
        #[diesel(sql_type = BigInt)]
        position: i64,
    }
    #[derive(QueryableByName)]
    struct Reached {
        #[diesel(sql_type = Bool)]
        reached: bool,
    }

    // The commit has happened: an error of these statements must not look like one of the commit.
    let unknown = |error: diesel::result::Error| {
        Error::Unavailable(anyhow::anyhow!("it is not known whether a standby has the change: {error}"))
    };
    let sql = "SELECT CAST(pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') AS bigint) AS position";
    let position = diesel::sql_query(sql).get_result::<Position>(connection).map_err(unknown)?.position;
    let deadline = Instant::now() + STANDBY_TIMEOUT;
    loop {
        let sql = "SELECT coalesce(bool_or(pg_wal_lsn_diff(flush_lsn, '0/0') >= $1), false) AS reached \
                   FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')";
        let standby = diesel::sql_query(sql).bind::<BigInt, _>(position);
        if standby.get_result::<Reached>(connection).map_err(unknown)?.reached {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(no_standby());
        }
        thread::sleep(POLL_INTERVAL);
    }
}

fn no_standby() -> Error {
    Error::Unavailable(anyhow::anyhow!(
        "no synchronous standby has this change, which KEYRACK_REQUIRE_SYNC requires: set synchronous_standby_names and \
         start the standby, and let Keyrack's role read pg_stat_replication (GRANT pg_read_all_stats)"
    ))
}
