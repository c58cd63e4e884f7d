//! Networks and ages that a test on one machine can't have.

use std::net::IpAddr;

use super::{
    super::{connection::Phase, ticks::NO_DEADLINE},
    *,
};

pub(super) fn registry(max: usize) -> (Registry, Arc<Worker>) {
    let registry = Registry::new(ConnectionLimits::default(), max, vec!["10.0.0.1/32".parse().unwrap()]);
    let worker = registry.add_worker();
    (registry, worker)
}

pub(super) fn open(registry: &Registry, worker: &Worker, address: &str, phase: Phase) -> Option<Arc<Connection>> {
    let connection = registry.admit(worker, address.parse::<IpAddr>().unwrap())?;
    connection.set_phase(phase);
    if phase == Phase::Serving {
        connection.set_deadline(NO_DEADLINE);
    }
    Some(connection)
}

/// How many connections are admitted until one is refused.
fn fill(registry: &Registry, worker: &Worker, address: impl Fn(usize) -> String) -> usize {
    (0..registry.max()).take_while(|n| open(registry, worker, &address(*n), Phase::Serving).is_some()).count()
}

pub(super) fn is_closed(connection: &Connection) -> bool {
    connection.phase() == Phase::Closed
}

#[test]
fn networks_have_growing_shares_of_the_connections() {
    let (registry, worker) = registry(1000);
    assert_eq!(fill(&registry, &worker, |_| "2001:db8::1".to_owned()), 250, "/64");
    assert_eq!(fill(&registry, &worker, |n| format!("2001:db8:0:{:x}::1", n % 255 + 1)), 125, "/56");
    assert_eq!(fill(&registry, &worker, |n| format!("2001:db8:0:{:x}::1", 0x100 + n)), 125, "/48");
    assert_eq!(fill(&registry, &worker, |_| "192.0.2.1".to_owned()), 250, "/32");
    assert_eq!(fill(&registry, &worker, |n| format!("192.0.2.{}", n % 250 + 2)), 250, "/24");
    assert!(open(&registry, &worker, "10.0.0.1", Phase::Serving).is_some(), "a trusted proxy has no share");
}

#[test]
fn closed_connections_are_no_longer_counted() {
    let (registry, worker) = registry(8);
    for _ in 0..100 {
        let connections = ["2001:db8::1", "2001:db8:0:1::1", "192.0.2.1", "10.0.0.1"]
            .map(|address| open(&registry, &worker, address, Phase::Serving).unwrap());
        for connection in connections {
            registry.remove(&worker, &connection);
        }
    }
    assert!(registry.networks.lock().is_empty());
    assert_eq!(registry.open(), 0);
}
