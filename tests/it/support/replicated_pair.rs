//! A primary and an asynchronous standby, for tests of a failover.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    process::Command,
};

use super::{Cluster, TestDatabase, postgres, wait_until};

/// Two PostgreSQL servers, of which one replicates the other. They swap their roles with each failover.
pub struct ReplicatedPair {
    cluster: Cluster,
    nodes: [Node; 2],
    /// The index of the primary.
    primary: usize,
}

struct Node {
    /// The name of its data folder.
    data: &'static str,
    port: u16,
}

impl ReplicatedPair {
    /// Starts both; `None` where PostgreSQL is not installed.
    pub fn start() -> Option<Self> {
        let cluster = Cluster::start()?;
        let first = Node { data: "data", port: cluster.port() };
        let second = Node { data: "standby", port: postgres::free_port().unwrap() };
        let pair = Self { cluster, nodes: [first, second], primary: 0 };
        drop(pair.cluster.database());
        pair.start_standby();
        Some(pair)
    }

    /// A URL with both servers.
    pub fn url(&self) -> String {
        let [first, second] = &self.nodes;
        format!("postgres://postgres@127.0.0.1:{},127.0.0.1:{}/postgres", first.port, second.port)
    }

    /// The tables as both servers' URL leads to them.
    pub fn database(&self) -> TestDatabase {
        TestDatabase::at_url(&self.url())
    }

    pub fn primary(&self) -> TestDatabase {
        self.database_of(self.primary)
    }

    pub fn standby(&self) -> TestDatabase {
        self.database_of(1 - self.primary)
    }

    fn database_of(&self, index: usize) -> TestDatabase {
        TestDatabase::at_url(&format!("postgres://postgres@127.0.0.1:{}/postgres", self.nodes[index].port))
    }

    /// Waits until the standby has all that the primary has committed.
    pub fn wait_for_standby(&self) {
        let behind = "WHERE replay_lsn < pg_current_wal_lsn() OR replay_lsn IS NULL";
        let primary = self.primary();
        wait_until(|| {
            primary.count("pg_stat_replication", "") == 1 && primary.count("pg_stat_replication", behind) == 0
        });
    }

    /// Ends the replication: the standby gets nothing more.
    pub fn cut_stream(&self) {
        self.standby().execute("ALTER SYSTEM SET primary_conninfo = ''");
        self.standby().execute("SELECT pg_reload_conf()");
        wait_until(|| self.primary().count("pg_stat_replication", "") == 0);
    }

    /// Makes the standby synchronous.
    pub fn make_synchronous(&self) {
        let primary = self.primary();
        primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'");
        primary.execute("SELECT pg_reload_conf()");
        wait_until(|| primary.count("pg_stat_replication", "WHERE sync_state = 'sync'") == 1);
    }

    /// Stops the standby.
    pub fn stop_standby(&self) {
        let standby = self.nodes[1 - self.primary].data;
        let mut stop = self.cluster.program("pg_ctl");
        assert!(stop.args(["-D", standby, "-m", "immediate", "stop"]).status().unwrap().success());
        wait_until(|| self.primary().count("pg_stat_replication", "") == 0);
    }

    /// Starts a standby that was stopped.
    pub fn start_standby_again(&self) {
        let standby = self.nodes[1 - self.primary].data;
        let mut start = self.cluster.program("pg_ctl");
        assert!(start.args(["-D", standby, "-w", "-l", "standby.log", "start"]).status().unwrap().success());
        wait_until(|| self.primary().count("pg_stat_replication", "WHERE sync_state = 'sync'") == 1);
    }

    /// Kills the primary: no process of it writes anything more.
    pub fn kill_primary(&self) {
        let server = self.server(self.primary);
        assert!(Command::new("kill").args(["-KILL", &server]).status().unwrap().success());
    }

    /// Makes the standby the primary. It keeps its URL.
    pub fn promote(&mut self) {
        assert_eq!(self.standby().text("SELECT pg_promote()::text AS v"), "true");
        self.primary = 1 - self.primary;
    }

    /// Replaces what is left of the former primary by a new standby.
    pub fn rebuild_standby(&self) {
        let node = &self.nodes[1 - self.primary];
        let _ = self.cluster.program("pg_ctl").args(["-D", node.data, "-m", "immediate", "stop"]).status();
        let data = self.cluster.folder().join(node.data);
        // The children of a killed server may still be ending.
        wait_until(|| fs::remove_dir_all(&data).is_ok() || !data.exists());
        self.start_standby();
    }

    fn start_standby(&self) {
        let (primary, standby) = (&self.nodes[self.primary], &self.nodes[1 - self.primary]);
        let port = primary.port.to_string();
        let mut backup = self.cluster.program("pg_basebackup");
        backup.args(["-D", standby.data, "-h", "127.0.0.1", "-p", &port, "-U", "postgres", "-R", "-c", "fast"]);
        assert!(backup.arg("--no-sync").status().unwrap().success());
        let settings = self.cluster.folder().join(standby.data).join("postgresql.auto.conf");
        let mut settings = OpenOptions::new().append(true).open(settings).unwrap();
        writeln!(settings, "port = {}", standby.port).unwrap();
        let mut start = self.cluster.program("pg_ctl");
        assert!(start.args(["-D", standby.data, "-w", "-l", "standby.log", "start"]).status().unwrap().success());
        self.wait_for_standby();
    }

    fn server(&self, index: usize) -> String {
        let status = self.cluster.folder().join(self.nodes[index].data).join("postmaster.pid");
        fs::read_to_string(status).unwrap().lines().next().unwrap().to_owned()
    }
}

impl Drop for ReplicatedPair {
    fn drop(&mut self) {
        for node in &self.nodes {
            let _ = self.cluster.program("pg_ctl").args(["-D", node.data, "-m", "immediate", "stop"]).status();
        }
    }
}
