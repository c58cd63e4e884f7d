//! Bytes that have arrived and that Actix may not have yet.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tokio::io::ReadBuf;

/// Memory that each connection may use here. Heads of browsers have up to about 2 kB.
const FREE_BYTES: usize = 8 * 1024;

/// Memory that all connections together may use beyond that. Without a limit, half heads on all connections would need
/// half a gigabyte.
const MAX_LONG_HEADS_BYTES: usize = 32 * 1024 * 1024;

/// A queue of bytes. It has no memory while it is empty.
#[derive(Debug, Default)]
pub(super) struct Held {
    bytes: Vec<u8>,
    start: usize,
    /// What this queue has of the memory that all share.
    shared: usize,
}

impl Held {
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    pub fn is_empty(&self) -> bool {
        self.bytes().is_empty()
    }

    pub fn len(&self) -> usize {
        self.bytes().len()
    }

    /// Appends bytes, unless the shared memory is used up.
    #[must_use]
    pub fn push(&mut self, bytes: &[u8], long_heads: &AtomicUsize) -> bool {
        // Otherwise a queue that is never empty would grow for as long as requests are pipelined.
        self.bytes.drain(..self.start);
        self.start = 0;
        self.bytes.extend_from_slice(bytes);
        let shared = self.bytes.capacity().saturating_sub(FREE_BYTES);
        if shared > self.shared {
            let more = shared - self.shared;
            self.shared = shared;
            return long_heads.fetch_add(more, Relaxed) + more <= MAX_LONG_HEADS_BYTES;
        }
        true
    }

    /// Removes bytes from the front.
    pub fn consume(&mut self, count: usize, long_heads: &AtomicUsize) {
        self.start += count;
        if self.is_empty() {
            self.clear(long_heads);
        }
    }

    /// Moves up to `count` bytes from the front to the buffer, and returns how many.
    pub fn move_to(&mut self, buffer: &mut ReadBuf<'_>, count: usize, long_heads: &AtomicUsize) -> usize {
        let count = count.min(buffer.remaining()).min(self.len());
        buffer.put_slice(&self.bytes()[..count]);
        self.consume(count, long_heads);
        count
    }

    /// Removes all, and frees the memory.
    pub fn clear(&mut self, long_heads: &AtomicUsize) {
        if self.shared > 0 {
            long_heads.fetch_sub(self.shared, Relaxed);
        }
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queue_that_is_never_empty_does_not_grow() {
        let long_heads = AtomicUsize::new(0);
        let mut held = Held::default();
        for _ in 0..1000 {
            assert!(held.push(&[0; 4096], &long_heads));
            held.consume(held.len() - 1, &long_heads);
        }
        assert!(held.bytes.capacity() <= FREE_BYTES, "{}", held.bytes.capacity());
    }

    #[test]
    fn long_heads_share_memory_and_give_it_back() {
        let long_heads = AtomicUsize::new(0);
        let mut short = Held::default();
        assert!(short.push(&[0; 4096], &long_heads));
        assert_eq!(long_heads.load(Relaxed), 0);
        let mut long = (0..5000).map(|_| Held::default()).collect::<Vec<_>>();
        let head = vec![0; 32 * 1024];
        let accepted = long.iter_mut().filter_map(|held| held.push(&head, &long_heads).then_some(())).count();
        assert!((1000..2000).contains(&accepted), "{accepted}");
        assert!(short.push(&[0; 1024], &long_heads), "short heads need no shared memory");
        for held in &mut long {
            held.consume(32 * 1024, &long_heads);
        }
        assert_eq!(long_heads.load(Relaxed), 0);
    }
}
