//! The queue for hashing: one line for strangers and one for known browsers, served in turn.
//!
//! Strangers can fill only their own line. Six hundred addresses that sign in at once delay each other; the owner of an
//! account, on a browser that signed in before, is served as if each of them were one.

use super::{
    client_network::ClientNetwork,
    fair_queue::{FairQueue, Ticket},
};
use crate::db::UserId;

/// For whom a password is hashed. Each is a client of its line, and has an equal share of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HashClient {
    /// The program itself: a command, or a signed-in user's new password.
    Program,
    /// All known browsers of one account.
    KnownBrowser(UserId),
    /// A client that has not signed in to the account before; without an address, where it is unknown.
    Stranger(Option<ClientNetwork>),
}

/// A queue of `T` with a line for strangers and one for everyone else, each with its own bound.
#[derive(Debug)]
pub(super) struct HashQueue<T> {
    known: FairQueue<HashClient, T>,
    strangers: FairQueue<HashClient, T>,
    /// Whether the line of known browsers is served next if both have items.
    known_is_next: bool,
}

impl<T> HashQueue<T> {
    /// Two empty lines for at most `capacity` items each.
    pub fn new(capacity: usize) -> Self {
        Self { known: FairQueue::new(capacity), strangers: FairQueue::new(capacity), known_is_next: true }
    }

    /// The number of items in both lines.
    pub fn len(&self) -> usize {
        self.known.len() + self.strangers.len()
    }

    /// The number of items that are served before a new last one of this client's line.
    pub fn ahead_of(&self, client: HashClient) -> usize {
        let (own, other) = match client {
            HashClient::Stranger(_) => (self.strangers.len(), self.known.len()),
            HashClient::Program | HashClient::KnownBrowser(_) => (self.known.len(), self.strangers.len()),
        };
        own + other.min(own + 1)
    }

    /// Whether [`push`](Self::push) would reject an item of this client.
    pub fn would_reject(&mut self, client: HashClient) -> bool {
        self.line_of(client).would_reject(client)
    }

    /// See [`FairQueue::push`].
    pub fn push(&mut self, client: HashClient, item: T) -> Result<(Ticket<HashClient>, Option<T>), T> {
        self.line_of(client).push(client, item)
    }

    /// Removes the next item, of the two lines in turn.
    pub fn pop(&mut self) -> Option<T> {
        let from_known = if self.known_is_next { self.known.len() > 0 } else { self.strangers.len() == 0 };
        self.known_is_next = !from_known;
        if from_known { self.known.pop() } else { self.strangers.pop() }
    }

    /// See [`FairQueue::cancel`].
    pub fn cancel(&mut self, ticket: Ticket<HashClient>) -> Option<T> {
        self.line_of(ticket.client()).cancel(ticket)
    }

    fn line_of(&mut self, client: HashClient) -> &mut FairQueue<HashClient, T> {
        match client {
            HashClient::Stranger(_) => &mut self.strangers,
            HashClient::Program | HashClient::KnownBrowser(_) => &mut self.known,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn stranger(number: u32) -> HashClient {
        HashClient::Stranger(Some(IpAddr::from(number.to_be_bytes()).into()))
    }

    #[test]
    fn full_line_of_strangers_leaves_room_for_known_browsers() {
        let mut queue = HashQueue::new(100);
        for n in 0..600 {
            assert_eq!(queue.push(stranger(n), n).is_ok(), n < 100);
        }
        assert!(queue.would_reject(stranger(1000)));
        let owner = HashClient::KnownBrowser(UserId::random());
        assert!(!queue.would_reject(owner));
        assert_eq!((queue.ahead_of(owner), queue.ahead_of(stranger(7))), (1, 100));
        queue.push(owner, 1000).unwrap();
        let first: Vec<u32> = std::iter::from_fn(|| queue.pop()).take(2).collect();
        assert!(first.contains(&1000), "{first:?}");
    }

    #[test]
    fn lines_are_served_in_turn() {
        let mut queue = HashQueue::new(100);
        let owners = [HashClient::KnownBrowser(UserId::random()), HashClient::Program];
        for n in 0..4 {
            queue.push(owners[n % 2], n).unwrap();
            queue.push(stranger(7), 10 + n).unwrap();
            queue.push(stranger(8), 20 + n).unwrap();
        }
        assert_eq!(queue.len(), 12);
        let order: Vec<usize> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(order, [0, 10, 1, 20, 2, 11, 3, 21, 12, 22, 13, 23]);
        queue.push(stranger(7), 1).unwrap();
        queue.push(owners[0], 2).unwrap();
        assert_eq!((queue.pop(), queue.pop(), queue.pop()), (Some(2), Some(1), None));
    }

    #[test]
    fn cancelled_item_is_removed_from_its_line() {
        let mut queue = HashQueue::new(1);
        let (ticket, _) = queue.push(HashClient::Program, 1).unwrap();
        queue.push(stranger(7), 2).unwrap();
        assert_eq!(queue.cancel(ticket), Some(1));
        assert_eq!((queue.pop(), queue.pop()), (Some(2), None));
    }
}
