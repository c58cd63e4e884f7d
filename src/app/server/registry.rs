//! All open connections: how many there are, whose they are, and which of them give way.

use std::{
    collections::{HashMap, HashSet},
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc, Weak,
        atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Instant,
};

use ipnet::IpNet;
use parking_lot::Mutex;

use super::{
    connection::Connection,
    metrics::Metrics,
    rate_limited_log::RateLimitedLog,
    ticks::{Deadlines, NO_DEADLINE},
};
use crate::config::ConnectionLimits;

/// One client may have this part of all connections.
const CLIENT_SHARE: usize = 4;

/// This part of all connections is kept free for new ones, by closing idle ones.
const RESERVE: usize = 16;

/// The registry that all workers of a server share.
#[derive(Debug)]
pub(crate) struct Registry {
    limits: ConnectionLimits,
    max: usize,
    trusted_proxies: Vec<IpNet>,
    started: Instant,
    workers: Mutex<Vec<Weak<Worker>>>,
    clients: Mutex<HashMap<IpAddr, ClientConnections>>,
    open: AtomicUsize,
    accepted: AtomicU64,
    /// The tick at which no connection was found that could give way. See [`ClientConnections::none_idle_at`].
    none_unused_at: AtomicU32,
    /// Memory of heads that are longer than usual and still incomplete.
    pub(super) long_heads: AtomicUsize,
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
struct ClientConnections {
    open: usize,
    /// The tick at which none of them was found idle: a flood must not search them for each connection that it opens.
    none_idle_at: Option<u32>,
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
            clients: Mutex::new(HashMap::new()),
            open: AtomicUsize::new(0),
            accepted: AtomicU64::new(0),
            none_unused_at: AtomicU32::new(NO_DEADLINE),
            long_heads: AtomicUsize::new(0),
            metrics: Metrics::default(),
            refusals: RateLimitedLog::new(started),
            malformed: RateLimitedLog::new(started),
        }
    }

    /// The maximum number of open connections.
    pub fn max(&self) -> usize {
        self.max
    }

    /// The counters, for monitoring.
    pub fn metrics_text(&self) -> String {
        self.metrics.text(self.open(), self.max)
    }

    fn open(&self) -> usize {
        self.open.load(Relaxed)
    }

    /// How many connections may be open before idle ones are closed.
    fn evict_above(&self) -> usize {
        self.max - (self.max / RESERVE).max(1).min(self.max - 1)
    }

    fn client_share(&self) -> usize {
        (self.max / CLIENT_SHARE).max(1)
    }

    pub(super) fn add_worker(&self) -> Arc<Worker> {
        let deadlines = Arc::new(Deadlines::new(self.started, &self.limits));
        let worker = Arc::new(Worker { connections: Mutex::new(Vec::new()), deadlines });
        let mut workers = self.workers.lock();
        workers.retain(|worker| worker.strong_count() > 0);
        workers.push(Arc::downgrade(&worker));
        worker
    }

    /// Takes a new connection in, or refuses it because its client has more than its share.
    pub(super) fn admit(&self, worker: &Worker, peer: IpAddr) -> Option<Arc<Connection>> {
        let peer = peer.to_canonical();
        let client = (!self.is_trusted_proxy(peer)).then(|| client_network(peer));
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

    /// Counts a connection to its client's share. Beyond it, the client's oldest idle connections are closed.
    fn count_in(&self, client: IpAddr, worker: &Worker) -> bool {
        let share = self.client_share();
        let now = worker.deadlines.tick();
        let mut clients = self.clients.lock();
        let connections = clients.entry(client).or_default();
        if connections.open >= share {
            if connections.none_idle_at == Some(now) {
                return false;
            }
            // Some at a time, so that the search is rare. The lock is released: closed connections take it.
            drop(clients);
            let closed = self.evict((share / RESERVE).max(1), Some(client));
            clients = self.clients.lock();
            if closed == 0 {
                clients.entry(client).or_default().none_idle_at = Some(now);
                return false;
            }
        }
        clients.entry(client).or_default().open += 1;
        true
    }

    fn count_out(&self, client: IpAddr) {
        let mut clients = self.clients.lock();
        if let Some(connections) = clients.get_mut(&client) {
            connections.open -= 1;
            if connections.open == 0 {
                clients.remove(&client);
            }
        }
    }

    /// Closes unused connections if too many are open together with `new` ones. A few more than needed, so that the
    /// search is rare.
    pub(super) fn evict_surplus(&self, new: usize, worker: &Worker) {
        let surplus = (self.open() + new).saturating_sub(self.evict_above());
        if surplus == 0 {
            return;
        }
        let now = worker.deadlines.tick();
        if self.none_unused_at.load(Relaxed) != now && self.evict(surplus + self.max / RESERVE / 2, None) == 0 {
            self.none_unused_at.store(now, Relaxed);
        }
    }

    /// Closes up to `count` unused connections, of this client or of all, and returns how many.
    ///
    /// Idle ones go first, the longest idle before all. After them, if they may be of any client, connections with half
    /// a head whose client has more connections than the average.
    fn evict(&self, count: usize, client: Option<IpAddr>) -> usize {
        let mut candidates = Vec::new();
        let crowding = if client.is_none() { self.clients_above_average() } else { HashSet::new() };
        for worker in self.workers() {
            for connection in &*worker.connections.lock() {
                if client.is_some() && connection.client != client {
                    continue;
                }
                let Some((has_half_head, since)) = connection.unused_since() else { continue };
                if !has_half_head || connection.client.is_some_and(|client| crowding.contains(&client)) {
                    candidates.push((has_half_head, since, Arc::clone(connection)));
                }
            }
        }
        candidates
            .sort_unstable_by_key(|(has_half_head, since, connection)| (*has_half_head, *since, connection.number));
        let unused = candidates.iter().map(|(.., connection)| connection);
        let closed = unused.filter(|connection| connection.close_unused()).take(count);
        let closed = closed.inspect(|connection| self.release(connection)).count();
        self.metrics.evicted.fetch_add(closed as u64, Relaxed);
        closed
    }

    /// The clients with more connections than the average client, if there are several clients.
    fn clients_above_average(&self) -> HashSet<IpAddr> {
        let clients = self.clients.lock();
        let all: usize = clients.values().map(|connections| connections.open).sum();
        let above = clients.iter().filter(|(_, connections)| connections.open * clients.len() > all);
        above.map(|(client, _)| *client).collect()
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

/// Clients are told apart by their IPv4 address or their IPv6 /64, which one subscriber has at least.
fn client_network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}
