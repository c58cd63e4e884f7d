//! Keyrack as operators run it: behind nginx, Caddy and `HAProxy`, with fail2ban, under systemd. The configurations are
//! those of `examples/deploy`, and the programs are the real ones.

mod addresses;
mod connections;
mod documents;
mod fail2ban;
mod https;
mod log_injection;
mod proxy;
mod requests;
mod restarts;
mod secrets;
mod systemd;
mod tls_tunnel;

use proxy::{LISTENER, PROXY, Proxy, ProxyKind, URL};

use crate::support::{Program, SECRETS, Serving, TestDatabase};

const EMAIL: &str = "rajat.verma@example.com";

/// Defines each function, which takes the kind of the proxy, as a test for each of the three.
macro_rules! behind_each_proxy {
    ($($name:ident),+ $(,)?) => {
        $crate::deploy::behind_each_proxy!(@ nginx Nginx $($name)+);
        $crate::deploy::behind_each_proxy!(@ caddy Caddy $($name)+);
        $crate::deploy::behind_each_proxy!(@ haproxy Haproxy $($name)+);
    };
    (@ $module:ident $kind:ident $($name:ident)+) => {
        mod $module {
            use $crate::deploy::proxy::ProxyKind;

            $(#[test]
            fn $name() {
                if ProxyKind::$kind.program().is_some() {
                    super::$name(ProxyKind::$kind);
                }
            })+
        }
    };
}

use behind_each_proxy;

/// A server with a user, and a proxy in front of it.
struct Site<'a> {
    program: Program<'a>,
    serving: Serving,
    proxy: Proxy,
}

impl<'a> Site<'a> {
    /// Starts both with the settings that the examples name.
    fn start(kind: ProxyKind, database: &'a TestDatabase) -> Self {
        Self::start_with(kind, program(database))
    }

    fn start_with(kind: ProxyKind, program: Program<'a>) -> Self {
        program.add_user(EMAIL);
        let serving = program.serve();
        let proxy = Proxy::start(kind, serving.address);
        Self { program, serving, proxy }
    }
}

/// Returns the program with the settings that the examples name.
fn program(database: &TestDatabase) -> Program<'_> {
    Program::new(database)
        .with("KEYRACK_BIND", &format!("{LISTENER}:0"))
        .with("KEYRACK_PUBLIC_URL", URL)
        .with("KEYRACK_SECRETS", SECRETS)
        .with("KEYRACK_TRUSTED_PROXIES", PROXY)
}
