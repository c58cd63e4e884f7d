//! Requests that are valid HTTP but that no browser sends to a page

use super::{app, assert_has_common_headers};
use crate::support::raw::RawClient;

const NEXT: &str = "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n";

#[test]
fn tunnel_is_answered_and_closed() {
    let app = app(|_| ());
    let mut client = RawClient::connect(app.address);
    client.send("CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n").send(NEXT);
    let response = client.response();
    assert_eq!(response.status, 404, "{response:?}");
    assert_has_common_headers(&response);
    assert!(client.is_closed());
}

#[test]
fn request_without_a_path_gets_a_complete_response() {
    let app = app(|_| ());
    let mut client = RawClient::connect(app.address);
    for (method, status) in [("OPTIONS", 204), ("GET", 400), ("POST", 400), ("DELETE", 400)] {
        let response = client.send(format!("{method} * HTTP/1.1\r\nHost: x\r\n\r\n")).response();
        assert_eq!(response.status, status, "{method}: {response:?}");
        assert_has_common_headers(&response);
        assert_eq!(response.body.is_empty(), status == 204, "{response:?}");
        assert_eq!(response.head.contains("allow: get, head, post\r\n"), status == 204, "{response:?}");
        assert_eq!(client.get("/healthz").status, 200, "{method}: the connection is still in step");
    }
    let head = client.send("HEAD * HTTP/1.1\r\nHost: x\r\n\r\n").response_to("HEAD");
    assert_eq!(head.status, 400);
    assert_eq!(client.get("/healthz").status, 200);
}

/// A server may ignore the header. Actix took what follows for another protocol, or lost it.
#[test]
fn upgrade_is_ignored_and_later_requests_are_answered() {
    let app = app(|_| ());
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    for upgrade in [
        "Connection: Upgrade\r\nUpgrade: websocket\r\n",
        "upgrade: WebSocket\r\nconnection: keep-alive, upgrade\r\n",
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
        "Connection: upgrade\r\n",
        "Upgrade: websocket\r\n",
    ] {
        for (request, status) in [
            (format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{upgrade}\r\n"), 200),
            (format!("POST /login HTTP/1.1\r\nHost: x\r\n{form}{upgrade}Content-Length: 7\r\n\r\nemail=a"), 403),
            (
                format!(
                    "POST /login HTTP/1.1\r\nHost: x\r\n{form}{upgrade}Transfer-Encoding: chunked\r\n\r\n\
                     3\r\na=b\r\n0\r\n\r\n"
                ),
                403,
            ),
        ] {
            for size in [request.len() + NEXT.len(), 5] {
                let mut client = RawClient::connect(app.address);
                for part in format!("{request}{NEXT}").as_bytes().chunks(size) {
                    client.send(part);
                }
                let response = client.response();
                assert_eq!(response.status, status, "{request:?}: {response:?}");
                assert!(!response.head.contains("upgrade\r\n"), "{response:?}");
                let next = client.response();
                assert_eq!((next.status, next.body.is_empty()), (200, false), "{request:?}");
                assert_eq!(client.get("/healthz").status, 200, "{request:?}");
            }
        }
    }
}
