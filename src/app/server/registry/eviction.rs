//! Decides which connections give way to new ones.

use std::{
    cmp::Reverse,
    collections::HashMap,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use ipnet::IpNet;

use super::{
    super::{
        client_networks::{Client, share_of},
        connection::{Connection, Unfinished, Unused},
        ticks::TICK,
    },
    NetworkConnections, RESERVE, Registry, Worker,
};

/// A network that has at least this part of its share, and more than the average, crowds the others.
const CROWDING_PART: usize = 16;

/// A head or a body that is incomplete for longer may give way although its client does not crowd: those of browsers
/// arrive within a second.
const OLD_AFTER: Duration = Duration::from_secs(2);

/// In which order connections give way. Requests that have arrived whole never do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Precedence {
    /// Idle, or with half a request, of a client that crowds the others.
    Crowding,
    /// Idle. Browsers open another one when they need it.
    Idle,
    /// With half a request, of a client that has more than the average.
    UnfinishedAboveAverage,
    /// With half a request that should have arrived long ago.
    UnfinishedOld,
    /// Idle, of a trusted proxy: it would answer with a 502 if it has just sent a request. Only while no other client has
    /// half a request.
    IdleOfProxy,
}

/// The order in which connections give way: by precedence, by how much their client crowds the others, by what has
/// arrived, by age.
type Order = (Precedence, Reverse<usize>, Option<Unfinished>, u32, u64);

/// A connection that may give way.
type Candidate = (Order, Arc<Connection>);

/// How much networks crowd each other.
struct Crowding<'a> {
    networks: &'a HashMap<IpNet, NetworkConnections>,
    max: usize,
    /// Per address family and prefix length: how many networks have connections, and how many they have together.
    totals: HashMap<(bool, u8), (usize, usize)>,
}

impl Registry {
    /// Closes connections if too many are open together with `new` ones. A few more than needed, so that the search is
    /// rare.
    pub(in crate::app::server) fn evict_surplus(&self, new: usize, worker: &Worker) {
        let surplus = (self.open() + new).saturating_sub(self.evict_above());
        if surplus == 0 {
            return;
        }
        let now = worker.deadlines.tick();
        if self.none_unused_at.load(Relaxed) == now {
            return;
        }
        let candidates = self.candidates(now, |_| true, None);
        if self.close_first(candidates, surplus + self.max / RESERVE / 2) == 0 {
            self.none_unused_at.store(now, Relaxed);
        }
    }

    /// Closes up to `count` connections of a network for a new one of this client, and returns how many.
    pub(super) fn evict_in(&self, network: IpNet, newcomer: Client, count: usize, now: u32) -> usize {
        let is_in_network =
            |client: Option<Client>| client.is_some_and(|client| client.networks().any(|own| own == network));
        self.close_first(self.candidates(now, is_in_network, Some(newcomer)), count)
    }

    /// The connections that may give way. Half a request does not give way to another connection of its own client,
    /// `newcomer`, until it is old.
    fn candidates(
        &self,
        now: u32,
        may_give_way: impl Fn(Option<Client>) -> bool,
        newcomer: Option<Client>,
    ) -> Vec<Candidate> {
        let workers = self.workers();
        // Admissions wait meanwhile.
        let networks = self.networks.lock();
        let crowding = Crowding::new(&networks, self.max);
        let mut candidates = Vec::new();
        let mut has_young = false;
        for worker in workers {
            for connection in &*worker.connections.lock() {
                if !may_give_way(connection.client) {
                    continue;
                }
                let Some(unused) = connection.unused() else { continue };
                let is_own = newcomer.is_some() && connection.client == newcomer;
                let Some((precedence, degree)) = crowding.rank(connection.client, unused, is_own, now) else {
                    has_young |= connection.client.is_some();
                    continue;
                };
                let Unused { unfinished, since } = unused;
                let order = (precedence, Reverse(degree), unfinished, since, connection.number);
                candidates.push((order, Arc::clone(connection)));
            }
        }
        drop(networks);
        if has_young {
            // Those of strangers will be old soon, and go first.
            candidates.retain(|((precedence, ..), _)| *precedence != Precedence::IdleOfProxy);
        }
        candidates
    }

    /// Closes the first of them, and returns how many.
    fn close_first(&self, mut candidates: Vec<Candidate>, count: usize) -> usize {
        candidates.sort_unstable_by_key(|(order, _)| *order);
        let closed =
            candidates.iter().filter(|((_, _, unfinished, ..), connection)| connection.close_while(*unfinished));
        let closed = closed.take(count).inspect(|(_, connection)| self.release(connection)).count();
        self.metrics.evicted.fetch_add(closed as u64, Relaxed);
        closed
    }
}

impl<'a> Crowding<'a> {
    fn new(networks: &'a HashMap<IpNet, NetworkConnections>, max: usize) -> Self {
        let mut totals: HashMap<_, (usize, usize)> = HashMap::new();
        for (network, connections) in networks {
            let (count, open) = totals.entry(size_of(*network)).or_default();
            *count += 1;
            *open += connections.open;
        }
        Self { networks, max, totals }
    }

    /// When a connection gives way, and how much its client crowds the others; `None` if it does not give way.
    fn rank(&self, client: Option<Client>, unused: Unused, is_own: bool, now: u32) -> Option<(Precedence, usize)> {
        let is_idle = unused.unfinished.is_none();
        let Some(client) = client else {
            return is_idle.then_some((Precedence::IdleOfProxy, 0));
        };
        let degree = self.degree(client);
        let is_old = TICK * now.saturating_sub(unused.since) >= OLD_AFTER;
        let is_protected = !is_idle && is_own && !is_old;
        match degree {
            _ if is_protected => None,
            Some(degree) if degree >= DEGREE_OF_SHARE / CROWDING_PART => Some((Precedence::Crowding, degree)),
            _ if is_idle => Some((Precedence::Idle, 0)),
            Some(degree) => Some((Precedence::UnfinishedAboveAverage, degree)),
            None => is_old.then_some((Precedence::UnfinishedOld, 0)),
        }
    }

    /// The largest part that one of the client's networks has of its share, if that is more than the average network of
    /// its size has.
    fn degree(&self, client: Client) -> Option<usize> {
        let degrees = client.networks().filter_map(|network| {
            let open = self.networks.get(&network)?.open;
            let (count, all) = self.totals.get(&size_of(network))?;
            (open * count > *all).then(|| open * DEGREE_OF_SHARE / share_of(self.max, network))
        });
        degrees.max()
    }
}

/// The degree of a network that has its whole share.
const DEGREE_OF_SHARE: usize = 1024;

fn size_of(network: IpNet) -> (bool, u8) {
    (network.addr().is_ipv4(), network.prefix_len())
}

#[cfg(test)]
mod tests;
