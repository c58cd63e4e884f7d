//! The PostgreSQL server that the tests share: the one that `TEST_DATABASE_URL` names, or a throw-away one.
//!
//! `scripts/postgres` starts the throw-away server and removes it when the test process ends, however it ends: Rust
//! never drops statics and SIGKILL runs no code, so the script watches its standard input, a pipe that this process
//! holds open.
//!
//! Under `cargo test`, each test process has its own server, so a killed run leaves no stale state. Under `cargo
//! nextest`, which runs one process per test, all processes of a run share one server. Its URL is in a state file named
//! after the run, and it lives as long as the runner does. Where the runner is not recognised (no `/proc`, or a wrapper
//! between the runner and the tests), each process starts its own server.
//!
//! Other processes see the databases of a shared server, so their names must be unique.

use std::env;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::{CommandExt as _, parent_id};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

/// Starts a throw-away server.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/postgres");

/// The exit status of the script where PostgreSQL is not installed.
const NOT_INSTALLED: i32 = 3;

/// Holds its standard output, which the server's lifetime hangs on, open while process $1 lives; then removes file $2.
const SENTINEL: &str = r#"
trap '' HUP INT TERM
while kill -0 "$1"; do sleep 0.2; done
rm -f "$2"
"#;

/// A PostgreSQL server in which tests may create databases.
pub struct Server {
    /// Everything of the URL before the database's name, with the slash.
    prefix: String,
    /// The URL's parameters with their question mark, or nothing.
    query: String,
    /// The database that exists from the start.
    admin: String,
    /// Holds the standard input of the script open; the script stops the server when it is closed.
    _script: Option<Child>,
}

impl Server {
    /// Returns the URL of `database`, whose name must need no escaping in a URL.
    pub fn url(&self, database: &str) -> String {
        format!("{}{database}{}", self.prefix, self.query)
    }

    /// Returns the URL for creating and dropping databases: that of the database `postgres`, or of the one that
    /// `TEST_DATABASE_URL` names.
    pub fn admin_url(&self) -> String {
        self.url(&self.admin)
    }

    /// Takes the server's URL apart, so that other databases can be named.
    fn parse(url: &str, script: Option<Child>) -> Result<Self, String> {
        let (address, query) = url.split_at(url.find('?').unwrap_or(url.len()));
        let (scheme, rest) = address.split_once("://").unwrap_or_default();
        if !matches!(scheme, "postgres" | "postgresql") {
            // The value may hold a password: it is not repeated.
            return Err("TEST_DATABASE_URL is not a postgres:// URL".to_owned());
        }
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let admin = Some(database).filter(|name| !name.is_empty());
        Ok(Self {
            prefix: format!("{scheme}://{authority}/"),
            query: query.to_owned(),
            admin: admin.unwrap_or("postgres").to_owned(),
            _script: script,
        })
    }
}

/// Returns the server of this test process; the first call starts it. Returns `None` where PostgreSQL is not installed,
/// which is printed to standard error once.
///
/// # Panics
///
/// If the server cannot be started or, with `KEYRACK_TEST_REQUIRE_POSTGRES=1`, is not installed.
pub fn server() -> Option<&'static Server> {
    // The error is kept, too: otherwise each waiting test would try, and fail, again.
    static SERVER: OnceLock<Result<Option<Server>, String>> = OnceLock::new();
    match SERVER.get_or_init(open) {
        Ok(server) => server.as_ref(),
        Err(error) => panic!("no PostgreSQL server for the tests: {error}"),
    }
}

/// Chooses between the given server, a started one, and none.
fn open() -> Result<Option<Server>, String> {
    let given = env::var("TEST_DATABASE_URL").unwrap_or_default();
    if !given.is_empty() {
        return Server::parse(&given, None).map(Some);
    }
    let server = match nextest_run() {
        Some(run) => shared(&run)?,
        None => start(&SHARED_OPTIONS, None)?.map(|(url, script)| Server::parse(&url, Some(script))).transpose()?,
    };
    let advice = "PostgreSQL NOT TESTED: not installed; install the PostgreSQL server \
        (Debian: apt-get install postgresql) or set TEST_DATABASE_URL";
    if server.is_none() {
        if env::var_os("KEYRACK_TEST_REQUIRE_POSTGRES").is_some_and(|value| value == "1") {
            return Err(advice.to_owned());
        }
        // Not by eprintln!, which the test harness hides when the test passes.
        let _ = writeln!(io::stderr(), "{advice}");
    }
    Ok(server)
}

/// Databases that differ from the usual one, from `KEYRACK_TEST_POSTGRES_VARIANTS`, a list with blanks. Each has made
/// statements or messages fail that were right elsewhere.
pub(super) mod variants {
    use std::env;

    /// The server's messages are German.
    pub const GERMAN: &str = "german";
    /// The database's locale is Turkish (ICU, PostgreSQL 15 or later): `lower('I')` is `ı`.
    pub const TURKISH: &str = "turkish";
    /// The tables belong to the role `MyApp`, and stand in the schema "My App".
    pub const CAPITALS: &str = "capitals";

