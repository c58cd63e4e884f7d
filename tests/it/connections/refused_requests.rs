//! Requests that no handler sees: their responses are like all others, and the log tells whose they are

use super::{app, app_with, assert_has_common_headers, short_limits};
use crate::support::{
    log,
    raw::{self, RawClient, RawResponse},
    wait_until,
};

/// Bytes that are no request, and the status of the response.
const MALFORMED: [(&[u8], u16); 11] = [
    (b"GET\r\n\r\n", 400),
    (b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: x\r\nNo colon\r\n\r\n", 400),
    (b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
    (b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    // HTTP/2 with prior knowledge.
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    // A TLS handshake, which has no end that an HTTP server would recognise.
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    (b"\0\0\0\0", 400),
    (b" GET / HTTP/1.1\r\n", 400),
];

fn assert_is_complete(response: &RawResponse) {
    assert_has_common_headers(response);
    for header in ["connection: close", "content-type: application/problem+json"] {
        assert!(response.head.contains(header), "{header}: {response:?}");
    }
    let problem: serde_json::Value = serde_json::from_str(&response.body).unwrap();
    assert_eq!(problem["status"], response.status, "{response:?}");
    assert!(problem["title"].is_string() && problem["detail"].is_string(), "{response:?}");
}

#[test]
fn malformed_request_gets_headers_and_problem_details() {
    let app = app_with(short_limits());
    for (request, status) in MALFORMED {
        for requests_before in [0, 1] {
            let mut client = RawClient::connect(app.address);
            for _ in 0..requests_before {
                assert_eq!(client.get("/healthz").status, 200);
            }
            let response = client.send(request).response();
            assert_eq!(response.status, status, "{:?}: {response:?}", String::from_utf8_lossy(request));
            assert_is_complete(&response);
            assert!(client.is_closed());
        }
    }
    assert_eq!(RawClient::connect(app.address).get("/healthz").status, 200);
}

#[test]
fn head_that_is_too_large_gets_431() {
    let app = app_with(short_limits());
    let long = format!("GET / HTTP/1.1\r\nHost: x\r\nCookie: {}", "a".repeat(33 * 1024));
    let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "X-Many: y\r\n".repeat(97));
    for request in [&long, &format!("{long}\r\n\r\n"), &"x".repeat(1 << 20), &many] {
        let answer = raw::exchange(app.address, request.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
    }
    let fits = format!("GET /healthz HTTP/1.1\r\nHost: x\r\nCookie: {}\r\n\r\n", "a".repeat(31 * 1024));
    assert_eq!(RawClient::connect(app.address).send(fits).response().status, 200);
}

/// One network may have half of the memory for long heads. What the others send is read.
#[test]
fn long_head_beyond_the_share_of_its_network_gets_503() {
    let app = app(|config| config.connections.max_connections = Some(4000));
    let half_head = format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}", "x".repeat(31 * 1024));
    let mut flood = Vec::new();
    // Each head takes 24 kB, so that 683 exceed half of the memory. No client has more than its own quarter.
    for client in 1..=8 {
        for _ in 0..90 {
            let mut client = RawClient::connect_from(&format!("127.0.1.{client}"), app.address);
            client.send(&half_head);
            flood.push(client);
        }
    }
    wait_until(|| !app.keyrack.connection_metrics().contains("malformed_requests_total 0\n"));
    let long = format!("GET /healthz HTTP/1.1\r\nHost: x\r\nCookie: {}\r\n\r\n", "a".repeat(20 * 1024));
    let refused = RawClient::connect_from("127.0.1.9", app.address).send(&long).response();
    assert_eq!(refused.status, 503, "{refused:?}");
    assert_is_complete(&refused);
    assert!(refused.head.contains("retry-after: 10\r\n"), "{refused:?}");
    assert!(refused.body.contains("too many requests with long headers"), "{refused:?}");
    let served = RawClient::connect_from("127.0.2.1", app.address).send(&long).response();
    assert_eq!(served.status, 200, "another network has its own share");
    let too_long = RawClient::connect_from("127.0.2.1", app.address).send(long.replace('a', "aa")).response();
    assert_eq!((too_long.status, too_long.body.contains("Delete this site’s cookies")), (431, true), "{too_long:?}");
}

#[test]
fn malformed_chunk_gets_one_response() {
    let app = app_with(short_limits());
    let head = "POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\
                Transfer-Encoding: chunked\r\n\r\n";
    for body in ["x\r\n", "1\r\nab", "3\r\na=b\r\n0\r\n\r\r", "ffffffffffffffffff\r\n"] {
        let answer = raw::exchange(app.address, format!("{head}{body}").as_bytes());
        assert!(answer.starts_with("HTTP/1.1 400 "), "{body:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{body:?}: {answer}");
        assert!(answer.contains("content-security-policy"), "{answer}");
    }
}

#[test]
fn refused_request_is_logged_with_its_client_and_reason() {
    log::capture();
    let app = app_with(short_limits());
    let refuse = |request: &str| {
        let response = RawClient::connect_from("127.0.0.77", app.address).send(request).response();
        response.head.split("x-request-id: ").nth(1).unwrap().split("\r\n").next().unwrap().to_owned()
    };
    let line_of = |id: &str| log::captured().lines().find(|line| line.contains(id)).unwrap().to_owned();
    for (request, reason) in [
        ("GET\r\n\r\n", "not valid HTTP"),
        ("\u{16}\u{3}", "TLS handshake"),
        ("\0", "does not begin like an HTTP request"),
    ] {
        let line = line_of(&refuse(request));
        assert!(line.contains("\"INFO\"") && line.contains("127.0.0.77") && line.contains(reason), "{line}");
    }
    let ids = (0..30).map(|_| refuse("GET\r\n\r\n")).collect::<Vec<_>>();
    let lines = log::captured();
    let logged = ids.iter().filter(|id| lines.contains(id.as_str())).count();
    assert!(logged <= 10, "{logged} lines of a flood were written");
    assert!(!lines.contains("stream error"), "Actix logs nothing of its own");
    assert!(app.keyrack.connection_metrics().contains("keyrack_connections_malformed_requests_total 33\n"));
}

#[test]
fn response_over_https_has_hsts() {
    let app = app(|config| config.public_url = "https://keys.example.com".parse().unwrap());
    let response = RawClient::connect(app.address).send("GET\r\n\r\n").response();
    assert!(response.head.contains("strict-transport-security: max-age="), "{response:?}");
}
