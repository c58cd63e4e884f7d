//! Tests through HTTP, on both engines. Each test has its own database and server; the files mirror the routes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod architecture;
mod asvs;
mod commands;
mod connections;
mod deploy;
mod embed;
mod events;
mod express;
mod express_import;
mod lifecycle;
mod mail;
mod routes;
mod schema;
mod sessions;
mod support;
mod takeover;
mod words;
