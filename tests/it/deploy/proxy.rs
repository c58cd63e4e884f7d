//! Runs nginx, Caddy or `HAProxy` with the configuration in `examples/deploy`, in which only addresses and paths are
//! replaced.

use std::{
    fmt::Write as _,
    fs,
    io::{BufRead, BufReader},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use super::tls_tunnel::{CLIENT, HOST, TlsTunnel, create_certificate};
use crate::support::{Browser, EngineKind, detached, installed, installed_on_some_systems, wait_until};

/// The URL that browsers use.
pub const URL: &str = "https://keys.example.com";

/// Address from which the proxies connect to Keyrack, since both are on this machine.
pub const PROXY: &str = "127.0.0.1";

/// Where proxies and restarted servers listen: no program connects from here, so that the kernel gives a port that is
/// free for a moment to no connection.
pub const LISTENER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Runs the proxy until its standard input ends, which it does when the test process ends for whatever reason. Prints
/// the process id first, and removes the folder at the end. The proxy gets the signals back that the shell ignores:
/// `HAProxy` does not end by one that it was started to ignore.
const GUARD: &str = r#"
trap '' HUP INT TERM
folder=$1
shift
exec 3<&0 </dev/null
(trap - HUP INT TERM; exec "$@") 3<&- >"$folder/output" 2>&1 &
proxy=$!
echo "$proxy"
exec >/dev/null
cat <&3
kill -TERM "$proxy"
wait "$proxy"
rm -rf "$folder"
"#;

/// The exit status of a curl that was built without HTTP/2.
const CURL_WITHOUT_HTTP2: i32 = 4;

/// Attempts to start a proxy, whose ports may be taken by another program meanwhile.
const MAX_STARTS: usize = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyKind {
    Nginx,
    Caddy,
    Haproxy,
}

impl ProxyKind {
    /// Returns the program; `None` where it is not installed, which is printed, and on other systems than Linux, whose
    /// loopback network and process table the tests use.
    pub fn program(self) -> Option<PathBuf> {
        if !cfg!(target_os = "linux") {
            return None;
        }
        let (name, subject) = match self {
            Self::Nginx => ("nginx", "nginx"),
            Self::Caddy => ("caddy", "Caddy"),
            Self::Haproxy => ("haproxy", "HAProxy"),
        };
        installed("openssl", "TLS at proxies", "openssl").and_then(|_| installed(name, subject, name))
    }

    /// Returns the engine on which this proxy is tested. Proxies don't depend on it, so each has one.
    pub fn engine(self) -> EngineKind {
        if self == Self::Caddy && EngineKind::Postgres.is_available() {
            EngineKind::Postgres
        } else {
            EngineKind::Sqlite
        }
    }

    /// Returns the example for operators.
    pub fn example(self) -> &'static str {
        match self {
            Self::Nginx => include_str!("../../../examples/deploy/nginx.conf"),
            Self::Caddy => include_str!("../../../examples/deploy/Caddyfile"),
            Self::Haproxy => include_str!("../../../examples/deploy/haproxy.cfg"),
        }
    }

    /// Returns the name of the example's file.
    fn file(self) -> &'static str {
        match self {
            Self::Nginx => "nginx.conf",
            Self::Caddy => "Caddyfile",
            Self::Haproxy => "haproxy.cfg",
        }
    }
}

/// A running proxy, and a tunnel through which browsers reach it over TLS.
pub struct Proxy {
    kind: ProxyKind,
    program: PathBuf,
    folder: PathBuf,
    addresses: Addresses,
    tunnel: TlsTunnel,
    pid: String,
    _guard: Child,
}

/// Where a proxy listens.
#[derive(Clone, Copy)]
struct Addresses {
    http: SocketAddr,
    https: SocketAddr,
    /// Caddy's interface for reloads.
    admin: SocketAddr,
    /// `None` on a machine without IPv6.
    v6: Option<[SocketAddr; 2]>,
}

impl Proxy {
    /// Starts a proxy in front of this address, and waits until it listens.
    pub fn start(kind: ProxyKind, upstream: SocketAddr) -> Self {
        let mut outputs = String::new();
        for _ in 0..MAX_STARTS {
            match Self::try_start(kind, upstream) {
                Ok(proxy) => return proxy,
                Err(output) => outputs.push_str(&output),
            }
        }
        panic!("{kind:?} did not start: {outputs}");
    }

