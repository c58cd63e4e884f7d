//! All open connections: how many there are, whose they are, and which of them are admitted.

mod eviction;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Weak,
        atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use ipnet::IpNet;
use parking_lot::Mutex;

use super::{
    client_networks::{Client, share_of},
    connection::Connection,
    long_heads::LongHeads,
    metrics::Metrics,
    rate_limited_log::RateLimitedLog,
    ticks::{Deadlines, NO_DEADLINE},
};
use crate::config::ConnectionLimits;

/// This part of all connections is kept free for new ones, by closing others.
const RESERVE: usize = 16;

/// The registry that all workers of a server share.
#[derive(Debug)]
pub(crate) struct Registry {
    limits: ConnectionLimits,
    max: usize,
    trusted_proxies: Vec<IpNet>,
    started: Instant,
    workers: Mutex<Vec<Weak<Worker>>>,
    networks: Mutex<HashMap<IpNet, NetworkConnections>>,
    open: AtomicUsize,
    accepted: AtomicU64,
    /// The tick at which no connection was found that could give way. See [`NetworkConnections::none_unused_at`].
    none_unused_at: AtomicU32,
    pub(super) long_heads: Arc<LongHeads>,
    pub(super) metrics: Metrics,
    pub(super) refusals: RateLimitedLog,
    pub(super) malformed: RateLimitedLog,
}

/// The connections of one worker thread.
#[derive(Debug)]
pub(super) struct Worker {
    connections: Mutex<Vec<Arc<Connection>>>,
    pub deadlines: Arc<Deadlines>,
}

#[derive(Debug, Default)]
struct NetworkConnections {
    open: usize,
    /// The tick at which none of them could give way: a flood must not search them for each connection that it opens.
    none_unused_at: Option<u32>,
}

impl Registry {
    pub fn new(limits: ConnectionLimits, max: usize, trusted_proxies: Vec<IpNet>) -> Self {
        let started = Instant::now();
        Self {
            limits,
            max: max.max(1),
            trusted_proxies,
            started,
            workers: Mutex::new(Vec::new()),
            networks: Mutex::new(HashMap::new()),
            open: AtomicUsize::new(0),
            accepted: AtomicU64::new(0),
            none_unused_at: AtomicU32::new(NO_DEADLINE),
            long_heads: Arc::default(),
            metrics: Metrics::default(),
            refusals: RateLimitedLog::new(started),
            malformed: RateLimitedLog::new(started),
        }
    }

    /// The maximum number of open connections.
    pub fn max(&self) -> usize {
        self.max
    }

    /// How long an incomplete head is kept.
    pub(super) fn head_timeout(&self) -> Duration {
        self.limits.head_timeout
    }

    /// The counters, for monitoring.
    pub fn metrics_text(&self) -> String {
        self.metrics.text(self.open(), self.max)
    }

    fn open(&self) -> usize {
        self.open.load(Relaxed)
    }

    /// How many connections may be open before others are closed.
    fn evict_above(&self) -> usize {
        self.max - (self.max / RESERVE).max(1).min(self.max - 1)
    }

    pub(super) fn add_worker(&self) -> Arc<Worker> {
        let deadlines = Arc::new(Deadlines::new(self.started, &self.limits));
        let worker = Arc::new(Worker { connections: Mutex::new(Vec::new()), deadlines });
        let mut workers = self.workers.lock();
        workers.retain(|worker| worker.strong_count() > 0);
        workers.push(Arc::downgrade(&worker));
        worker
    }

