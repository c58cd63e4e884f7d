//! Keyrack beside a real Express application: one database, one secret, one cookie jar.
//!
//! Both use the machine's clock, as the database does. To let time pass, the tests change the times in the tables.

mod concurrency;
mod cookie;
mod data;
mod ending;
mod example;
mod expiry;
mod going_back;
mod malformed_data;
mod one_time_password;
mod pair;
mod random_steps;
mod roles;
mod seeded_random;
mod sign_in;
