//! The tables: the seed's statements and records, the twin migrations, the guards.

mod guards;
pub mod migrate;
pub mod parity;
mod partitions;
pub mod peer;
mod races;
mod seed;
mod widening;
