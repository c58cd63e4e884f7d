//! Speaks TLS for clients that speak plain HTTP: each connection goes on through an `openssl s_client` of its own.

use std::{
    fs,
    io::{self, Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
};

/// The name in the certificate of the example's proxies.
pub const HOST: &str = "keys.example.com";

/// Address from which tunnels connect over IPv4. It differs from that of the proxies, 127.0.0.1.
pub const CLIENT: &str = "127.0.0.9";

/// Creates a self-signed certificate for [`HOST`] in the folder: `fullchain.pem`, `privkey.pem`, and both in
/// `keyrack.pem`.
pub fn create_certificate(folder: &Path) {
    let arguments = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout privkey.pem \
                     -out fullchain.pem -addext subjectAltName=DNS:keys.example.com -subj /CN=keys.example.com";
    let made = Command::new("openssl").args(arguments.split_whitespace()).current_dir(folder).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let parts = ["fullchain.pem", "privkey.pem"].map(|name| fs::read(folder.join(name)).unwrap());
    fs::write(folder.join("keyrack.pem"), parts.concat()).unwrap();
}

/// Listens on a loopback address. Connections to it reach a TLS server, whose certificate is verified; if that fails,
/// they are closed.
pub struct TlsTunnel {
    pub address: SocketAddr,
}

impl TlsTunnel {
    pub fn start(server: SocketAddr, certificate: PathBuf) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for client in listener.incoming() {
                let mut openssl = start_client(server, &certificate);
                let (input, output) = (openssl.stdin.take().unwrap(), openssl.stdout.take().unwrap());
                let (client, openssl) = (client.unwrap(), Arc::new(Mutex::new(openssl)));
                let (sender, child) = (client.try_clone().unwrap(), Arc::clone(&openssl));
                thread::spawn(move || pass_requests(sender, input, &child));
                thread::spawn(move || pass_responses(output, &client, &openssl));
            }
        });
        Self { address }
    }
}

fn start_client(server: SocketAddr, certificate: &Path) -> Child {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-quiet", "-nocommands", "-connect", &server.to_string(), "-servername", HOST]);
    command.args(["-verify_hostname", HOST, "-verify_return_error", "-CAfile"]).arg(certificate);
    if server.is_ipv4() {
        command.args(["-bind", &format!("{CLIENT}:0")]);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

fn pass_requests(from: TcpStream, to: ChildStdin, openssl: &Mutex<Child>) {
    let _ = pass_on(from, to);
    stop(openssl);
}

fn pass_responses(from: ChildStdout, to: &TcpStream, openssl: &Mutex<Child>) {
    let _ = pass_on(from, to);
    let _ = to.shutdown(Shutdown::Both);
    stop(openssl);
}

fn pass_on(mut from: impl Read, mut to: impl Write) -> io::Result<()> {
    let mut buffer = [0; 16 * 1024];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(()),
            length => to.write_all(&buffer[..length])?,
        }
        to.flush()?;
    }
}

fn stop(openssl: &Mutex<Child>) {
    let mut openssl = openssl.lock().unwrap();
    let _ = openssl.kill();
    let _ = openssl.wait();
}
