//! A real Express application beside Keyrack: `tests/it/express/peer.mjs`, with the packages of `examples/express/`.

use std::{
    env,
    io::{self, BufRead, BufReader, Write as _},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

use serde_json::{Value, json};

use super::{SECRETS, postgres};

/// A running Express application. It is killed when the value is dropped, and ends by itself when the tests do.
pub struct Express {
    pub address: SocketAddr,
    process: Child,
}

impl Express {
    /// Starts one on this database, with the tests' secret and otherwise the options of a typical application.
    pub fn start(database_url: &str) -> Self {
        Self::with(database_url, &json!({}))
    }

    /// Like [`Express::start`], with the options `secrets`, `session`, `store`; `peer.mjs` describes them.
    pub fn with(database_url: &str, options: &Value) -> Self {
        let mut all = json!({"secrets": [SECRETS]});
        all.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
        Self::run("tests/it/express/peer.mjs", &[("DATABASE_URL", database_url), ("OPTIONS", &all.to_string())])
    }

    /// Starts the shop of `examples/express/`, as `npm start` does.
    pub fn example(database_url: &str) -> Self {
        let settings = [("DATABASE_URL", database_url), ("SESSION_SECRETS", SECRETS), ("PORT", "0")];
        Self::run("examples/express/server.js", &settings)
    }

    /// The same behind one proxy with Keyrack: it has the same origin.
    pub fn example_behind_proxy(database_url: &str) -> Self {
        let settings =
            [("DATABASE_URL", database_url), ("SESSION_SECRETS", SECRETS), ("PORT", "0"), ("KEYRACK_URL", "")];
        Self::run("examples/express/server.js", &settings)
    }

    fn run(program: &str, settings: &[(&str, &str)]) -> Self {
        // It ends when its standard input closes, which happens however this process ends.
        let lifeline = "data:text/javascript,process.stdin.on('end',()=>process.exit()).resume()";
        let mut process = Command::new("node")
            .args(["--import", lifeline])
            .arg(root().join(program))
            .env_clear()
            .envs(env::var_os("PATH").map(|path| ("PATH", path)))
            .envs(settings.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").map(|url| url.trim_start_matches("http://"));
        let address = address.and_then(|address| address.parse().ok());
        let address = address.unwrap_or_else(|| panic!("the Express application did not start: {line:?}"));
        Self { address, process }
    }
}

impl Drop for Express {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Whether PostgreSQL, Node.js, and the packages are installed. Prints a warning with what is missing.
///
/// # Panics
///
/// If something is missing and `KEYRACK_TEST_REQUIRE_POSTGRES=1`.
pub fn is_available() -> bool {
    static MISSING: OnceLock<Option<&str>> = OnceLock::new();
    let missing = MISSING.get_or_init(|| {
        let missing = missing()?;
        // Not by eprintln!, which the test harness hides when the test passes.
        let _ = writeln!(io::stderr(), "EXPRESS NOT TESTED: {missing}");
        Some(missing)
    });
    let required = env::var_os("KEYRACK_TEST_REQUIRE_POSTGRES").is_some_and(|value| value == "1");
    assert!(missing.is_none() || !required, "EXPRESS NOT TESTED: {}", missing.unwrap_or_default());
    missing.is_none() && postgres::server().is_some()
}

fn missing() -> Option<&'static str> {
    let node = Command::new("node").arg("--version").stdout(Stdio::piped()).stderr(Stdio::null()).output();
    let major = node.ok().and_then(|output| {
        let version = String::from_utf8(output.stdout).ok()?;
        version.trim().strip_prefix('v')?.split('.').next()?.parse::<u32>().ok()
    });
    if major.is_none_or(|major| major < 18) {
        return Some("no Node.js of version 18 or later on the PATH");
    }
    let packages = root().join("examples/express/node_modules/connect-pg-simple");
    (!packages.is_dir()).then_some("packages are missing: run `npm ci` in examples/express")
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Defines each function as the test `postgres::name`, which is skipped where Express can't run.
macro_rules! with_express {
    ($($name:ident),+ $(,)?) => {
        mod postgres {
            $(#[test]
            fn $name() {
                if $crate::support::express::is_available() {
                    super::$name();
                }
            })+
        }
    };
}

pub(crate) use with_express;
