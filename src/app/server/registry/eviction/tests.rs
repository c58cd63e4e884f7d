//! Which connections give way, in networks and ages that a test on one machine can't have.

use std::net::IpAddr;

use super::{
    super::{
        super::connection::Phase,
        tests::{is_closed, open, registry},
    },
    *,
};

#[test]
fn clients_that_crowd_most_give_way_first() {
    let (registry, worker) = registry(64);
    let half = |address: &str, count, phase| -> Vec<_> {
        (0..count).map(|_| open(&registry, &worker, address, phase).unwrap()).collect()
    };
    let many = half("192.0.2.1", 14, Phase::Body);
    let some = half("198.51.100.1", 8, Phase::Head);
    let idle = half("203.0.113.1", 1, Phase::Idle);
    let one = half("203.0.114.1", 1, Phase::Head);
    let proxy = half("10.0.0.1", 30, Phase::Idle);
    let serving = half("192.0.2.2", 6, Phase::Serving);
    assert!(many.iter().chain(&some).chain(&idle).chain(&one).chain(&proxy).all(|connection| !is_closed(connection)));
    let now = worker.deadlines.tick();
    registry.close_first(registry.candidates(now, |_| true, None), 14);
    assert!(many.iter().all(|connection| is_closed(connection)), "the client with most goes first, bodies included");
    assert!(some.iter().chain(&idle).chain(&one).all(|connection| !is_closed(connection)));
    registry.close_first(registry.candidates(now, |_| true, None), 9);
    assert!(some.iter().chain(&idle).all(|connection| is_closed(connection)), "then the next one, and idle ones");
    registry.close_first(registry.candidates(now, |_| true, None), 100);
    assert!(one.iter().chain(&proxy).all(|connection| !is_closed(connection)), "a head has just begun");
    let later = now + 8 * 4;
    registry.close_first(registry.candidates(later, |_| true, None), 1);
    assert!(one.iter().all(|connection| is_closed(connection)), "a head that should be complete by now");
    registry.close_first(registry.candidates(later, |_| true, None), 100);
    assert!(proxy.iter().all(|connection| is_closed(connection)), "idle ones of proxies at last");
    assert!(serving.iter().all(|connection| !is_closed(connection)), "requests never");
}

#[test]
fn own_half_heads_give_way_only_when_they_are_old() {
    let (registry, worker) = registry(1000);
    let client = Client::from("192.0.2.1".parse::<IpAddr>().unwrap());
    let neighbour = Client::from("192.0.2.2".parse::<IpAddr>().unwrap());
    for _ in 0..100 {
        open(&registry, &worker, "192.0.2.1", Phase::Head).unwrap();
    }
    open(&registry, &worker, "203.0.113.1", Phase::Serving).unwrap();
    let network: IpNet = "192.0.2.0/24".parse().unwrap();
    let now = worker.deadlines.tick();
    assert_eq!(registry.evict_in(network, client, 10, now), 0);
    assert_eq!(registry.evict_in(network, neighbour, 10, now), 10, "those of a neighbour that crowds");
    assert_eq!(registry.evict_in(network, client, 10, now + 8 * 4), 10, "old ones");
    assert_eq!(
        registry.evict_in("203.0.113.0/24".parse().unwrap(), client, 10, now),
        0,
        "other networks are not searched"
    );
}

/// A client that floods its network's share must not keep its neighbours from finding connections to close.
#[test]
fn flooding_client_does_not_shut_out_its_neighbours() {
    let (registry, worker) = registry(16);
    open(&registry, &worker, "203.0.113.1", Phase::Serving).unwrap();
    for address in ["192.0.2.1", "192.0.2.2"] {
        for _ in 0..4 {
            open(&registry, &worker, address, Phase::Head).unwrap();
        }
    }
    assert!(open(&registry, &worker, "192.0.2.1", Phase::Head).is_none());
    assert!(open(&registry, &worker, "192.0.2.3", Phase::Head).is_some());
}
