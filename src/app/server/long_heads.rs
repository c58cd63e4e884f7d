//! The memory that heads of requests share which are longer than usual and still incomplete.

use std::collections::HashMap;

use ipnet::IpNet;
use parking_lot::Mutex;

use super::client_networks::{Client, share_of};

/// Memory that all connections together may use beyond what each has. Without a limit, half heads on all connections
/// would need half a gigabyte.
pub(super) const MAX_LONG_HEADS_BYTES: usize = 32 * 1024 * 1024;

/// Counts the memory. A network may have the same part of it as of the connections, so that one client can't keep the
/// others from sending long heads. Trusted proxies have no share.
#[derive(Debug, Default)]
pub(super) struct LongHeads(Mutex<Used>);

#[derive(Debug, Default)]
struct Used {
    total: usize,
    by_network: HashMap<IpNet, usize>,
}

impl LongHeads {
    /// Takes so many bytes for a client. Returns whether they are left.
    #[must_use]
    pub fn take(&self, client: Option<Client>, bytes: usize) -> bool {
        let mut used = self.0.lock();
        let networks = || client.into_iter().flat_map(Client::networks);
        let is_left = used.total + bytes <= MAX_LONG_HEADS_BYTES
            && networks().all(|network| {
                used.by_network.get(&network).copied().unwrap_or(0) + bytes <= share_of(MAX_LONG_HEADS_BYTES, network)
            });
        if is_left {
            used.total += bytes;
            networks().for_each(|network| *used.by_network.entry(network).or_default() += bytes);
        }
        is_left
    }

    /// Gives back what [`LongHeads::take`] has taken.
    pub fn give_back(&self, client: Option<Client>, bytes: usize) {
        let mut used = self.0.lock();
        used.total -= bytes;
        for network in client.into_iter().flat_map(Client::networks) {
            if let Some(of_network) = used.by_network.get_mut(&network) {
                *of_network -= bytes;
                if *of_network == 0 {
                    used.by_network.remove(&network);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    const HEAD: usize = 32 * 1024;

    fn client(address: &str) -> Client {
        address.parse::<IpAddr>().unwrap().into()
    }

    /// How many heads are taken until no more are left.
    fn fill(pool: &LongHeads, clients: impl Fn(usize) -> String) -> usize {
        (0..=MAX_LONG_HEADS_BYTES / HEAD).take_while(|n| pool.take(Some(client(&clients(*n))), HEAD)).count()
    }

    #[test]
    fn client_and_its_networks_leave_memory_to_others() {
        let all = MAX_LONG_HEADS_BYTES / HEAD;
        let pool = LongHeads::default();
        assert_eq!(fill(&pool, |_| "192.0.2.1".to_owned()), all / 4);
        assert_eq!(fill(&pool, |n| format!("192.0.2.{}", n % 200 + 2)), all / 4, "the /24 has half");
        assert_eq!(fill(&pool, |n| format!("2001:db8:0:{:x}::1", n % 256)), all * 3 / 8, "a /56");
        assert_eq!(fill(&pool, |n| format!("198.51.{n}.1")), all / 8, "all together");
        assert!(!pool.take(None, HEAD), "trusted proxies");
        pool.give_back(Some(client("192.0.2.1")), HEAD);
        assert!(!pool.take(Some(client("2001:db8::1")), HEAD));
        assert!(pool.take(None, HEAD));
    }

    #[test]
    fn memory_given_back_is_no_longer_counted() {
        let pool = LongHeads::default();
        for address in ["192.0.2.1", "192.0.2.2", "2001:db8::1"] {
            assert!(pool.take(Some(client(address)), HEAD));
        }
        for address in ["192.0.2.1", "192.0.2.2", "2001:db8::1"] {
            pool.give_back(Some(client(address)), HEAD);
        }
        let used = pool.0.lock();
        assert_eq!((used.total, used.by_network.len()), (0, 0));
    }
}
