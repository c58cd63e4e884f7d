//! Encrypted connections to PostgreSQL

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use crate::support::{Cluster, EngineKind, Program, TestDatabase};

/// A certificate authority, and a server with a certificate of it for `localhost`.
struct TlsServer {
    cluster: Cluster,
    folder: tempfile::TempDir,
}

impl TlsServer {
    /// `None` without PostgreSQL or the `openssl` command.
    fn start() -> Option<Self> {
        if !EngineKind::Postgres.is_available() {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let openssl = |arguments: &str| {
            let done = Command::new("openssl").args(arguments.split(' ')).current_dir(folder.path()).output();
            done.is_ok_and(|output| output.status.success())
        };
        std::fs::write(folder.path().join("names"), "subjectAltName=DNS:localhost").unwrap();
        let key = "-newkey rsa:2048 -nodes -days 2";
        let made = openssl(&format!("req -x509 {key} -keyout ca.key -out ca.pem -subj /CN=test-authority"))
            && openssl(&format!("req {key} -keyout server.key -out server.csr -subj /CN=localhost"))
            && openssl(
                "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.crt",
            );
        if !made {
            // Not by eprintln!, which the test harness hides when the test passes.
            let _ = writeln!(std::io::stderr(), "TLS NOT TESTED: there is no openssl command");
            return None;
        }
        let cluster = Cluster::start()?;
        cluster.database();
        cluster.enable_tls(&folder.path().join("server.crt"), &folder.path().join("server.key"));
        Some(Self { cluster, folder })
    }

    fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    fn url(&self, host: &str, parameters: &str) -> String {
        format!("postgres://postgres@{host}:{}/postgres?{parameters}", self.cluster.port())
    }
}

#[test]
fn sslrootcert_system_uses_the_certificates_of_the_system() {
    let Some(server) = TlsServer::start() else { return };
    let list = |host: &str, parameters: &str, authority: Option<&Path>| {
        let database = TestDatabase::at_url(&server.url(host, parameters));
        let mut program = Program::new(&database);
        if let Some(authority) = authority {
            program = program.with("SSL_CERT_FILE", authority.to_str().unwrap());
        }
        program.run(&["user", "list"])
    };
    let authority = server.authority();
    for parameters in ["sslrootcert=system", "sslrootcert=system&sslmode=verify-full"] {
        let listed = list("localhost", parameters, Some(&authority));
        assert_eq!(listed.status, 0, "{listed:?}");
        // The certificate is not for the address, and not from an authority that the system knows.
        assert_eq!(list("127.0.0.1", parameters, Some(&authority)).status, 1);
        list("localhost", parameters, None).assert_refused(1, &["certificate verify failed"]);
    }
    let file = format!("sslmode=verify-full&sslrootcert={}", authority.display());
    assert_eq!(list("localhost", &file, None).status, 0);
    list("localhost", "sslrootcert=system&sslmode=require", None).assert_refused(1, &["weak sslmode"]);
}

/// The authority is in the place where the system has its own, for this process only.
#[test]
fn certificates_of_the_system_are_found_without_a_variable() {
    let Some(server) = TlsServer::start() else { return };
    let Some(bundle) = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"]
        .into_iter()
        .find(|path| Path::new(path).exists())
    else {
        return;
    };
    let script = r#"mount --bind "$1" "$2" && exec "$3" user list"#;
    let run = |program: &str| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", script, "sh"]).arg(server.authority()).args([bundle, program]);
        command.env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR").current_dir(server.folder.path());
        command.env("DATABASE_URL", server.url("localhost", "sslrootcert=system")).output()
    };
    if !run("true").is_ok_and(|output| output.status.success()) {
        let _ = writeln!(std::io::stderr(), "SYSTEM'S CERTIFICATES NOT TESTED: mounting over them needs root");
        return;
    }
    let listed = run(env!("CARGO_BIN_EXE_keyrack")).unwrap();
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
}

#[test]
fn unencrypted_connection_to_another_machine_is_logged_once() {
    let Some(server) = TlsServer::start() else { return };
    // Not a loopback address, but it leads to this machine.
    for (host, parameters, count) in
        [("0.0.0.0", "sslmode=disable", 1), ("0.0.0.0", "sslmode=require", 0), ("127.0.0.1", "sslmode=disable", 0)]
    {
        let database = TestDatabase::at_url(&server.url(host, parameters));
        let log = Program::new(&database).serve().stop().err;
        assert_eq!(log.matches("is not encrypted").count(), count, "{host} {parameters}: {log}");
    }
}
