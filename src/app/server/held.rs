//! Bytes that have arrived and that Actix may not have yet.

use std::sync::Arc;

use tokio::io::ReadBuf;

use super::{client_networks::Client, long_heads::LongHeads};

/// Memory that each connection may use here. Heads of browsers have up to about 2 kB. More of it is taken from
/// [`LongHeads`].
const FREE_BYTES: usize = 8 * 1024;

/// A queue of bytes. It has no memory while it is empty.
#[derive(Debug)]
pub(super) struct Held {
    bytes: Vec<u8>,
    start: usize,
    long_heads: Arc<LongHeads>,
    client: Option<Client>,
    /// What this queue has of the memory that all share.
    shared: usize,
}

impl Held {
    /// An empty queue of this client.
    pub fn new(long_heads: Arc<LongHeads>, client: Option<Client>) -> Self {
        Self { bytes: Vec::new(), start: 0, long_heads, client, shared: 0 }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    pub fn is_empty(&self) -> bool {
        self.bytes().is_empty()
    }

    pub fn len(&self) -> usize {
        self.bytes().len()
    }

    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..]
    }

    /// Appends bytes, unless the client or all clients together have used up the shared memory.
    #[must_use]
    pub fn push(&mut self, bytes: &[u8]) -> bool {
        // Otherwise a queue that is never empty would grow for as long as requests are pipelined.
        self.bytes.drain(..self.start);
        self.start = 0;
        self.bytes.extend_from_slice(bytes);
        let more = self.bytes.capacity().saturating_sub(FREE_BYTES + self.shared);
        if more == 0 {
            return true;
        }
        let is_taken = self.long_heads.take(self.client, more);
        if is_taken {
            self.shared += more;
        }
        is_taken
    }

    /// Removes bytes from the front.
    pub fn consume(&mut self, count: usize) {
        self.start += count;
        if self.is_empty() {
            self.clear();
        }
    }

    /// Moves up to `count` bytes from the front to the buffer, and returns how many.
    pub fn move_to(&mut self, buffer: &mut ReadBuf<'_>, count: usize) -> usize {
        let count = count.min(buffer.remaining()).min(self.len());
        buffer.put_slice(&self.bytes()[..count]);
        self.consume(count);
        count
    }

    /// Removes all, and frees the memory.
    pub fn clear(&mut self) {
        self.bytes = Vec::new();
        self.start = 0;
        if self.shared > 0 {
            self.long_heads.give_back(self.client, self.shared);
            self.shared = 0;
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queue_that_is_never_empty_does_not_grow() {
        let mut held = Held::new(Arc::default(), None);
        for _ in 0..1000 {
            assert!(held.push(&[0; 4096]));
            held.consume(held.len() - 1);
        }
        assert!(held.bytes.capacity() <= FREE_BYTES, "{}", held.bytes.capacity());
    }

    #[test]
    fn long_heads_share_memory_and_give_it_back() {
        let pool = Arc::new(LongHeads::default());
        let empty = || Held::new(Arc::clone(&pool), None);
        let head = vec![0; 32 * 1024];
        let fill = || {
            let mut long = Vec::new();
            loop {
                let mut next = empty();
                let is_taken = next.push(&head);
                long.push(next);
                if !is_taken {
                    return long;
                }
            }
        };
        let mut long = fill();
        assert!((1000..2000).contains(&long.len()), "{}", long.len());
        assert!(empty().push(&[0; 4096]), "short heads need no shared memory");
        long[0].consume(head.len());
        assert!(empty().push(&head));
        let count = long.len();
        drop(long);
        assert_eq!(fill().len(), count);
    }
}
