//! The tables: the seed's statements and records, the twin migrations, the guards.

mod concurrent_sets;
mod guards;
pub mod migrate;
pub mod parity;
mod partitions;
pub mod peer;
mod prune;
mod races;
mod seed;
mod time_normalisation;
