//! The client's address, and what a client claims about itself and its connection

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    sync::mpsc,
    thread,
};

use super::{
    EMAIL, PROXY, Site, behind_each_proxy, program,
    proxy::{Proxy, ProxyKind, URL},
    tls_tunnel::CLIENT,
};
use crate::support::{Browser, PASSWORD, TestDatabase};

behind_each_proxy!(
    client_address_is_stored_listed_and_logged,
    forged_forwarding_headers_change_nothing,
    forwarding_headers_of_clients_are_overwritten,
    untold_proxy_is_warned_about_once,
    https_in_front_of_http_url_is_warned_about_once,
);

/// Headers in which proxies pass on what they know, with the values of a client that forges them.
const FORGED: [(&str, &str); 9] = [
    ("x-forwarded-for", "6.6.6.6, 127.0.0.1"),
    ("x-forwarded-for", "6.6.6.6"),
    ("x-forwarded-proto", "http"),
    ("x-forwarded-host", "evil.example"),
    ("forwarded", "for=6.6.6.6;proto=http;host=evil.example"),
    ("x-real-ip", "6.6.6.6"),
    ("x_forwarded_for", "6.6.6.6"),
    ("x_real_ip", "6.6.6.6"),
    ("true-client-ip", "6.6.6.6"),
];

fn with_forged_headers(mut browser: Browser) -> Browser {
    browser.headers.extend(FORGED.map(|(name, value)| (name.to_owned(), value.to_owned())));
    browser
}

fn client_address_is_stored_listed_and_logged(kind: ProxyKind) {
    let database = TestDatabase::new(kind.engine());
    let site = Site::start(kind, &database);
    let mut browser = site.proxy.browser();
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 303);
    assert_eq!(database.rows("sessions", "")[0]["ip_address"], CLIENT);
    let events = database.rows("security_events", "WHERE kind = 'signed_in'");
    assert_eq!((events.len(), &events[0]["ip_address"]), (1, &CLIENT.into()));
    let mine = browser.get("/account/sessions").between("id=\"this-device\"", "</p>");
    assert!(mine.contains(&format!("<bdi dir=\"ltr\">{CLIENT}</bdi>")), "{mine}");
    if let Some(mut browser) = site.proxy.browser_over_ipv6() {
        assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 303);
        assert_eq!(database.count("sessions", "WHERE ip_address = '::1'"), 1);
    }
    let log = site.serving.stop().err;
    let signed_in = log.lines().find(|line| line.contains("\"signed_in\"")).unwrap();
    assert!(signed_in.contains(&format!("\"ip_address\":\"{CLIENT}\"")), "{signed_in}");
    assert!(!log.contains("\"WARN\""), "{log}");
    let access = site.proxy.access_log();
    assert!(access.contains(CLIENT), "{access}");
}

fn forged_forwarding_headers_change_nothing(kind: ProxyKind) {
    let database = TestDatabase::new(kind.engine());
    let site = Site::start(kind, &database);
    let mut browser = with_forged_headers(site.proxy.browser());
    let answers = [
        browser.get("/account/sessions"),
        browser.get("/login"),
        browser.sign_in(EMAIL, "not the password at all"),
        browser.sign_in(EMAIL, PASSWORD),
        browser.get("/account/sessions"),
        browser.get("/.well-known/change-password"),
        browser.get("/nothing"),
    ];
    assert_eq!(answers.each_ref().map(|answer| answer.status), [303, 200, 401, 303, 200, 303, 404]);
    for answer in &answers {
        let location = answer.location();
        assert!(location.is_empty() || location.starts_with('/') || location.starts_with(URL), "{location}");
        assert!(!format!("{answer:?}").contains("evil.example"), "{answer:?}");
        for cookie in answer.set_cookies() {
            assert!(cookie.starts_with("__Host-") && cookie.contains("Secure"), "{cookie}");
        }
    }
    assert_eq!(database.rows("sessions", "")[0]["ip_address"], CLIENT);
    assert_eq!(database.count("security_events", &format!("WHERE ip_address <> '{CLIENT}'")), 0);
    let log = site.serving.stop().err;
    assert!(!log.contains("6.6.6.6") && !log.contains("\"WARN\""), "{log}");
}

/// Answers each request with 204, and sends its head to the channel.
fn record_heads() -> (std::net::SocketAddr, mpsc::Receiver<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let (mut connection, sender) = (connection.unwrap(), sender.clone());
            thread::spawn(move || {
                let mut lines = BufReader::new(connection.try_clone().unwrap()).lines().map_while(Result::ok);
                loop {
                    let head: Vec<String> =
                        lines.by_ref().map(|line| line.to_ascii_lowercase()).take_while(|l| !l.is_empty()).collect();
                    if head.is_empty() || sender.send(head).is_err() {
                        break;
                    }
                    connection.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
                }
            });
        }
    });
    (address, receiver)
}

fn forwarding_headers_of_clients_are_overwritten(kind: ProxyKind) {
    let (address, heads) = record_heads();
    let proxy = Proxy::start(kind, address);
    assert_eq!(with_forged_headers(proxy.browser()).get("/login?next=/a").status, 204);
    let head = heads.recv().unwrap();
    assert_eq!(head[0], "get /login?next=/a http/1.1");
    let values = |name: &str| -> Vec<&str> {
        head.iter().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).collect()
    };
    assert_eq!(values("host"), ["keys.example.com"], "{head:?}");
    assert_eq!(values("x-forwarded-for"), [CLIENT], "{head:?}");
    assert_eq!(values("x-forwarded-proto"), ["https"], "{head:?}");
    assert_eq!(values("x-forwarded-host"), ["keys.example.com"], "{head:?}");
    for name in ["forwarded", "x-real-ip"] {
        assert_eq!(values(name), [""; 0], "{head:?}");
    }
    assert_eq!(values("connection").concat().replace("keep-alive", ""), "", "the connection is kept: {head:?}");
}

/// Returns how many warnings of the log contain this text.
fn count_warnings(log: &str, part: &str) -> usize {
    log.lines().filter(|line| line.contains("\"WARN\"") && line.contains(part)).count()
}

fn untold_proxy_is_warned_about_once(kind: ProxyKind) {
    let database = TestDatabase::new(kind.engine());
    let site = Site::start_with(kind, program(&database).with("KEYRACK_TRUSTED_PROXIES", ""));
    for _ in 0..3 {
        assert_eq!(site.proxy.browser().sign_in(EMAIL, PASSWORD).status, 303);
    }
    assert_eq!(database.rows("sessions", "")[0]["ip_address"], PROXY);
    let log = site.serving.stop().err;
    assert_eq!(count_warnings(&log, &format!("KEYRACK_TRUSTED_PROXIES={PROXY}")), 1, "{log}");
    assert_eq!(count_warnings(&log, "X-Forwarded-For"), 1, "{log}");
}

fn https_in_front_of_http_url_is_warned_about_once(kind: ProxyKind) {
    let database = TestDatabase::new(kind.engine());
    let site = Site::start_with(kind, program(&database).with("KEYRACK_PUBLIC_URL", "http://keys.example.com"));
    let mut browser = site.proxy.browser();
    for _ in 0..3 {
        assert_eq!(browser.get("/login").status, 200);
    }
    let log = site.serving.stop().err;
    assert_eq!(count_warnings(&log, "set KEYRACK_PUBLIC_URL to the https URL"), 1, "{log}");
}
