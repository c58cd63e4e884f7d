//! Who is next: a bounded queue in which clients take turns.
//!
//! Each client has a line of its own, and the lines are served one after the other, one place each. Whoever sends a
//! thousand guesses waits behind their own, and the one sign-in of somebody else is next but one.

use std::collections::VecDeque;

/// The queue. `C` tells clients apart, `T` is what waits.
#[derive(Debug)]
pub(super) struct Turns<C, T> {
    /// In the order in which they are served; none is empty.
    lines: VecDeque<Line<C, T>>,
    waiting: usize,
    capacity: usize,
    next_number: u64,
}

#[derive(Debug)]
struct Line<C, T> {
    client: C,
    waiting: VecDeque<(u64, T)>,
}

/// A place in the queue, to give it up again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ticket<C> {
    client: C,
    number: u64,
}

impl<C: Copy + PartialEq, T> Turns<C, T> {
    /// An empty queue for at most `capacity` in all.
    pub fn new(capacity: usize) -> Self {
        Self { lines: VecDeque::new(), waiting: 0, capacity, next_number: 0 }
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting
    }

    /// Whether somebody of this client who came now would be turned away.
    pub fn is_closed_to(&self, client: C) -> bool {
        let own = self.lines.iter().find(|line| line.client == client).map_or(0, |line| line.waiting.len());
        self.waiting >= self.capacity && self.lines.iter().all(|line| line.waiting.len() <= own + 1)
    }

    /// Takes the last place of the client's line. If the queue is full, somebody has to go, who is returned: the last of the
    /// longest line, or the newcomer, if no line is longer than theirs would become. So a client may have the whole queue as
    /// long as nobody else wants it, and an equal share of it when others do.
    pub fn join(&mut self, client: C, item: T) -> (Ticket<C>, Option<T>) {
        let number = self.next_number;
        self.next_number += 1;
        let ticket = Ticket { client, number };
        let mut turned_away = None;
        if self.waiting >= self.capacity {
            let own = self.line(client).map_or(0, |line| line.waiting.len());
            let longest = self.lines.iter_mut().max_by_key(|line| line.waiting.len());
            match longest.filter(|longest| longest.waiting.len() > own + 1).and_then(|line| line.waiting.pop_back()) {
                Some((_, last)) => turned_away = Some(last),
                None => return (ticket, Some(item)),
            }
            self.waiting -= 1;
        }
        self.waiting += 1;
        match self.line(client) {
            Some(line) => line.waiting.push_back((number, item)),
            None => self.lines.push_back(Line { client, waiting: VecDeque::from([(number, item)]) }),
        }
        (ticket, turned_away)
    }

    /// Whose turn it is.
    pub fn next(&mut self) -> Option<T> {
        let mut line = self.lines.pop_front()?;
        let (_, item) = line.waiting.pop_front()?;
        self.waiting -= 1;
        if !line.waiting.is_empty() {
            self.lines.push_back(line);
        }
        Some(item)
    }

    /// Gives a place up, and returns what waited there; `None` if it is no longer waiting.
    pub fn leave(&mut self, ticket: Ticket<C>) -> Option<T> {
        let place = self.lines.iter().position(|line| line.client == ticket.client)?;
        let line = &mut self.lines[place].waiting;
        let at = line.iter().position(|(number, _)| *number == ticket.number)?;
        let (_, item) = line.remove(at)?;
        self.waiting -= 1;
        if line.is_empty() {
            self.lines.remove(place);
        }
        Some(item)
    }

