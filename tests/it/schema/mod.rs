//! The tables: the seed's statements and records, the twin migrations, the guards.

mod guards;
mod migrate;
mod parity;
mod peer;
mod races;
mod seed;
mod widening;