    /// Takes a new connection in, or refuses it because its client or one of its networks has its share.
    pub(super) fn admit(&self, worker: &Worker, peer: IpAddr) -> Option<Arc<Connection>> {
        let peer = peer.to_canonical();
        let client = (!self.is_trusted_proxy(peer)).then(|| Client::from(peer));
        if client.is_some_and(|client| !self.count_in(client, worker)) {
            self.metrics.refused.fetch_add(1, Relaxed);
            return None;
        }
        // Before the new connection can be found, which would be unused itself.
        self.evict_surplus(1, worker);
        let number = self.accepted.fetch_add(1, Relaxed);
        let connection = Arc::new(Connection::new(peer, client, number, Arc::clone(&worker.deadlines)));
        worker.add(&connection);
        self.open.fetch_add(1, Relaxed);
        Some(connection)
    }

    /// Removes a connection that has closed.
    pub(super) fn remove(&self, worker: &Worker, connection: &Connection) {
        worker.remove(connection);
        self.release(connection);
    }

    /// Stops counting a connection. One that was told to close is no longer counted before it has closed, so that the
    /// next new connection does not make another one close.
    fn release(&self, connection: &Connection) {
        if connection.take_counted() {
            self.open.fetch_sub(1, Relaxed);
            if let Some(client) = connection.client {
                self.count_out(client);
            }
        }
    }

    fn is_trusted_proxy(&self, peer: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|network| network.contains(&peer))
    }

    /// Counts a connection to the shares of its client and its networks. Beyond one of them, connections of that network
    /// are closed.
    fn count_in(&self, client: Client, worker: &Worker) -> bool {
        if !client.networks().all(|network| self.make_room_in(network, client, worker)) {
            return false;
        }
        let mut networks = self.networks.lock();
        for network in client.networks() {
            networks.entry(network).or_default().open += 1;
        }
        true
    }

    /// Whether the network may have another connection, after closing some of its own if need be.
    fn make_room_in(&self, network: IpNet, newcomer: Client, worker: &Worker) -> bool {
        let share = share_of(self.max, network);
        let now = worker.deadlines.tick();
        // A client's own connections give way to its new ones only if they are idle or old, so what one client does not
        // find, another may. One that has no connection finds all that there is.
        let searched = {
            let networks = self.networks.lock();
            let Some(connections) = networks.get(&network).filter(|connections| connections.open >= share) else {
                return true;
            };
            let own = networks.get(&newcomer.network());
            if [Some(connections), own].into_iter().flatten().any(|found| found.none_unused_at == Some(now)) {
                return false;
            }
            if own.is_some() { newcomer.network() } else { network }
        };
        // Some at a time, so that the search is rare. The lock is released: closed connections take it.
        if self.evict_in(network, newcomer, (share / RESERVE).max(1), now) > 0 {
            return true;
        }
        if let Some(connections) = self.networks.lock().get_mut(&searched) {
            connections.none_unused_at = Some(now);
        }
        false
    }

    fn count_out(&self, client: Client) {
        let mut networks = self.networks.lock();
        for network in client.networks() {
            if let Some(connections) = networks.get_mut(&network) {
                connections.open -= 1;
                if connections.open == 0 {
                    networks.remove(&network);
                }
            }
        }
    }

    fn workers(&self) -> Vec<Arc<Worker>> {
        self.workers.lock().iter().filter_map(Weak::upgrade).collect()
    }
}

impl Worker {
    fn add(&self, connection: &Arc<Connection>) {
        let mut connections = self.connections.lock();
        connection.index.store(connections.len(), Relaxed);
        connections.push(Arc::clone(connection));
    }

    fn remove(&self, connection: &Connection) {
        let mut connections = self.connections.lock();
        let index = connection.index.load(Relaxed);
        connections.swap_remove(index);
        if let Some(moved) = connections.get(index) {
            moved.index.store(index, Relaxed);
        }
    }

    /// Wakes the connections whose deadline has passed.
    pub fn expire(&self) {
        let now = self.deadlines.tick();
        for connection in &*self.connections.lock() {
            if connection.deadline() <= now {
                connection.expire();
            }
        }
    }

    /// Closes the connections without a request, since the server stops.
    pub fn close_unused(&self) {
        for connection in &*self.connections.lock() {
            connection.close_unused();
        }
    }
}