    fn line(&mut self, client: C) -> Option<&mut Line<C, T>> {
        self.lines.iter_mut().find(|line| line.client == client)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(turns: &mut Turns<char, u32>) -> Vec<u32> {
        let served: Vec<u32> = std::iter::from_fn(|| turns.next()).collect();
        assert_eq!((turns.len(), turns.lines.len()), (0, 0), "nothing is left behind");
        served
    }

    #[test]
    fn one_client_is_served_in_the_order_of_coming() {
        let mut turns = Turns::new(10);
        for n in 1..=5 {
            assert_eq!(turns.join('a', n).1, None);
        }
        assert_eq!(turns.len(), 5);
        assert_eq!(served(&mut turns), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn clients_take_turns_however_many_each_sends() {
        let mut turns = Turns::new(1000);
        for n in 0..200 {
            turns.join('a', n);
        }
        assert_eq!(turns.next(), Some(0));
        turns.join('b', 1000);
        turns.join('c', 2000);
        turns.join('c', 2001);
        let order: Vec<u32> = std::iter::from_fn(|| turns.next()).take(7).collect();
        assert_eq!(order, [1, 1000, 2000, 2, 2001, 3, 4]);
    }

    #[test]
    fn who_would_be_turned_away_can_be_told_before() {
        let mut turns = Turns::new(4);
        for n in 0..6 {
            for client in ['a', 'b', 'a'] {
                let closed = turns.is_closed_to(client);
                let is_newcomer = turns.join(client, n).1.is_some() && closed;
                assert_eq!(closed, is_newcomer, "{client} {n}");
            }
        }
        assert!(turns.is_closed_to('a') && turns.is_closed_to('b') && !turns.is_closed_to('c'));
    }

    #[test]
    fn who_comes_back_is_behind_who_waits() {
        let mut turns = Turns::new(10);
        turns.join('a', 1);
        turns.join('b', 10);
        assert_eq!(turns.next(), Some(1));
        turns.join('a', 2);
        turns.join('c', 20);
        assert_eq!(served(&mut turns), [10, 2, 20]);
    }

    #[test]
    fn a_full_queue_turns_away_the_client_who_filled_it() {
        let mut turns = Turns::new(4);
        for n in 1..=4 {
            assert_eq!(turns.join('a', n).1, None, "alone, a client may have all of it");
        }
        assert_eq!(turns.join('a', 5).1, Some(5));
        assert_eq!(turns.join('b', 10).1, Some(4), "another takes the last place of the longest line");
        assert_eq!(turns.join('b', 11).1, Some(3));
        assert_eq!(turns.join('b', 12).1, Some(12), "and has an equal share, not more");
        assert_eq!(turns.join('a', 6).1, Some(6));
        assert_eq!(turns.len(), 4);
        assert_eq!(served(&mut turns), [1, 10, 2, 11]);
    }

    #[test]
    fn as_many_clients_as_places_leave_none_for_another() {
        let mut turns = Turns::new(3);
        for (client, n) in [('a', 1), ('b', 2), ('c', 3)] {
            assert_eq!(turns.join(client, n).1, None);
        }
        assert_eq!(turns.join('d', 4).1, Some(4));
        assert_eq!(served(&mut turns), [1, 2, 3]);
    }

    #[test]
    fn who_leaves_is_not_served_and_makes_room() {
        let mut turns = Turns::new(3);
        let (first, _) = turns.join('a', 1);
        let (second, _) = turns.join('a', 2);
        let (only, _) = turns.join('b', 10);
        assert_eq!(turns.leave(second), Some(2));
        assert_eq!(turns.leave(second), None, "once only");
        assert_eq!(turns.leave(only), Some(10));
        assert_eq!(turns.join('b', 11).1, None);
        assert_eq!(turns.next(), Some(1));
        assert_eq!(turns.leave(first), None, "served already");
        assert_eq!(served(&mut turns), [11]);
    }

    #[test]
    fn who_was_turned_away_has_no_place_to_leave() {
        let mut turns = Turns::new(1);
        turns.join('a', 1);
        let (refused, item) = turns.join('a', 2);
        assert_eq!(item, Some(2));
        assert_eq!(turns.leave(refused), None);
        assert_eq!(served(&mut turns), [1]);
    }
}
