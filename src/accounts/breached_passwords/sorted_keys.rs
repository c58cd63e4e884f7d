//! Sorts any number of keys in bounded memory: sorted runs in a temporary file, which are merged.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fs::File,
    io::{self, BufWriter, Write},
    mem,
    os::unix::fs::FileExt,
    sync::Arc,
    vec,
};

/// Bytes of a key in the temporary file.
const KEY_BYTES: usize = 8;

/// Bytes that are read from a run at a time. 120 runs, for a billion keys, have 8 MiB.
const READ_BYTES: usize = 64 << 10;

/// Bytes that are collected before they are written.
const WRITE_BYTES: usize = 1 << 20;

/// Collects keys in any order.
pub(super) struct KeySorter {
    keys: Vec<u64>,
    max_keys: usize,
    /// The temporary file, which is nowhere in the file system's tree.
    file: File,
    /// The bytes of each run, one after the other in the file.
    run_bytes: Vec<u64>,
}

impl KeySorter {
    /// Keeps up to `max_keys` keys in memory, and the others in `file`.
    pub fn new(file: File, max_keys: usize) -> Self {
        Self { keys: Vec::new(), max_keys, file, run_bytes: Vec::new() }
    }

    pub fn push(&mut self, key: u64) -> io::Result<()> {
        if self.keys.len() >= self.max_keys {
            self.write_run()?;
        }
        self.keys.push(key);
        Ok(())
    }

    fn write_run(&mut self) -> io::Result<()> {
        sort(&mut self.keys);
        self.run_bytes.push(self.keys.len() as u64 * KEY_BYTES as u64);
        let mut out = BufWriter::with_capacity(WRITE_BYTES, &mut self.file);
        for key in self.keys.drain(..) {
            out.write_all(&key.to_le_bytes())?;
        }
        out.flush()
    }

    /// The keys in their order, each once.
    pub fn finish(mut self) -> io::Result<SortedKeys> {
        if self.run_bytes.is_empty() {
            sort(&mut self.keys);
            return Ok(SortedKeys::InMemory(self.keys.into_iter()));
        }
        self.write_run()?;
        drop(mem::take(&mut self.keys));
        let file = Arc::new(self.file);
        let mut position = 0;
        let runs = self.run_bytes.iter().map(|bytes| {
            let start = position;
            position += bytes;
            Run { file: Arc::clone(&file), position: start, end: position, buffer: Vec::new().into_iter() }
        });
        Merge::new(runs.collect()).map(SortedKeys::Merged)
    }
}

fn sort(keys: &mut Vec<u64>) {
    keys.sort_unstable();
    keys.dedup();
}

/// Sorted keys.
pub(super) enum SortedKeys {
    InMemory(vec::IntoIter<u64>),
    Merged(Merge),
}

impl SortedKeys {
    /// At least the number of keys; the same key may count once for each run.
    pub fn max_count(&self) -> u64 {
        match self {
            Self::InMemory(keys) => keys.len() as u64,
            Self::Merged(merge) => merge.max_count,
        }
    }

    /// The next key; `None` after the last.
    pub fn next(&mut self) -> io::Result<Option<u64>> {
        match self {
            Self::InMemory(keys) => Ok(keys.next()),
            Self::Merged(merge) => merge.next(),
        }
    }
}

/// Merges sorted runs.
pub(super) struct Merge {
    runs: Vec<Run>,
    /// The next key of each run that has one, the smallest first.
    heads: BinaryHeap<Reverse<(u64, usize)>>,
    max_count: u64,
}

impl Merge {
    fn new(mut runs: Vec<Run>) -> io::Result<Self> {
        let max_count = runs.iter().map(|run| (run.end - run.position) / KEY_BYTES as u64).sum();
        let mut heads = BinaryHeap::new();
        for (number, run) in runs.iter_mut().enumerate() {
            if let Some(key) = run.next()? {
                heads.push(Reverse((key, number)));
            }
        }
        Ok(Self { runs, heads, max_count })
    }

    fn next(&mut self) -> io::Result<Option<u64>> {
        let Some(key) = self.heads.peek().map(|Reverse((key, _))| *key) else { return Ok(None) };
        while let Some(mut head) = self.heads.peek_mut() {
            let Reverse((smallest, number)) = *head;
            if smallest != key {
                break;
            }
            match self.runs[number].next()? {
                Some(next) => *head = Reverse((next, number)),
                None => drop(std::collections::binary_heap::PeekMut::pop(head)),
            }
        }
        Ok(Some(key))
    }
}

/// A sorted part of the temporary file.
struct Run {
    file: Arc<File>,
    position: u64,
    end: u64,
    buffer: vec::IntoIter<u64>,
}

impl Run {
    fn next(&mut self) -> io::Result<Option<u64>> {
        if self.buffer.len() == 0 && self.position < self.end {
            let left = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
            let mut bytes = vec![0; left.min(READ_BYTES)];
            self.file.read_exact_at(&mut bytes, self.position)?;
            self.position += bytes.len() as u64;
            let (keys, _) = bytes.as_chunks::<KEY_BYTES>();
            self.buffer = keys.iter().map(|key| u64::from_le_bytes(*key)).collect::<Vec<_>>().into_iter();
        }
        Ok(self.buffer.next())
    }
}