    fn try_start(kind: ProxyKind, upstream: SocketAddr) -> Result<Self, String> {
        let program = kind.program().expect("the test is skipped without the program");
        let folder = tempfile::Builder::new().prefix("keyrack-proxy-").tempdir().unwrap().keep();
        // nginx and HAProxy run as users of their own.
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        create_certificate(&folder);
        let addresses = Addresses::free(kind);
        let configuration = folder.join(kind.file());
        fs::write(&configuration, configure(kind, &folder, addresses, upstream)).unwrap();
        let mut guard = detached("sh");
        guard.args(["-c", GUARD, "keyrack-proxy"]).arg(&folder).arg(&program);
        match kind {
            ProxyKind::Nginx => guard.arg("-p").arg(&folder).arg("-c").arg(configuration).args(["-g", "daemon off;"]),
            ProxyKind::Caddy => guard.arg("run").arg("--config").arg(configuration).args(["--adapter", "caddyfile"]),
            ProxyKind::Haproxy => guard.arg("-W").arg("-f").arg(configuration),
        };
        // Where Caddy keeps its state.
        guard.env("HOME", &folder).env_remove("XDG_DATA_HOME").env_remove("XDG_CONFIG_HOME");
        let mut guard = guard.stdin(Stdio::piped()).spawn().unwrap();
        let mut pid = String::new();
        BufReader::new(guard.stdout.take().unwrap()).read_line(&mut pid).unwrap();
        let pid = pid.trim_end().to_owned();
        let accepts = || [addresses.http, addresses.https].iter().all(|address| TcpStream::connect(address).is_ok());
        wait_until(|| accepts() || has_ended(&pid));
        if has_ended(&pid) {
            let output = fs::read_to_string(folder.join("output")).unwrap_or_default();
            drop(guard.stdin.take());
            guard.wait().unwrap();
            return Err(output);
        }
        let tunnel = TlsTunnel::start(addresses.https, folder.join("fullchain.pem"));
        Ok(Self { kind, program, folder, addresses, tunnel, pid, _guard: guard })
    }

    /// Returns a browser that opens Keyrack's public URL through the proxy.
    pub fn browser(&self) -> Browser {
        browser_at(self.tunnel.address).with_header("origin", URL)
    }

    /// Returns a browser that opens it over IPv6, where the machine has that.
    pub fn browser_over_ipv6(&self) -> Option<Browser> {
        let [_, https] = self.addresses.v6?;
        let tunnel = TlsTunnel::start(https, self.folder.join("fullchain.pem"));
        Some(browser_at(tunnel.address).with_header("origin", URL))
    }

    /// Returns a browser that opens the site over http.
    pub fn browser_over_http(&self) -> Browser {
        browser_at(self.addresses.http)
    }

    /// Returns an address for raw requests, which reach the proxy over TLS.
    pub fn address(&self) -> SocketAddr {
        self.tunnel.address
    }

    /// Reports whether the proxy accepts TLS 1.2 with this cipher suite.
    pub fn accepts_cipher(&self, suite: &str) -> bool {
        let mut command = Command::new("openssl");
        command.args(["s_client", "-tls1_2", "-cipher", suite, "-servername", HOST]);
        command.args(["-connect", &self.addresses.https.to_string()]).stdin(Stdio::null());
        command.output().unwrap().status.success()
    }

    /// Opens a page over HTTP/2, which most browsers use, and returns the status. `None` where there is no curl with it.
    pub fn status_over_http2(&self, path: &str, headers: &[String]) -> Option<String> {
        let curl = installed_on_some_systems("curl", "HTTP/2 at proxies")?;
        let mut command = Command::new(curl);
        command.args(["--silent", "--http2", "--output", "/dev/null", "--write-out", "%{http_version} %{http_code}"]);
        command.arg("--cacert").arg(self.folder.join("fullchain.pem"));
        command.args(["--interface", CLIENT, "--connect-to", &format!("{HOST}:443:{}", self.addresses.https)]);
        for header in headers {
            command.args(["--header", header]);
        }
        let output = command.arg(format!("{URL}{path}")).output().unwrap();
        (output.status.code() != Some(CURL_WITHOUT_HTTP2)).then(|| String::from_utf8(output.stdout).unwrap())
    }

