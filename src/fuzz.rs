//! Runs parsers on mutated inputs.
//!
//! Each target has a folder of inputs in `tests/corpus`: typical ones, and each input on which the target has once
//! failed. A run checks all of them, then changes them at random with proptest, which also shrinks an input that fails;
//! it is kept in the folder, so that it is checked from then on. Within the suite a run takes about a second;
//! `scripts/fuzz` runs for as long as it is told (`KEYRACK_FUZZ_SECONDS`, `KEYRACK_FUZZ_TARGET`) and prints figures.

use std::{
    cell::Cell,
    env, fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use proptest::{
    collection::vec,
    prelude::*,
    sample::Index,
    test_runner::{Config, TestCaseError, TestError, TestRunner},
};
use sha2::{Digest, Sha256};

/// The most executions of a target within the suite.
const SHORT_RUN_CASES: u64 = 2000;

/// How long a target runs within the suite. Its corpus is always checked.
const SHORT_RUN: Duration = Duration::from_secs(1);

/// Executions between two looks at the clock.
const BATCH_CASES: u32 = 100;

/// Inputs are not made longer, except by the corpus itself.
const MAX_INPUT_BYTES: usize = 8192;

/// A change of an input. Positions are relative to the input's length.
#[derive(Debug, Clone)]
enum Mutation {
    InsertToken(Index, Index),
    InsertBytes(Index, Vec<u8>),
    FlipBit(Index, u8),
    Remove(Index, usize),
    /// Repeats some bytes so many times.
    Repeat(Index, usize, usize),
    /// Goes on with the end of another input.
    Splice(Index, Index, Index),
}

fn any_mutation() -> impl Strategy<Value = Mutation> {
    let index = any::<Index>;
    prop_oneof![
        4 => (index(), index()).prop_map(|(at, token)| Mutation::InsertToken(at, token)),
        2 => (index(), vec(any::<u8>(), 1..6)).prop_map(|(at, bytes)| Mutation::InsertBytes(at, bytes)),
        2 => (index(), 0..8_u8).prop_map(|(at, bit)| Mutation::FlipBit(at, bit)),
        3 => (index(), 1..12_usize).prop_map(|(at, length)| Mutation::Remove(at, length)),
        1 => (index(), 1..40_usize, 1..60_usize).prop_map(|(at, length, times)| Mutation::Repeat(at, length, times)),
        2 => (index(), index(), index()).prop_map(|(at, other, from)| Mutation::Splice(at, other, from)),
    ]
}

/// Checks a target on its corpus and on mutated inputs. `tokens` are texts that mean something to it. `check` panics if
/// a property does not hold.
pub(crate) fn fuzz(target: &str, tokens: &[&str], check: impl Fn(&[u8])) {
    let setting = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    if setting("KEYRACK_FUZZ_TARGET").is_some_and(|only| only != target) {
        return;
    }
    let length = setting("KEYRACK_FUZZ_SECONDS").map(|seconds| Duration::from_secs(seconds.parse().unwrap()));
    let corpus = Corpus::read(target);
    for (path, input) in &corpus.inputs {
        let checked = catch_unwind(AssertUnwindSafe(|| check(input)));
        assert!(checked.is_ok(), "{target} fails on {}", path.display());
    }
    let (begun, executions) = (Instant::now(), Cell::new(0_u64));
    let strategy = (any::<Index>(), vec(any_mutation(), 0..8));
    loop {
        let config = Config { cases: BATCH_CASES, failure_persistence: None, ..Config::default() };
        let result = TestRunner::new(config).run(&strategy, |(seed, mutations)| {
            executions.set(executions.get() + 1);
            check(&corpus.mutated(seed, &mutations, tokens));
            Ok::<(), TestCaseError>(())
        });
        if let Err(TestError::Fail(reason, (seed, mutations))) = result {
            let input = corpus.mutated(seed, &mutations, tokens);
            let path = corpus.keep(&input);
            panic!("{target} fails: {reason}\non {:?}\nkept in {}", String::from_utf8_lossy(&input), path.display());
        }
        let is_short_run_over = length.is_none() && executions.get() >= SHORT_RUN_CASES;
        if is_short_run_over || begun.elapsed() >= length.unwrap_or(SHORT_RUN) {
            break;
        }
    }
    if length.is_some() {
        let rate = executions.get() * 1000 / u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
        println!("{target}: {} executions, {rate} per second, none failed", executions.get());
    }
}

/// The inputs of a target.
struct Corpus {
    folder: PathBuf,
    inputs: Vec<(PathBuf, Vec<u8>)>,
}

impl Corpus {
    fn read(target: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(target);
        let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut paths: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
        paths.sort();
        let inputs: Vec<_> = paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect();
        assert!(!inputs.is_empty(), "{} has no input", folder.display());
        Self { folder, inputs }
    }

    fn mutated(&self, seed: Index, mutations: &[Mutation], tokens: &[&str]) -> Vec<u8> {
        let mut input = seed.get(&self.inputs).1.clone();
        for mutation in mutations {
            self.mutate(&mut input, mutation, tokens);
        }
        input.truncate(input.len().min(MAX_INPUT_BYTES.max(seed.get(&self.inputs).1.len())));
        input
    }

    fn mutate(&self, input: &mut Vec<u8>, mutation: &Mutation, tokens: &[&str]) {
        let place = |at: &Index| at.index(input.len() + 1);
        match mutation {
            Mutation::InsertToken(_, _) if tokens.is_empty() => {}
            Mutation::InsertToken(at, token) => {
                let at = place(at);
                input.splice(at..at, token.get(tokens).bytes());
            }
            Mutation::InsertBytes(at, bytes) => {
                let at = place(at);
                input.splice(at..at, bytes.iter().copied());
            }
            Mutation::FlipBit(_, _) if input.is_empty() => {}
            Mutation::FlipBit(at, bit) => {
                let at = at.index(input.len());
                input[at] ^= 1 << bit;
            }
            Mutation::Remove(at, length) => {
                let at = place(at);
                let end = input.len().min(at + length);
                input.drain(at..end);
            }
            Mutation::Repeat(at, length, times) => {
                let at = place(at);
                let part = input[at..input.len().min(at + length)].repeat(*times);
                input.splice(at..at, part);
            }
            Mutation::Splice(at, other, from) => {
                let at = place(at);
                let other = &other.get(&self.inputs).1;
                input.truncate(at);
                input.extend(&other[from.index(other.len() + 1)..]);
            }
        }
    }

    /// Adds an input to the corpus.
    fn keep(&self, input: &[u8]) -> PathBuf {
        let hash = Sha256::digest(input);
        let path = self.folder.join(format!("found-{:02x}{:02x}{:02x}{:02x}", hash[0], hash[1], hash[2], hash[3]));
        fs::write(&path, input).unwrap();
        path
    }
}
