//! The maximum number of connections, and each client's share of them

use keyrack::config::ConnectionLimits;

use super::{app, app_with};
use crate::support::{TestApp, raw::RawClient, wait_until};

const HALF_HEAD: &str = "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Half: ";

/// A client's share is a quarter.
fn app_with_max(max: usize) -> TestApp {
    app_with(ConnectionLimits { max_connections: Some(max), ..Default::default() })
}

fn app_behind_proxy(max: usize) -> TestApp {
    app(|config| {
        config.connections.max_connections = Some(max);
        config.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    })
}

fn metric(app: &TestApp, name: &str) -> usize {
    let text = app.keyrack.connection_metrics();
    let line = text.lines().find(|line| line.starts_with(&format!("keyrack_connections_{name} "))).unwrap();
    line.split(' ').nth(1).unwrap().parse().unwrap()
}

/// Opens connections with a request whose body has not arrived. The response to `Expect` shows that it is handled.
fn open_busy(app: &TestApp, source: &str, count: usize) -> Vec<RawClient> {
    let open = |_| {
        let mut client = RawClient::connect_from(source, app.address);
        client.send("POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n");
        client.send("Content-Length: 7\r\nExpect: 100-continue\r\n\r\n");
        assert_eq!(client.response().status, 100);
        client
    };
    (0..count).map(open).collect()
}

/// Lets the request of a busy connection end.
fn finish(client: &mut RawClient) {
    assert_eq!(client.send("email=a").response().status, 403);
}

#[test]
fn client_beyond_its_share_is_refused_and_others_are_served() {
    let app = app_with_max(16);
    let mut busy = open_busy(&app, "127.0.0.1", 4);
    assert!(RawClient::connect_from("127.0.0.1", app.address).send(HALF_HEAD).is_closed());
    assert_eq!(metric(&app, "refused_total"), 1);
    assert_eq!(RawClient::connect_from("127.0.0.2", app.address).get("/healthz").status, 200);
    busy.iter_mut().for_each(finish);
}

#[test]
fn idle_connection_gives_way_to_new_one_of_its_client() {
    let app = app_with_max(16);
    let mut idle = (0..4).map(|_| RawClient::connect(app.address)).collect::<Vec<_>>();
    for client in &mut idle {
        assert_eq!(client.get("/healthz").status, 200);
    }
    let mut other = RawClient::connect_from("127.0.0.2", app.address);
    assert_eq!(other.get("/healthz").status, 200);
    let mut new = RawClient::connect(app.address);
    assert_eq!(new.get("/healthz").status, 200);
    assert_eq!(metric(&app, "evicted_total"), 1);
    assert_eq!(idle.iter_mut().filter_map(is_served).count(), 3, "one gives way");
    assert_eq!(other.get("/healthz").status, 200);
    assert_eq!(new.get("/healthz").status, 200);
}

/// Whether a connection that may have been closed still serves a request; it is closed afterwards.
fn is_served(client: &mut RawClient) -> Option<()> {
    client.send("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    client.rest().starts_with("HTTP/1.1 200 ").then_some(())
}

#[test]
fn trusted_proxy_may_have_all_connections() {
    let app = app_behind_proxy(16);
    let mut busy = open_busy(&app, "127.0.0.1", 14);
    assert_eq!(metric(&app, "refused_total"), 0);
    busy.iter_mut().for_each(finish);
}

#[test]
fn idle_connections_give_way_when_all_are_used() {
    let app = app_behind_proxy(16);
    let mut clients = Vec::new();
    for _ in 0..64 {
        let mut client = RawClient::connect(app.address);
        assert_eq!(client.get("/healthz").status, 200);
        clients.push(client);
        assert!(metric(&app, "open") <= 16);
    }
    assert!(metric(&app, "evicted_total") >= 48);
    assert_eq!(clients.pop().unwrap().get("/healthz").status, 200, "the new one is kept");
    let kept = clients.iter_mut().filter_map(is_served).count();
    assert!((1..16).contains(&kept), "{kept}");
}

#[test]
fn connections_beyond_the_maximum_wait_until_one_is_idle() {
    let app = app_behind_proxy(4);
    let mut busy = open_busy(&app, "127.0.0.1", 4);
    let mut waiting = RawClient::connect(app.address);
    waiting.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    finish(&mut busy[0]);
    assert_eq!(waiting.response().status, 200);
    busy[1..].iter_mut().for_each(finish);
}

/// Opens connections with half a head. The server has read it when it answers the next request of this thread.
fn open_half_heads(app: &TestApp, source: &str, count: usize) -> Vec<RawClient> {
    let open = |_| {
        let mut client = RawClient::connect_from(source, app.address);
        client.send(HALF_HEAD);
        client
    };
    (0..count).map(open).collect()
}

/// Four clients use up their shares with half heads. None of them is idle, but each has more than the average.
#[test]
fn half_heads_of_crowding_clients_give_way_to_others() {
    let app = app_with_max(16);
    let _half_heads = (1..5).map(|n| open_half_heads(&app, &format!("127.0.{n}.1"), 4)).collect::<Vec<_>>();
    for client in 10..20 {
        let response = RawClient::connect_from(&format!("127.0.{client}.1"), app.address).get("/healthz");
        assert_eq!(response.status, 200);
    }
}

#[test]
fn unfinished_bodies_of_crowding_clients_give_way_to_others() {
    let app = app_with_max(16);
    let _busy = (1..5).map(|n| open_busy(&app, &format!("127.0.{n}.1"), 4)).collect::<Vec<_>>();
    let mut visitors = Vec::new();
    for client in 10..14 {
        let mut visitor = open_busy(&app, &format!("127.0.{client}.1"), 1);
        finish(&mut visitor[0]);
        visitors.append(&mut visitor);
    }
    assert!(metric(&app, "evicted_total") >= 4);
    for visitor in &mut visitors {
        assert_eq!(visitor.get("/healthz").status, 200, "those of the flood went first");
    }
}

/// A /24 has half of the connections, however many addresses of it are used.
#[test]
fn addresses_of_one_network_have_half_together() {
    let app = app_with_max(32);
    let mut busy = (1..9).flat_map(|n| open_busy(&app, &format!("127.0.1.{n}"), 2)).collect::<Vec<_>>();
    assert!(RawClient::connect_from("127.0.1.1", app.address).send(HALF_HEAD).is_closed());
    assert_eq!(metric(&app, "refused_total"), 1);
    busy.extend(open_busy(&app, "127.0.2.1", 8));
    busy.iter_mut().for_each(finish);
}

/// A proxy sends its next request into the closing connection, and its client gets a 502.
#[test]
fn idle_connections_of_a_proxy_give_way_last() {
    let app = app(|config| {
        config.connections.max_connections = Some(16);
        config.trusted_proxies = vec!["127.0.9.9/32".parse().unwrap()];
    });
    let mut proxy = (0..4).map(|_| RawClient::connect_from("127.0.9.9", app.address)).collect::<Vec<_>>();
    for connection in &mut proxy {
        assert_eq!(connection.get("/healthz").status, 200);
    }
    let mut flood = Vec::new();
    for client in 1..=6 {
        flood.extend(open_half_heads(&app, &format!("127.0.{client}.1"), 4));
        assert_eq!(proxy[client % 4].get("/healthz").status, 200);
    }
    // The half heads give way when they are two seconds old.
    wait_until(|| metric(&app, "evicted_total") > 0);
    for connection in &mut proxy {
        assert_eq!(connection.get("/healthz").status, 200);
    }
}
