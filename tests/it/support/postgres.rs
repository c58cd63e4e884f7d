//! A throw-away PostgreSQL server for the tests, gone when they are, however they end.
//!
//! Under `cargo test` every test process has a cluster of its own, so there is no shared state
//! that a killed run could leave stale. Under `cargo nextest`, a process per test, all processes
//! of one run share one cluster, whose state file is named by the run's unique id and which lives
//! exactly as long as the runner process; where the runner cannot be recognised (no `/proc`, or a
//! wrapper between runner and test) each process falls back to its own.
//!
//! Statics are never dropped and SIGKILL runs no code, so the cluster is not the test process's
//! child but that of a small detached shell, the keeper: its standard input is a pipe, and when
//! the other end is closed, by whatever cause, it stops the server and removes its folder.
//!
//! Databases in a shared or external server are seen by other processes: give them unique names.

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::{CommandExt as _, parent_id};
use std::path::{Path, PathBuf};
use std::process::{self, Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// How long a start may take in all; initdb needs seconds on a busy machine, never this long.
const START_LIMIT: Duration = Duration::from_secs(90);

/// How often a start is tried: a free port can be taken by another before the server binds it.
const ATTEMPTS: u32 = 5;

/// The keeper: makes the cluster in folder $1 with the programs in $2, serves it on port $3, and
/// cleans up once its standard input ends or the server does. The last lines of the log go to
/// its standard output, so that a failed start can be explained.
///
/// The server is its own child, whose id no foreign process can get before `wait` ends. SIGQUIT
/// (immediate shutdown) is repeated because a server that has only just started still ignores it.
const KEEPER: &str = r#"
trap '' HUP INT TERM
exec 3<&0 </dev/null
umask 077
mkdir "$1" 2>&1 || exit 1
if "$2/initdb" -D "$1/data" -U postgres --auth=trust --locale=C.UTF-8 --encoding=UTF8 \
    --no-sync >"$1/log" 2>&1 3<&-
then
    "$2/postgres" -D "$1/data" -p "$3" -c listen_addresses=127.0.0.1 \
        -c unix_socket_directories= -c max_connections=300 -c timezone=UTC \
        -c fsync=off -c synchronous_commit=off -c full_page_writes=off \
        >>"$1/log" 2>&1 3<&- &
    server=$!
    { cat <&3; while kill -QUIT "$server"; do sleep 0.1; done; } >/dev/null 2>&1 &
    lifeline=$!
    exec 3<&-
    wait "$server"
    kill -KILL "$lifeline"
fi
tail -n 20 "$1/log"
rm -rf "$1"
"#;

/// Holds its standard output, the keeper's lifeline, open while process $1 lives; removes $2.
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
    /// Owns the write end of the keeper's standard input; the server runs while this is held.
    _keeper: Option<Child>,
}

impl Server {
    /// The URL of `database`, whose name must need no escaping in a URL.
    pub fn url(&self, database: &str) -> String {
        format!("{}{database}{}", self.prefix, self.query)
    }

    /// The URL to create and drop databases by: the database `postgres`, or, of an external
    /// server, the one that `TEST_DATABASE_URL` names.
    pub fn admin_url(&self) -> String {
        self.url(&self.admin)
    }

    /// A server of ours, which trusts whoever reaches its loopback port.
    fn local(port: u16, keeper: Option<Child>) -> Self {
        Self {
            prefix: format!("postgres://postgres@127.0.0.1:{port}/"),
            query: String::new(),
            admin: "postgres".to_owned(),
            _keeper: keeper,
        }
    }

    /// The server behind a URL, which is taken apart so that other databases can be named.
    fn external(url: &str) -> Result<Self, String> {
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
            _keeper: None,
        })
    }
}

/// The server for this test process, started by the first call; `None` if there is no PostgreSQL
/// to start, which is said on standard error once.
///
/// # Panics
///
/// If the server cannot be started or, with `KEYRACK_TEST_REQUIRE_POSTGRES=1`, is not installed.
pub fn server() -> Option<&'static Server> {
    // The error is kept, too: otherwise each waiting test would try, and fail, anew.
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
        return Server::external(&given).map(Some);
    }
    if let Some(programs) = programs() {
        let server = match nextest_run() {
            Some(run) => shared(&programs, &run),
            None => start(&programs, None).map(|(port, keeper)| Server::local(port, Some(keeper))),
        };
        return server.map(Some);
    }
    let advice = "PostgreSQL NOT TESTED: no initdb found; install the PostgreSQL server \
        (Debian: apt-get install postgresql) or set TEST_DATABASE_URL";
    if env::var_os("KEYRACK_TEST_REQUIRE_POSTGRES").is_some_and(|value| value == "1") {
        return Err(advice.to_owned());
    }
    // Not by eprintln!, which the test harness hides when the test passes.
    let _ = writeln!(io::stderr(), "{advice}");
    Ok(None)
}

/// The folder of initdb and postgres: where the PATH leads, else the newest that Debian installed.
pub(super) fn programs() -> Option<PathBuf> {
    let on_path = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&on_path)
        .filter_map(|folder| fs::canonicalize(folder.join("initdb")).ok())
        .filter_map(|program| program.parent().map(Path::to_owned));
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let packaged: BTreeMap<u32, PathBuf> = versions
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
        .collect();
    on_path
        .chain(packaged.into_values().rev().map(|dir| dir.join("bin")))
        .find(|bin| bin.join("initdb").is_file() && bin.join("postgres").is_file())
}

