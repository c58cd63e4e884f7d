//! Runs the `keyrack` binary.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver},
    time::Duration,
};

use serde_json::Value;

use super::{Browser, PASSWORD, TestDatabase};

/// The longest wait for a line of output.
const OUTPUT_TIMEOUT: Duration = Duration::from_secs(60);

/// Runs the binary in the database's folder, without the environment of the tests.
#[derive(Clone)]
pub struct Program<'a> {
    database: &'a TestDatabase,
    variables: Vec<(String, String)>,
}

/// The exit status and output of a finished process.
#[derive(Debug)]
pub struct Finished {
    pub status: i32,
    pub out: String,
    pub err: String,
}

impl<'a> Program<'a> {
    /// Uses this database and the cheapest hashes.
    pub fn new(database: &'a TestDatabase) -> Self {
        Self::without_settings(database)
            .with("DATABASE_URL", database.url())
            .with("KEYRACK_HASH_COST", "m=8,t=1,p=1")
            .with("KEYRACK_SIGN_IN_PACE", "off")
            .with("KEYRACK_BIND", "127.0.0.1:0")
    }

    /// Uses this database's folder and sets no variable.
    pub fn without_settings(database: &'a TestDatabase) -> Self {
        Self { database, variables: Vec::new() }
    }

    /// Sets a variable.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(existing, _)| existing != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Writes a file into the folder in which the program runs.
    pub fn with_file(self, name: &str, text: &str) -> Self {
        std::fs::write(self.database.folder().join(name), text).unwrap();
        self
    }

    /// Starts the binary. The shell clears the umask, so that tests notice files whose privacy depends on it, and is
    /// then replaced by the binary.
    pub fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).spawn().unwrap()
    }

    /// The command that [`Program::start`] starts.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", "umask 000; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_keyrack")])
            .args(arguments)
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .env("TMPDIR", self.database.folder())
            .current_dir(self.database.folder())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs a command with an empty standard input.
    pub fn run(&self, arguments: &[&str]) -> Finished {
        self.run_with_input(arguments, "")
    }

    /// Runs a command with this standard input.
    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Finished {
        let mut child = self.start(arguments);
        // A program that fails before reading has closed the pipe.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        Finished::wait_for(child)
    }

    /// Runs a command that must succeed, and returns what it printed.
    pub fn done(&self, arguments: &[&str]) -> String {
        let finished = self.run(arguments);
        assert_eq!(finished.status, 0, "{arguments:?}: {finished:?}");
        finished.out
    }

    /// Runs a command that must succeed and print JSON.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let out = self.done(arguments);
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{arguments:?}: {error}\n{out}"))
    }

    /// Adds a user with [`PASSWORD`].
    pub fn add_user(&self, email: &str) {
        let added = self.run_with_input(&["user", "add", email], &format!("{PASSWORD}\n"));
        assert_eq!(added.status, 0, "{added:?}");
    }

    /// Starts `keyrack serve` and waits until it listens.
    pub fn serve(&self) -> Serving {
        self.serve_as(&["serve"])
    }

    /// Like [`Program::serve`], with other arguments.
    pub fn serve_as(&self, arguments: &[&str]) -> Serving {
        Serving::await_start(self.start(arguments))
    }
}

impl Finished {
    /// Waits for a process that ends by itself.
    pub fn wait_for(child: Child) -> Self {
        let output = child.wait_with_output().unwrap();
        Self {
            status: output.status.code().expect("the process exits and is not killed by a signal"),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Asserts that it failed with this status and one line on standard error that contains all of `parts`.
    #[track_caller]
    pub fn assert_refused(&self, status: i32, parts: &[&str]) {
        assert_eq!((self.status, self.out.as_str()), (status, ""), "{self:?}");
        assert!(self.err.starts_with("keyrack: ") && self.err.ends_with('\n'), "{self:?}");
        assert_eq!(self.err.trim_end().lines().count(), 1, "one line: {self:?}");
        self.assert_stderr_contains(parts);
    }

    /// Asserts that standard error contains all of `parts`.
    #[track_caller]
    pub fn assert_stderr_contains(&self, parts: &[&str]) {
        for part in parts {
            assert!(self.err.contains(part), "{part:?} is missing: {self:?}");
        }
    }
}

/// A running server process, killed when the value is dropped.
pub struct Serving {
    pub address: SocketAddr,
    /// The log line with the address.
    pub listening: Value,
    pub out: Lines,
    pub err: Lines,
    child: Child,
}

/// A process that does nothing, and continues when the value is dropped.
pub struct Stopped(String);

impl Stopped {
    pub fn new(process: String) -> Self {
        assert!(Command::new("kill").args(["-STOP", &process]).status().unwrap().success());
        Self(process)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-CONT", &self.0]).status();
    }
}

/// The output of a process, line by line.
pub struct Lines {
    receiver: Receiver<String>,
    seen: String,
}

impl Lines {
    fn of(from: impl Read + Send + 'static) -> Self {
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(from).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self { receiver, seen: String::new() }
    }

    /// The next line, `None` at the end.
    fn next(&mut self) -> Option<String> {
        let line = self.receiver.recv_timeout(OUTPUT_TIMEOUT).ok()?;
        self.seen.extend([line.as_str(), "\n"]);
        Some(line)
    }

    /// Waits for a line that contains `part`.
    pub fn wait_for(&mut self, part: &str) -> String {
        while let Some(line) = self.next() {
            if line.contains(part) {
                return line;
            }
        }
        panic!("no line with {part:?}: {:?}", self.seen)
    }

    /// The whole output, once the process has ended.
    fn all(&mut self) -> String {
        while self.next().is_some() {}
        std::mem::take(&mut self.seen)
    }
}

impl Serving {
    /// Waits until a started server logs its address.
    pub fn await_start(mut child: Child) -> Self {
        let (out, mut err) = (Lines::of(child.stdout.take().unwrap()), Lines::of(child.stderr.take().unwrap()));
        while let Some(line) = err.next() {
            let listening = serde_json::from_str::<Value>(&line).unwrap_or_default();
            if let Some(address) = listening["address"].as_str().and_then(|text| text.parse().ok()) {
                return Self { address, listening, out, err, child };
            }
        }
        let _ = child.kill();
        panic!("the server did not start: {}", err.all())
    }

    pub fn browser(&self) -> Browser {
        Browser::new(self.address)
    }

    /// A browser that is signed in as this user, who must exist.
    pub fn signed_in(&self, email: &str) -> Browser {
        let mut browser = self.browser();
        assert_eq!(browser.sign_in(email, PASSWORD).status, 303);
        browser
    }

    /// Sends SIGTERM once the server answers: before that, the signal would kill it.
    pub fn terminate(&self) {
        assert_eq!(self.browser().get("/healthz").status, 200);
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// Lets the server do nothing until the value is dropped.
    pub fn pause(&self) -> Stopped {
        Stopped::new(self.child.id().to_string())
    }

    /// Stops the server gracefully and waits for its end.
    pub fn stop(mut self) -> Finished {
        self.terminate();
        self.wait()
    }

    /// Waits until the process has ended and closed its output.
    pub fn wait(&mut self) -> Finished {
        let (out, err) = (self.out.all(), self.err.all());
        let status = self.child.wait().unwrap().code().expect("the process exits and is not killed by a signal");
        Finished { status, out, err }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            // Why the test failed may stand in the log only.
            let log = self.err.all();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!("the end of the server's log:\n{}", lines[lines.len().saturating_sub(40)..].join("\n"));
        }
    }
}
