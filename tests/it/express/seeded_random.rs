//! Reproducible random numbers.

use std::{env, time::SystemTime};

/// The seed of this run. It is printed if a test fails, and can be set by the variable.
pub fn seed() -> u64 {
    let by_time = || u64::from(SystemTime::UNIX_EPOCH.elapsed().unwrap().subsec_nanos());
    let seed = env::var("KEYRACK_TEST_SEED").ok().map_or_else(by_time, |seed| seed.parse().unwrap());
    println!("repeat with KEYRACK_TEST_SEED={seed}");
    seed
}

/// The generator `SplitMix64`: the same numbers everywhere for the same seed.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) >> 33).unwrap() % limit
    }

    pub fn one_of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }
}
