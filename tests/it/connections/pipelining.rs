//! Several requests in one segment

use std::{net::Shutdown, thread, time::Duration};

use keyrack::config::ConnectionLimits;

use super::{app, app_with};
use crate::support::{EngineKind, PASSWORD, TestApp, log, on_both_engines, raw::RawClient, wait_until};

on_both_engines!(pipelined_sign_in_is_handled_once_and_in_order);

/// Actix 4.18 answers the first of these without its body if the handler has to wait, here for the database: the second
/// request sets a flag of the connection.
#[test]
fn get_pipelined_before_head_keeps_its_body() {
    let app = app(|_| ());
    let mut client = RawClient::connect(app.address);
    client.send("GET /readyz HTTP/1.1\r\nHost: x\r\n\r\nHEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    let (get, head) = (client.response(), client.response_to("HEAD"));
    assert_eq!((get.status, head.status), (200, 200));
    assert!(!get.body.is_empty(), "{get:?}");
    assert!(head.head.contains("content-length: "), "{head:?}");
    let last = client.get("/readyz");
    assert_eq!((last.status, last.body), (200, get.body), "the connection is still in step");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let app = app(|_| ());
    let mut client = RawClient::connect(app.address);
    let paths = ["/healthz", "/login", "/nothing", "/static/favicon.svg", "/readyz", "/"];
    let requests = paths.map(|path| format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).concat();
    client.send(requests);
    let pipelined = paths.map(|_| client.response());
    for (path, response) in paths.iter().zip(pipelined) {
        let alone = RawClient::connect(app.address).get(path);
        assert_eq!((response.status, response.body.len()), (alone.status, alone.body.len()), "{path}");
    }
}

/// However the bytes are cut: heads and bodies end where they end.
#[test]
fn requests_after_bodies_are_answered_however_they_arrive() {
    let app = app(|_| ());
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    let requests = [
        format!("POST /login HTTP/1.1\r\nHost: x\r\n{form}content-length: 7\r\n\r\nemail=a"),
        format!("POST /login HTTP/1.1\r\nHost: x\r\n{form}transfer-encoding: chunked\r\n\r\n3\r\na=b\r\n0\r\n\r\n"),
        "\r\nGET /healthz HTTP/1.1\r\nHost: x\r\ncontent-length: 0\r\n\r\n".to_owned(),
        "GET /healthz HTTP/1.1\nHost: x\n\n".to_owned(),
        "HEAD /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_owned(),
    ]
    .concat();
    for size in [requests.len(), 1, 7, 100] {
        let mut client = RawClient::connect(app.address);
        let mut sender = client.stream.try_clone().unwrap();
        let (statuses, rest) = thread::scope(|scope| {
            scope.spawn(|| {
                for part in requests.as_bytes().chunks(size) {
                    std::io::Write::write_all(&mut sender, part).unwrap();
                }
            });
            let statuses = ["POST", "POST", "GET", "GET", "HEAD"].map(|method| client.response_to(method).status);
            (statuses, client.rest())
        });
        assert_eq!((statuses, rest.as_str()), ([403, 403, 200, 200, 200], ""), "in parts of {size}");
    }
}

/// A client that sends requests and reads nothing gets a few responses, as many as the network holds. Others are not
/// even prepared.
#[test]
fn responses_that_are_not_read_stop_the_reading() {
    const REQUESTS: usize = 20_000;
    log::capture();
    let app = app_with(ConnectionLimits { response_timeout: Duration::from_millis(250), ..Default::default() });
    let path = format!("/unread-{}", app.address.port());
    let client = RawClient::connect(app.address);
    socket2::SockRef::from(&client.stream).set_recv_buffer_size(4096).unwrap();
    let mut client = client;
    client.send(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").repeat(REQUESTS));
    wait_until(|| app.keyrack.connection_metrics().contains("keyrack_connections_timed_out_total 1\n"));
    let handled = log::captured().lines().filter(|line| line.contains(&path)).count();
    assert!((1..REQUESTS / 20).contains(&handled), "{handled} requests were handled");
    assert_eq!(RawClient::connect(app.address).get("/healthz").status, 200);
}

#[test]
fn half_closed_client_gets_responses_that_are_ready() {
    let app = app(|_| ());
    let mut client = RawClient::connect(app.address);
    client.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n".repeat(3));
    client.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!([(); 3].map(|()| client.response().status), [200; 3]);
    assert!(client.is_closed());
}

fn pipelined_sign_in_is_handled_once_and_in_order(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    let page = app.browser().get("/login");
    let cookie = page.set_cookies()[0].split(';').next().unwrap().to_owned();
    let fields = [("email", "rajat.verma@example.com"), ("password", PASSWORD), ("csrf_token", &page.csrf_token())];
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let mut client = RawClient::connect(app.address);
    client.send(format!(
        "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\nPOST /login HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}HEAD /healthz HTTP/1.1\r\n\
         Host: x\r\n\r\n",
        app.address,
        body.len()
    ));
    let statuses = ["GET", "POST", "HEAD"].map(|method| client.response_to(method).status);
    assert_eq!(statuses, [200, 303, 200]);
    assert_eq!(app.count("sessions", ""), 1);
}
