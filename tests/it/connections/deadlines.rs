//! Heads, bodies and responses that take too long

use std::{io::Read, time::Duration};

use keyrack::config::ConnectionLimits;

use super::{app_with, short_limits};
use crate::support::raw::RawClient;

const SHORT: Duration = Duration::from_millis(250);
const HALF_HEAD: &str = "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Half: ";

fn short_head() -> ConnectionLimits {
    ConnectionLimits { head_timeout: SHORT, ..short_limits() }
}

#[test]
fn incomplete_head_returns_408_on_first_and_later_requests() {
    let app = app_with(short_head());
    for requests_before in 0..3 {
        let mut client = RawClient::connect(app.address);
        for _ in 0..requests_before {
            assert_eq!(client.get("/healthz").status, 200);
        }
        let response = client.send(HALF_HEAD).response();
        assert_eq!(response.status, 408, "after {requests_before} requests: {response:?}");
        assert!(response.head.contains("connection: close"), "{response:?}");
        assert!(client.is_closed());
    }
    assert!(app.keyrack.connection_metrics().contains("keyrack_connections_timed_out_total 3\n"));
}

/// Each byte arrives in time, the head never does.
#[test]
fn head_that_drips_is_closed() {
    let app = app_with(short_head());
    let mut client = RawClient::connect(app.address);
    // Paces the bytes.
    client.stream.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    let mut received = [0; 16];
    client.send(HALF_HEAD);
    while client.stream.read(&mut received).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock) {
        client.send("x");
    }
    assert_eq!(&received, b"HTTP/1.1 408 Req");
}

#[test]
fn connection_without_a_request_is_closed_silently() {
    let app = app_with(short_head());
    assert!(RawClient::connect(app.address).is_closed());
    assert!(RawClient::connect(app.address).send("\r\n").is_closed());
}

#[test]
fn kept_connection_is_closed_after_idle_timeout() {
    let app = app_with(ConnectionLimits { idle_timeout: SHORT, ..short_limits() });
    let mut client = RawClient::connect(app.address);
    assert_eq!(client.get("/healthz").status, 200);
    assert!(client.is_closed());
}

/// nginx, Traefik and Caddy keep idle connections for 60, 90 and 120 seconds, and would send requests into closing ones.
#[test]
fn idle_timeout_is_longer_than_that_of_proxies() {
    let limits = ConnectionLimits::default();
    assert!(limits.idle_timeout > Duration::from_secs(120));
    let app = app_with(ConnectionLimits { head_timeout: SHORT, body_timeout: SHORT, ..limits });
    let mut client = RawClient::connect(app.address);
    let mut late = RawClient::connect(app.address);
    assert_eq!(client.get("/healthz").status, 200);
    // When this one is closed, every shorter deadline has passed for the other.
    assert_eq!(late.send(HALF_HEAD).response().status, 408);
    assert_eq!(client.get("/healthz").status, 200);
}

/// The 408 of the web layer is sent after 5 seconds. The client goes on sending, which Actix would read for ever.
#[test]
fn chunked_body_that_drips_is_closed_after_its_408() {
    let app = app_with(short_limits());
    let mut client = RawClient::connect(app.address);
    client.send("POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n");
    client.send("Transfer-Encoding: chunked\r\n\r\n");
    client.stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let mut received = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match client.stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => received.extend_from_slice(&buffer[..length]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => drop(client.send("1\r\nx\r\n")),
            Err(_) => break,
        }
    }
    let received = String::from_utf8(received).unwrap();
    assert!(received.starts_with("HTTP/1.1 408"), "{received}");
    assert_eq!(received.matches("HTTP/1.1").count(), 1, "{received}");
}

/// A GET is answered before its body has arrived. What follows must not be taken for a request.
#[test]
fn body_that_is_not_read_is_closed_after_the_response() {
    let app = app_with(short_limits());
    for body in ["Content-Length: 900\r\n\r\nx", "Transfer-Encoding: chunked\r\n\r\n900\r\nx"] {
        let mut client = RawClient::connect(app.address);
        client.send(format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{body}"));
        assert_eq!(client.response().status, 200, "{body:?}");
        assert!(client.is_closed(), "{body:?}");
    }
}

#[test]
fn body_without_end_is_closed_before_the_handler_gives_up() {
    let app = app_with(ConnectionLimits { body_timeout: SHORT, ..short_limits() });
    let mut client = RawClient::connect(app.address);
    client.send("POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\nemail=");
    assert!(client.is_closed());
}
