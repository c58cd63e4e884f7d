//! Keyrack beside a real Express application: one database, one secret, one cookie jar.
//!
//! Both tell time by the machine's clock, as the database does, so the tests move times in the tables instead.

mod broken;
mod concurrency;
mod cookie;
mod data;
mod ends;
mod example;
mod expiry;
mod fuzz;
mod guide;
mod pair;
mod random;
mod roles;
mod sign_in;