    /// Whether the tests run on this variant.
    ///
    /// # Panics
    ///
    /// If the list contains an unknown name.
    pub fn is_on(variant: &str) -> bool {
        let list = env::var("KEYRACK_TEST_POSTGRES_VARIANTS").unwrap_or_default();
        list.split_whitespace().any(|name| {
            assert!([GERMAN, TURKISH, CAPITALS].contains(&name), "unknown variant {name}");
            name == variant
        })
    }
}

/// The tests' data may be lost, and hundreds of tests connect at the same time.
const SHARED_OPTIONS: [&str; 3] = ["--fast", "-c", "max_connections=300"];

/// Starts a server with `scripts/postgres` and these options. Returns its URL and the script, which stops the server
/// when its standard input is closed: when the returned child is dropped, or the given pipe's other end is closed.
/// Returns `None` where PostgreSQL is not installed.
pub(super) fn start(options: &[&str], lifeline: Option<ChildStdout>) -> Result<Option<(String, Child)>, String> {
    let mut command = detached(SCRIPT);
    if variants::is_on(variants::GERMAN) {
        command.args(["--messages", "de_DE.UTF-8"]);
    }
    command.args(options).stdin(lifeline.map_or_else(Stdio::piped, Stdio::from)).stderr(Stdio::piped());
    let mut script = command.spawn().map_err(|error| format!("cannot run {SCRIPT}: {error}"))?;
    let mut url = String::new();
    BufReader::new(script.stdout.take().unwrap()).read_line(&mut url).map_err(|error| error.to_string())?;
    if !url.is_empty() {
        return Ok(Some((url.trim_end().to_owned(), script)));
    }
    let mut errors = String::new();
    script.stderr.take().unwrap().read_to_string(&mut errors).map_err(|error| error.to_string())?;
    match script.wait() {
        Ok(status) if status.code() == Some(NOT_INSTALLED) => Ok(None),
        _ => Err(errors),
    }
}

/// A run of `cargo nextest`: what its test processes share, and for how long.
struct Run {
    /// Holds the URL of the run's server; locked while one is being started.
    state: PathBuf,
    /// The process id of the runner.
    runner: u32,
}

/// Returns the nextest run of this process, if the runner is its parent.
fn nextest_run() -> Option<Run> {
    let id = env::var("NEXTEST_RUN_ID").ok()?;
    let runner = parent_id();
    let name = fs::read_to_string(format!("/proc/{runner}/comm")).ok()?;
    let state = env::temp_dir().join(format!("keyrack-pg-run-{id}"));
    name.contains("nextest").then_some(Run { state, runner })
}

/// Returns the server of a nextest run; the first process starts it.
fn shared(run: &Run) -> Result<Option<Server>, String> {
    let fail = |error: io::Error| format!("{}: {error}", run.state.display());
    let state = File::options().append(true).create(true).open(&run.state).map_err(fail)?;
    // The kernel frees the lock when the holder dies; the next process then finds no URL and starts over.
    state.lock().map_err(fail)?;
    let url = fs::read_to_string(&run.state).map_err(fail)?;
    if answers(&url) {
        return Server::parse(&url, None).map(Some);
    }
    let lifeline = spawn_sentinel(run).map_err(fail)?;
    let Some((url, script)) = start(&SHARED_OPTIONS, Some(lifeline))? else { return Ok(None) };
    // Through the handle: by its path, the file would come back after the sentinel removed it.
    state.set_len(0).map_err(fail)?;
    write!(&state, "{url}").map_err(fail)?;
    Server::parse(&url, Some(script)).map(Some)
}

/// Reports whether a process listens on the port of a throw-away server's URL.
fn answers(url: &str) -> bool {
    let port = port_of(url);
    port.is_some_and(|port| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok())
}

/// Returns the port of a throw-away server's URL.
pub(super) fn port_of(url: &str) -> Option<u16> {
    url.rsplit_once(':')?.1.split('/').next()?.parse().ok()
}

/// Returns a loopback port on which no process listens right now.
pub(super) fn free_port() -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.local_addr().map(|address| address.port())
}

/// Runs a program in its own process group, which neither Ctrl-C nor a signal to a killed test's group reaches, and
/// which holds none of the test's outputs open (nextest would report a leak).
pub fn detached(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program.as_ref());
    command.current_dir("/").process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

/// Starts a sentinel for the runner, as the current user, who may send signals to it.
fn spawn_sentinel(run: &Run) -> io::Result<ChildStdout> {
    let mut sentinel = detached("sh");
    sentinel.args(["-c", SENTINEL, "keyrack-pg", &run.runner.to_string()]).arg(&run.state);
    sentinel.spawn()?.stdout.ok_or(io::ErrorKind::BrokenPipe.into())
}