    /// Makes the proxy load its configuration again, as its service does.
    pub fn reload(&self) {
        let mut command = match self.kind {
            ProxyKind::Nginx => signal("-HUP", &self.pid),
            ProxyKind::Haproxy => signal("-USR2", &self.pid),
            ProxyKind::Caddy => {
                let mut command = Command::new(&self.program);
                command.args(["reload", "--force", "--adapter", "caddyfile"]);
                command.args(["--address", &self.addresses.admin.to_string()]);
                command.arg("--config").arg(self.folder.join("Caddyfile"));
                command
            }
        };
        let done = command.output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    /// Returns what the proxy has logged about requests.
    pub fn access_log(&self) -> String {
        let name = if self.kind == ProxyKind::Haproxy { "output" } else { "keyrack.log" };
        fs::read_to_string(self.folder.join(name)).unwrap_or_default()
    }
}

fn browser_at(address: SocketAddr) -> Browser {
    Browser::new(address).with_header("host", HOST)
}

fn signal(signal: &str, pid: &str) -> Command {
    let mut command = Command::new("kill");
    command.args([signal, pid]);
    command
}

/// Reports whether the process has ended. Its parent, the guard, has not noticed yet.
fn has_ended(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
}

impl Addresses {
    /// Chooses ports that no program listens on right now.
    fn free(kind: ProxyKind) -> Self {
        let [http, https, admin] = free_ports(LISTENER.into()).expect("the loopback network has addresses");
        let v6 = free_ports(Ipv6Addr::LOCALHOST.into());
        // Caddy has the same ports on all addresses.
        let same = [http, https].map(|v4| SocketAddr::from((Ipv6Addr::LOCALHOST, v4.port())));
        Self { http, https, admin, v6: if kind == ProxyKind::Caddy { v6.map(|_: [_; 2]| same) } else { v6 } }
    }
}

/// Holds all of the ports until each is chosen, so that they differ.
fn free_ports<const N: usize>(ip: IpAddr) -> Option<[SocketAddr; N]> {
    let listeners: Option<Vec<TcpListener>> = (0..N).map(|_| TcpListener::bind((ip, 0)).ok()).collect();
    let addresses: Vec<SocketAddr> = listeners?.iter().map(|listener| listener.local_addr().unwrap()).collect();
    addresses.try_into().ok()
}

/// Returns the example with this test's addresses and paths.
fn configure(kind: ProxyKind, folder: &Path, addresses: Addresses, upstream: SocketAddr) -> String {
    let path = folder.display();
    let mut text = Configuration(kind.example().to_owned());
    text.replace("127.0.0.1:8080", &upstream.to_string());
    let Addresses { http, https, admin, v6 } = addresses;
    match kind {
        ProxyKind::Nginx => {
            let mut temporary = String::new();
            for name in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
                writeln!(temporary, "    {name}_temp_path {path}/{name};").unwrap();
            }
            text.replace("http {\n", &format!("http {{\n{temporary}"));
            for (from, to) in [("/var/log/nginx", ""), ("/run/nginx.pid", "/nginx.pid"), ("/etc/keyrack/tls", "")] {
                text.replace(from, &format!("{path}{to}"));
            }
            text.replace("listen 80", &format!("listen {http}"));
            text.replace("listen 443", &format!("listen {https}"));
            text.replace_or_remove("        listen [::]:80", v6.map(|v6| format!("        listen {}", v6[0])));
            text.replace_or_remove("        listen [::]:443", v6.map(|v6| format!("        listen {}", v6[1])));
        }
        ProxyKind::Caddy => {
            let ports = format!("\thttp_port {}\n\thttps_port {}\n\tadmin {admin}\n", http.port(), https.port());
            text.replace("\n{\n", &format!("\n{{\n{ports}"));
            let bind = format!("\tbind {LISTENER}{}\n", if v6.is_some() { " ::1" } else { "" });
            let certificate = format!("\ttls {path}/fullchain.pem {path}/privkey.pem\n");
            text.replace("\nkeys.example.com {\n", &format!("\nkeys.example.com {{\n{bind}{certificate}"));
            text.replace("\nhttp://keys.example.com {\n", &format!("\nhttp://keys.example.com {{\n{bind}"));
            text.replace("/var/log/caddy", &path.to_string());
        }
        ProxyKind::Haproxy => {
            text.replace("log /dev/log local0", "log stdout format raw local0");
            text.replace("/run/haproxy", &path.to_string());
            text.replace("/etc/keyrack/tls", &path.to_string());
            if fs::metadata(folder).unwrap().uid() != 0 {
                // Only root can become another user.
                text.replace_or_remove("    user ", None);
                text.replace_or_remove("    group ", None);
            }
            text.replace("bind :80", &format!("bind {http}"));
            text.replace("bind :443", &format!("bind {https}"));
            text.replace_or_remove("    bind :::80", v6.map(|v6| format!("    bind {}", v6[0])));
            text.replace_or_remove("    bind :::443", v6.map(|v6| format!("    bind {}", v6[1])));
        }
    }
    text.0
}

/// A configuration whose replaced parts must be there.
struct Configuration(String);

impl Configuration {
    fn replace(&mut self, from: &str, to: &str) {
        assert!(self.0.contains(from), "the example has no {from:?}: {}", self.0);
        self.0 = self.0.replace(from, to);
    }

    /// Replaces the beginning of lines, or removes these lines.
    fn replace_or_remove(&mut self, beginning: &str, to: Option<String>) {
        if let Some(to) = to {
            self.replace(beginning, &to);
        } else {
            let lines = self.0.lines().filter(|line| !line.starts_with(beginning));
            self.0 = lines.flat_map(|line| [line, "\n"]).collect();
        }
    }
}
