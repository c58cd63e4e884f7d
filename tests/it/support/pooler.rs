//! A `PgBouncer` for one test, in transaction mode, in front of a PostgreSQL server for the same test.

use std::{
    fs,
    net::{Ipv4Addr, TcpStream},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Stdio},
};

use super::{
    Cluster, EngineKind, TestDatabase, installed,
    postgres::{detached, free_port},
    wait_until,
};

/// Runs `PgBouncer` until its standard input ends, which it does when the test process ends for whatever reason. Then
/// removes its folder.
const GUARD: &str = r#"
trap '' HUP INT TERM
exec 3<&0 </dev/null
"$2" -q "$1/pgbouncer.ini" 3<&- &
pooler=$!
{ cat <&3; kill -TERM "$pooler"; } >/dev/null 2>&1 &
exec 3<&-
wait "$pooler"
rm -rf "$1"
"#;

/// A pooler whose clients share two server connections per database, each for one transaction at a time.
pub struct Pooler {
    cluster: Cluster,
    port: u16,
    _guard: Child,
}

impl Pooler {
    /// Starts a pooler and the server behind it. Returns `None` where one of the two is not installed, and prints so.
    pub fn start() -> Option<Self> {
        let program = installed("pgbouncer", "PgBouncer", "pgbouncer")?;
        // Prints a warning if PostgreSQL is not installed.
        let cluster = EngineKind::Postgres.is_available().then(Cluster::start)??;
        let folder = tempfile::Builder::new().prefix("keyrack-pgbouncer-").tempdir().unwrap().keep();
        let port = free_port().unwrap();
        fs::write(folder.join("users.txt"), "\"postgres\" \"\"\n").unwrap();
        fs::write(folder.join("pgbouncer.ini"), settings(&folder, cluster.port(), port)).unwrap();
        // It refuses to run as root, as PostgreSQL does.
        let (user, group) = cluster.account();
        std::os::unix::fs::chown(&folder, Some(user), Some(group)).unwrap();
        let mut guard = detached("sh");
        guard.args(["-c", GUARD, "keyrack-pgbouncer"]).arg(&folder).arg(program).uid(user).gid(group);
        let guard = guard.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        wait_until(|| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
        Some(Self { cluster, port, _guard: guard })
    }

    /// Returns the server behind it.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Returns the URL of the database through the pooler.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Returns the same database twice, not yet migrated: through the pooler, and directly.
    pub fn blank(&self) -> (TestDatabase, TestDatabase) {
        (TestDatabase::at_url(&self.url()), TestDatabase::at_url(&self.cluster.url()))
    }

    /// Returns the same, migrated through the pooler.
    pub fn databases(&self) -> (TestDatabase, TestDatabase) {
        (TestDatabase::in_cluster(&self.url()), TestDatabase::at_url(&self.cluster.url()))
    }
}

/// The settings that `docs/scale.md` recommends, except for the small pool.
fn settings(folder: &Path, server: u16, port: u16) -> String {
    let folder = folder.display();
    format!(
        "[databases]
         * = host=127.0.0.1 port={server}
         [pgbouncer]
         listen_addr = 127.0.0.1
         listen_port = {port}
         unix_socket_dir =
         auth_type = trust
         auth_file = {folder}/users.txt
         logfile = {folder}/log
         pool_mode = transaction
         default_pool_size = 2
         max_client_conn = 200
         query_wait_timeout = 1
         server_login_retry = 1
        "
    )
    .replace("\n         ", "\n")
}
