//! A PostgreSQL server of a test's own, which the test may stop, kill, pause and start again.

use std::{
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use super::{
    TestDatabase,
    postgres::{detached, free_port, programs, server_account},
};

/// Ends the server and removes its folder when its standard input ends, that is: when the test process does, however.
const GUARD: &str = r#"
trap '' HUP INT TERM
cat >/dev/null
server=$(head -n 1 "$1/data/postmaster.pid")
[ -n "$server" ] && kill -CONT $server $(pgrep -P "$server")
"$2/pg_ctl" -D "$1/data" stop -m immediate
rm -rf "$1"
"#;

/// A server that the test controls.
pub struct Cluster {
    folder: PathBuf,
    programs: PathBuf,
    port: u16,
    _guard: Child,
}

impl Cluster {
    /// Makes and starts one; `None` where PostgreSQL is not installed.
    pub fn start() -> Option<Self> {
        let programs = programs()?;
        let folder = tempfile::Builder::new().prefix("keyrack-cluster-").tempdir().unwrap().keep();
        if let Some((user, group)) = server_account() {
            std::os::unix::fs::chown(&folder, Some(user), Some(group)).unwrap();
        }
        let mut guard = detached(GUARD);
        guard.arg(&folder).arg(&programs).stdin(Stdio::piped()).stdout(Stdio::null());
        as_server(&mut guard);
        let guard = guard.spawn().unwrap();
        let cluster = Self { folder, programs, port: free_port().unwrap(), _guard: guard };
        let data = cluster.data();
        cluster.run("initdb", &["-D", &data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-sync"]);
        cluster.start_again();
        Some(cluster)
    }

    /// A migrated database in it.
    pub fn database(&self) -> TestDatabase {
        TestDatabase::in_cluster(&self.url())
    }

    /// Where that is.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Gives its database a time zone, for connections that come from now on.
    pub fn alter_zone(&self, zone: &str) {
        let database = TestDatabase::at_url(&self.url());
        database.execute(&format!("ALTER DATABASE postgres SET timezone = '{zone}'"));
    }

    /// Starts it after a stop. Whatever was committed is there; the machine itself never crashes here, so nothing needs to
    /// reach the disk.
    pub fn start_again(&self) {
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -c timezone=UTC",
            self.port
        );
        let log = self.folder.join("log").display().to_string();
        self.run("pg_ctl", &["-D", &self.data(), "-w", "-l", &log, "-o", &options, "start"]);
    }

    /// Stops it as a crash does: without saying goodbye, without writing anything more.
    pub fn stop_immediately(&self) {
        self.run("pg_ctl", &["-D", &self.data(), "-m", "immediate", "stop"]);
    }

    /// Freezes every process of it: connections stay open, nothing answers. The server comes first: it makes no more children
    /// then, and those that end stay visible.
    pub fn pause(&self) {
        let server = self.server();
        signal("-STOP", std::slice::from_ref(&server));
        signal("-STOP", &children(&server));
    }

    /// Lets them go on, the server last.
    pub fn resume(&self) {
        let server = self.server();
        signal("-CONT", &children(&server));
        signal("-CONT", &[server]);
    }

    /// The process id of the server.
    fn server(&self) -> String {
        let status = std::fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap();
        status.lines().next().unwrap().to_owned()
    }

    fn data(&self) -> String {
        self.folder.join("data").display().to_string()
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = Command::new(self.programs.join(program));
        // The server inherits what it gets; a pipe would stay open with it.
        command.args(arguments).current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        as_server(&mut command);
        assert!(command.status().unwrap().success(), "{program} {arguments:?}");
    }
}

fn children(server: &str) -> Vec<String> {
    let found = Command::new("pgrep").args(["-P", server]).output().unwrap();
    String::from_utf8(found.stdout).unwrap().split_whitespace().map(str::to_owned).collect()
}

fn signal(signal: &str, to: &[String]) {
    assert!(Command::new("kill").arg(signal).args(to).status().unwrap().success());
}

/// PostgreSQL refuses to run as root.
fn as_server(command: &mut Command) {
    if let Some((user, group)) = server_account() {
        command.uid(user).gid(group);
    }
}
