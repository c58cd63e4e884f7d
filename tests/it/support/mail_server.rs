//! A real mail server: `tests/mail-server/`, on Node.js.

use std::{
    env,
    io::{self, BufRead, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

use serde::Deserialize;
use serde_json::{Value, json};

/// A running mail server. It is killed when the value is dropped, and ends by itself when the tests do.
pub struct MailServer {
    pub port: u16,
    file: PathBuf,
    options: Value,
    process: Child,
    folder: tempfile::TempDir,
}

/// A mail that the server has accepted.
#[derive(Debug, Clone, Deserialize)]
pub struct ReceivedMail {
    /// How often the server had been started anew.
    pub run: u32,
    pub from: String,
    pub to: Vec<String>,
    pub hello: String,
    /// Whether it came over TLS.
    pub secure: bool,
    pub user: Option<String>,
    pub content: String,
}

impl ReceivedMail {
    /// The value of a header that stands on one line.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (head, _) = self.content.split_once("\r\n\r\n")?;
        head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The path and the query of its link.
    pub fn link(&self) -> String {
        let text = self.decoded();
        let (_, rest) = text.split_once("://").expect("a link");
        let end = rest.find([' ', '"', '\r', '\n', '<']).unwrap();
        rest[rest.find('/').unwrap()..end].to_owned()
    }

    /// The content without the line breaks and escapes of quoted-printable text.
    pub fn decoded(&self) -> String {
        self.content.replace("=\r\n", "").replace("=3D", "=")
    }
}

impl MailServer {
    /// Starts one that offers STARTTLS, with a certificate that its clients don't know.
    pub fn start() -> Self {
        Self::with(&json!({}))
    }

    /// Starts one with these options; `server.mjs` describes them.
    pub fn with(options: &Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("accepted");
        std::fs::write(&file, "").unwrap();
        let mut all = json!({ "file": file });
        all.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
        let (process, port) = run(&all);
        all["port"] = port.into();
        Self { port, file, options: all, process, folder }
    }

    /// One whose certificate is for `localhost`, and the file of the authority that has signed it. `None` without the
    /// `openssl` command.
    pub fn with_certificate(options: &Value) -> Option<(Self, PathBuf)> {
        super::installed("openssl", "TLS TO THE MAIL SERVER", "openssl")?;
        let mut server = Self::with(options);
        server.kill();
        let folder = server.folder.path();
        make_certificate(folder);
        let [key, certificate, authority] = ["server.key", "server.crt", "ca.pem"].map(|name| folder.join(name));
        server.options["key"] = key.to_str().unwrap().into();
        server.options["cert"] = certificate.to_str().unwrap().into();
        server.start_again();
        Some((server, authority))
    }

    /// Kills the server, as a power failure would.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it again at the same port.
    pub fn start_again(&mut self) {
        self.options["run"] = (self.options["run"].as_u64().unwrap_or(0) + 1).into();
        (self.process, _) = run(&self.options);
    }

    /// The URL of the server, with which Keyrack connects without TLS.
    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    /// All mails that it has accepted.
    pub fn mails(&self) -> Vec<ReceivedMail> {
        let text = std::fs::read_to_string(&self.file).unwrap();
        // The rest after the last line break is still being written.
        let complete = text.rsplit_once('\n').map_or("", |(complete, _)| complete);
        complete.lines().filter(|line| !line.is_empty()).map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Makes an authority, and a certificate of it for `localhost`.
fn make_certificate(folder: &Path) {
    let openssl = |arguments: &str| {
        let done = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
        assert!(done.status.success(), "{done:?}");
    };
    std::fs::write(folder.join("names"), "subjectAltName=DNS:localhost").unwrap();
    let key = "-newkey rsa:2048 -nodes -days 2";
    openssl(&format!("req -x509 {key} -keyout ca.key -out ca.pem -subj /CN=test-authority"));
    openssl(&format!("req {key} -keyout server.key -out server.csr -subj /CN=localhost"));
    openssl("x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.crt");
}

fn run(options: &Value) -> (Child, u16) {
    // It ends when its standard input closes, which happens however this process ends.
    let lifeline = "data:text/javascript,process.stdin.on('end',()=>process.exit()).resume()";
    let mut process = Command::new("node")
        .args(["--import", lifeline])
        .arg(root().join("server.mjs"))
        .env_clear()
        .envs(env::var_os("PATH").map(|path| ("PATH", path)))
        .env("OPTIONS", options.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let port = line.trim().strip_prefix("listening on 127.0.0.1:").and_then(|port| port.parse().ok());
    (process, port.unwrap_or_else(|| panic!("the mail server did not start: {line:?}")))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mail-server")
}

/// Whether Node.js and the server's packages are installed. Prints a warning with what is missing.
///
/// # Panics
///
/// If something is missing and `KEYRACK_TEST_REQUIRE_POSTGRES=1`.
pub fn is_available() -> bool {
    static IS_AVAILABLE: OnceLock<bool> = OnceLock::new();
    *IS_AVAILABLE.get_or_init(|| {
        let has_packages = root().join("node_modules/smtp-server").is_dir();
        if has_packages && super::installed("node", "MAIL", "nodejs").is_some() {
            return true;
        }
        let required = env::var_os("KEYRACK_TEST_REQUIRE_POSTGRES").is_some_and(|value| value == "1");
        assert!(!required, "MAIL NOT TESTED: run `npm ci` in tests/mail-server/");
        // Not by eprintln!, which the test harness hides when the test passes.
        let _ = writeln!(io::stderr(), "MAIL NOT TESTED: run `npm ci` in tests/mail-server/");
        false
    })
}