/// A run of `cargo nextest`: what its test processes share, and for how long.
struct Run {
    /// Holds the port of the run's server; locked while one is being started.
    state: PathBuf,
    /// The process id of the runner.
    runner: u32,
}

/// The nextest run of this process, if the process is the runner's own child.
fn nextest_run() -> Option<Run> {
    let id = env::var("NEXTEST_RUN_ID").ok()?;
    let runner = parent_id();
    let name = fs::read_to_string(format!("/proc/{runner}/comm")).ok()?;
    let state = env::temp_dir().join(format!("keyrack-pg-run-{id}"));
    name.contains("nextest").then_some(Run { state, runner })
}

/// The server of a nextest run, started by whichever process comes first.
fn shared(programs: &Path, run: &Run) -> Result<Server, String> {
    let fail = |error: io::Error| format!("{}: {error}", run.state.display());
    let open = File::options().append(true).create(true).open(&run.state);
    let state = open.map_err(fail)?;
    // Freed by the kernel when the holder dies; the next one then finds no port and starts over.
    state.lock().map_err(fail)?;
    let port = fs::read_to_string(&run.state).map_err(fail)?;
    let answers = |port: &u16| TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).is_ok();
    if let Some(port) = port.parse().ok().filter(answers) {
        return Ok(Server::local(port, None));
    }
    let (port, keeper) = start(programs, Some(run))?;
    // Through the handle: by its path, the file would come back after the sentinel removed it.
    state.set_len(0).map_err(fail)?;
    write!(&state, "{port}").map_err(fail)?;
    Ok(Server::local(port, Some(keeper)))
}

/// Starts a cluster that lives as long as the nextest run or, without one, the returned keeper.
fn start(programs: &Path, run: Option<&Run>) -> Result<(u16, Child), String> {
    let deadline = Instant::now() + START_LIMIT;
    let mut errors = String::new();
    for _ in (0..ATTEMPTS).take_while(|_| Instant::now() < deadline) {
        // No earlier process of this id can have left the same folder behind.
        let time = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let name = format!("keyrack-pg-{}-{:x}", process::id(), time.as_nanos());
        let folder = env::temp_dir().join(name);
        let port = free_port().map_err(|error| format!("no free port: {error}"))?;
        let keeper = spawn_keeper(programs, &folder, port, run);
        let mut keeper = keeper.map_err(|error| format!("cannot run sh: {error}"))?;
        match wait_until_ready(&mut keeper, &folder, deadline) {
            Ok(()) => return Ok((port, keeper)),
            Err(error) => _ = write!(errors, "\nport {port}: {error}"),
        }
    }
    Err(errors)
}

/// A loopback port that nobody listens on right now.
pub(super) fn free_port() -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.local_addr().map(|address| address.port())
}

/// A script in a process group of its own, which neither ^C nor a killed test's group reaches, and
/// which holds none of our outputs open (nextest would report a leak).
pub(super) fn detached(script: &str) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", script, "keyrack-pg"])
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

/// Starts the keeper, with a lifeline from the nextest run's sentinel, if any, else from us.
fn spawn_keeper(bin: &Path, dir: &Path, port: u16, run: Option<&Run>) -> io::Result<Child> {
    let mut keeper = detached(KEEPER);
    keeper.arg(dir).arg(bin).arg(port.to_string());
    let lifeline = run.map(spawn_sentinel).transpose()?;
    keeper.stdin(lifeline.map_or_else(Stdio::piped, Stdio::from));
    server_account().map(|(user, group)| keeper.uid(user).gid(group));
    keeper.spawn()
}

/// Starts a sentinel for the runner as the current user, who may ask whether it lives.
fn spawn_sentinel(run: &Run) -> io::Result<ChildStdout> {
    let mut sentinel = detached(SENTINEL);
    sentinel.arg(run.runner.to_string()).arg(&run.state);
    let output = sentinel.spawn()?.stdout;
    output.ok_or(io::ErrorKind::BrokenPipe.into())
}

/// The user and group to run the server as, if not the current: PostgreSQL refuses root.
pub(super) fn server_account() -> Option<(u32, u32)> {
    let id = |arguments: &[&str]| -> Option<u32> {
        let output = Command::new("id").args(arguments).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    };
    if id(&["-u"]) != Some(0) {
        return None;
    }
    ["postgres", "nobody"].iter().find_map(|name| Some((id(&["-u", name])?, id(&["-g", name])?)))
}

/// Waits until the server says in its status file that it accepts connections. To connect would
/// prove less: whoever else took the port would answer, too.
fn wait_until_ready(keeper: &mut Child, dir: &Path, deadline: Instant) -> Result<(), String> {
    let is_ready = |status: String| status.lines().nth(7).is_some_and(|s| s.trim() == "ready");
    while Instant::now() < deadline {
        if fs::read_to_string(dir.join("data/postmaster.pid")).is_ok_and(is_ready) {
            return Ok(());
        }
        if let Ok(Some(_)) = keeper.try_wait() {
            let log = keeper.stdout.take().map(io::read_to_string);
            return Err(log.and_then(Result::ok).unwrap_or_default());
        }
        thread::sleep(Duration::from_millis(10));
    }
    let log = fs::read_to_string(dir.join("log")).unwrap_or_default();
    Err(format!("not ready after {START_LIMIT:?}\n{log}"))
}
