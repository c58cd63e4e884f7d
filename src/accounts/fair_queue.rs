//! A bounded fair queue: round robin over clients.
//!
//! Each client has its own queue, and each round serves one item of every client. A client that sends a thousand
//! guesses delays only itself; the single sign-in of another client is served in the next round.

use std::collections::VecDeque;

/// The queue. `C` identifies a client, `T` is a queued item.
#[derive(Debug)]
pub(super) struct FairQueue<C, T> {
    /// In the order in which the next round serves them; none is empty.
    clients: VecDeque<ClientQueue<C, T>>,
    len: usize,
    capacity: usize,
    next_number: u64,
}

#[derive(Debug)]
struct ClientQueue<C, T> {
    client: C,
    items: VecDeque<(u64, T)>,
}

/// Identifies a queued item, to cancel it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ticket<C> {
    client: C,
    number: u64,
}

impl<C: Copy> Ticket<C> {
    /// The client that queued the item.
    pub fn client(self) -> C {
        self.client
    }
}

impl<C: Copy + PartialEq, T> FairQueue<C, T> {
    /// An empty queue for at most `capacity` items of all clients together.
    pub fn new(capacity: usize) -> Self {
        Self { clients: VecDeque::new(), len: 0, capacity, next_number: 0 }
    }

    /// The number of queued items.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether [`push`](Self::push) would reject an item of this client.
    pub fn would_reject(&self, client: C) -> bool {
        let own = self.clients.iter().find(|queue| queue.client == client).map_or(0, |queue| queue.items.len());
        self.len >= self.capacity && self.clients.iter().all(|queue| queue.items.len() <= own + 1)
    }

    /// Appends an item to the client's queue. If the whole queue is full, it evicts the last item of the client with
    /// the most items, and returns it beside the ticket. So one client may fill the queue while it is alone, and has an
    /// equal share of it when others come.
    ///
    /// # Errors
    /// Rejects the item, and returns it, if the whole queue is full and its client would then have at least as many
    /// items as any other.
    pub fn push(&mut self, client: C, item: T) -> Result<(Ticket<C>, Option<T>), T> {
        let number = self.next_number;
        self.next_number += 1;
        let ticket = Ticket { client, number };
        let mut evicted = None;
        if self.len >= self.capacity {
            let own = self.queue_of(client).map_or(0, |queue| queue.items.len());
            let longest = self.clients.iter_mut().max_by_key(|queue| queue.items.len());
            match longest.filter(|longest| longest.items.len() > own + 1).and_then(|queue| queue.items.pop_back()) {
                Some((_, last)) => evicted = Some(last),
                None => return Err(item),
            }
            self.len -= 1;
        }
        self.len += 1;
        match self.queue_of(client) {
            Some(queue) => queue.items.push_back((number, item)),
            None => self.clients.push_back(ClientQueue { client, items: VecDeque::from([(number, item)]) }),
        }
        Ok((ticket, evicted))
    }

    /// Removes the next item; its client goes to the end of the round.
    pub fn pop(&mut self) -> Option<T> {
        let mut queue = self.clients.pop_front()?;
        let (_, item) = queue.items.pop_front()?;
        self.len -= 1;
        if !queue.items.is_empty() {
            self.clients.push_back(queue);
        }
        Some(item)
    }

    /// Removes an item before its turn; `None` if it is no longer queued.
    pub fn cancel(&mut self, ticket: Ticket<C>) -> Option<T> {
        let client = self.clients.iter().position(|queue| queue.client == ticket.client)?;
        let items = &mut self.clients[client].items;
        let position = items.iter().position(|(number, _)| *number == ticket.number)?;
        let (_, item) = items.remove(position)?;
        self.len -= 1;
        if items.is_empty() {
            self.clients.remove(client);
        }
        Some(item)
    }

