//! The tables: the seed's statements and records, the twin migrations, the guards.

mod first_sets;
mod guards;
pub mod migrate;
pub mod parity;
mod partitions;
pub mod peer;
mod prune;
mod races;
mod seed;
mod widening;
