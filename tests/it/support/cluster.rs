//! A PostgreSQL server for one test, which may stop, kill, pause and start it again.

use std::{
    io::Write as _,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use super::{TestDatabase, postgres};

/// A PostgreSQL server that a test may stop, kill, pause and start again.
pub struct Cluster {
    /// What `scripts/postgres` keeps in it: `data`, `log`, and `bin`.
    folder: PathBuf,
    url: String,
    /// Holds the standard input of `scripts/postgres` open, which removes all of it afterwards.
    _script: Child,
}

impl Cluster {
    /// Creates and starts one; `None` where PostgreSQL is not installed.
    ///
    /// Everything committed outlives a stop. The machine itself never crashes here, so nothing needs to reach the disk.
    pub fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// Starts one whose messages are German; `None` also where PostgreSQL's translation is not installed, which is
    /// printed.
    pub fn start_in_german() -> Option<Self> {
        let cluster = Self::start_with(&["--messages", "de_DE.UTF-8"])?;
        let message = TestDatabase::at_url(&cluster.url).try_execute("SELECT 1 / 0").unwrap_err().to_string();
        if message.contains("Division durch Null") {
            return Some(cluster);
        }
        // Not by eprintln!, which the test harness hides when the test passes.
        let _ = writeln!(std::io::stderr(), "GERMAN MESSAGES NOT TESTED: the server answers {message}");
        None
    }

    fn start_with(more: &[&str]) -> Option<Self> {
        // Only a name: the script makes the folder and removes it.
        let folder = tempfile::Builder::new().prefix("keyrack-cluster-").tempdir().unwrap().keep();
        std::fs::remove_dir(&folder).unwrap();
        let options = [&["--folder", folder.to_str().unwrap(), "-c", "fsync=off"], more].concat();
        let (url, script) = postgres::start(&options, None).unwrap()?;
        Some(Self { folder, url, _script: script })
    }

    /// Returns a migrated database in it.
    pub fn database(&self) -> TestDatabase {
        TestDatabase::in_cluster(&self.url())
    }

    /// Returns the URL of its database.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    pub fn port(&self) -> u16 {
        postgres::port_of(&self.url).unwrap()
    }

    /// Returns the user and the group that the server runs as.
    pub fn account(&self) -> (u32, u32) {
        let log = std::fs::metadata(self.folder.join("log")).unwrap();
        (log.uid(), log.gid())
    }

    /// Sets the time zone of its database, for connections opened from now on.
    pub fn alter_zone(&self, zone: &str) {
        let database = TestDatabase::at_url(&self.url());
        database.execute(&format!("ALTER DATABASE postgres SET timezone = '{zone}'"));
    }

    /// Restarts it with this certificate and key, so that it accepts encrypted connections.
    pub fn enable_tls(&self, certificate: &Path, key: &Path) {
        let (user, group) = self.account();
        for (from, name) in [(certificate, "server.crt"), (key, "server.key")] {
            let to = self.folder.join("data").join(name);
            std::fs::copy(from, &to).unwrap();
            std::fs::set_permissions(&to, std::fs::Permissions::from_mode(0o600)).unwrap();
            std::os::unix::fs::chown(&to, Some(user), Some(group)).unwrap();
        }
        TestDatabase::at_url(&self.url).execute("ALTER SYSTEM SET ssl = on");
        self.stop_immediately();
        self.start_again();
    }

    /// Starts it after a stop, on the same port.
    pub fn start_again(&self) {
        self.pg_ctl(&["-w", "-l", "log", "start"]);
    }

    /// Stops it as a crash does: connections break, and nothing more is written.
    pub fn stop_immediately(&self) {
        self.pg_ctl(&["-m", "immediate", "stop"]);
    }

    /// Freezes all of its processes: connections stay open, nothing answers. The main process comes first: it then
    /// creates no more children, and those that end stay visible.
    pub fn pause(&self) {
        let server = self.server();
        signal("-STOP", std::slice::from_ref(&server));
        signal("-STOP", &children(&server));
    }

    /// Lets the frozen processes continue, the main process last.
    pub fn resume(&self) {
        let server = self.server();
        signal("-CONT", &children(&server));
        signal("-CONT", &[server]);
    }

    /// Returns a command that runs one of PostgreSQL's programs in the cluster's folder, as the server's user.
    pub fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.folder.join("bin").join(name));
        // The server inherits what it gets; a pipe would stay open with it.
        command.current_dir(&self.folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // As scripts/postgres sets it, for a server whose messages are not English.
        command.env("LOCPATH", self.folder.join("locales"));
        // PostgreSQL refuses to run as root.
        let (user, group) = self.account();
        command.uid(user).gid(group);
        command
    }

    /// The folder with `bin` and the data folders.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the process id of the main process.
    fn server(&self) -> String {
        let status = std::fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap();
        status.lines().next().unwrap().to_owned()
    }

    fn pg_ctl(&self, arguments: &[&str]) {
        let mut command = self.program("pg_ctl");
        assert!(command.args(["-D", "data"]).args(arguments).status().unwrap().success(), "pg_ctl {arguments:?}");
    }
}

fn children(server: &str) -> Vec<String> {
    let found = Command::new("pgrep").args(["-P", server]).output().unwrap();
    String::from_utf8(found.stdout).unwrap().split_whitespace().map(str::to_owned).collect()
}

fn signal(signal: &str, to: &[String]) {
    assert!(Command::new("kill").arg(signal).args(to).status().unwrap().success());
}