    fn queue_of(&mut self, client: C) -> Option<&mut ClientQueue<C, T>> {
        self.clients.iter_mut().find(|queue| queue.client == client)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the evicted item, if there is one, or the rejected one as an error.
    fn push(queue: &mut FairQueue<char, u32>, client: char, item: u32) -> Result<Option<u32>, u32> {
        queue.push(client, item).map(|(_, evicted)| evicted)
    }

    fn drain(queue: &mut FairQueue<char, u32>) -> Vec<u32> {
        let served: Vec<u32> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!((queue.len(), queue.clients.len()), (0, 0), "nothing is left behind");
        served
    }

    #[test]
    fn single_client_is_served_first_in_first_out() {
        let mut queue = FairQueue::new(10);
        for n in 1..=5 {
            assert_eq!(push(&mut queue, 'a', n), Ok(None));
        }
        assert_eq!(queue.len(), 5);
        assert_eq!(drain(&mut queue), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn clients_are_served_round_robin() {
        let mut queue = FairQueue::new(1000);
        for n in 0..200 {
            push(&mut queue, 'a', n).unwrap();
        }
        assert_eq!(queue.pop(), Some(0));
        for (client, n) in [('b', 1000), ('c', 2000), ('c', 2001)] {
            push(&mut queue, client, n).unwrap();
        }
        let order: Vec<u32> = std::iter::from_fn(|| queue.pop()).take(7).collect();
        assert_eq!(order, [1, 1000, 2000, 2, 2001, 3, 4]);
    }

    #[test]
    fn would_reject_predicts_push() {
        let mut queue = FairQueue::new(4);
        for n in 0..6 {
            for client in ['a', 'b', 'a'] {
                let rejects = queue.would_reject(client);
                assert_eq!(queue.push(client, n).is_err(), rejects, "{client} {n}");
            }
        }
        assert!(queue.would_reject('a') && queue.would_reject('b') && !queue.would_reject('c'));
    }

    #[test]
    fn returning_client_is_served_after_waiting_ones() {
        let mut queue = FairQueue::new(10);
        push(&mut queue, 'a', 1).unwrap();
        push(&mut queue, 'b', 10).unwrap();
        assert_eq!(queue.pop(), Some(1));
        push(&mut queue, 'a', 2).unwrap();
        push(&mut queue, 'c', 20).unwrap();
        assert_eq!(drain(&mut queue), [10, 2, 20]);
    }

    #[test]
    fn full_queue_evicts_from_the_longest_client_queue() {
        let mut queue = FairQueue::new(4);
        for n in 1..=4 {
            assert_eq!(push(&mut queue, 'a', n), Ok(None), "alone, a client may fill the queue");
        }
        assert_eq!(push(&mut queue, 'a', 5), Err(5));
        assert_eq!(push(&mut queue, 'b', 10), Ok(Some(4)), "another client evicts the last item of the longest queue");
        assert_eq!(push(&mut queue, 'b', 11), Ok(Some(3)));
        assert_eq!(push(&mut queue, 'b', 12), Err(12), "and has an equal share, not more");
        assert_eq!(push(&mut queue, 'a', 6), Err(6));
        assert_eq!(queue.len(), 4);
        assert_eq!(drain(&mut queue), [1, 10, 2, 11]);
    }

    #[test]
    fn full_queue_of_single_items_rejects_a_new_client() {
        let mut queue = FairQueue::new(3);
        for (client, n) in [('a', 1), ('b', 2), ('c', 3)] {
            assert_eq!(push(&mut queue, client, n), Ok(None));
        }
        assert_eq!(push(&mut queue, 'd', 4), Err(4));
        assert_eq!(drain(&mut queue), [1, 2, 3]);
    }

    #[test]
    fn cancelled_item_is_not_served_and_makes_room() {
        let mut queue = FairQueue::new(3);
        let (first, _) = queue.push('a', 1).unwrap();
        let (second, _) = queue.push('a', 2).unwrap();
        let (only, _) = queue.push('b', 10).unwrap();
        assert_eq!(queue.cancel(second), Some(2));
        assert_eq!(queue.cancel(second), None, "cancelled already");
        assert_eq!(queue.cancel(only), Some(10));
        assert_eq!(push(&mut queue, 'b', 11), Ok(None));
        assert_eq!(queue.pop(), Some(1));
        assert_eq!(queue.cancel(first), None, "served already");
        assert_eq!(drain(&mut queue), [11]);
    }

    #[test]
    fn cancelling_an_evicted_item_does_nothing() {
        let mut queue = FairQueue::new(2);
        push(&mut queue, 'a', 1).unwrap();
        let (evicted, _) = queue.push('a', 2).unwrap();
        assert_eq!(push(&mut queue, 'b', 10), Ok(Some(2)));
        assert_eq!(queue.cancel(evicted), None);
        assert_eq!(drain(&mut queue), [1, 10]);
    }
}
