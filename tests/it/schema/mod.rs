//! The schema: migrations, triggers, and the statements and records of the seed document.

mod concurrent_sets;
mod encoding;
mod forgotten_sids;
mod hostile_locks;
mod hostile_objects;
mod hostile_tables;
mod infinite_times;
mod late_set;
pub mod migrate;
pub mod parity;
mod partitions;
pub mod peer;
mod purge_beside_prune;
mod replace;
mod seed;
mod time_normalisation;
mod triggers;
