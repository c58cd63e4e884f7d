//! The database of an Express application, taken over. PostgreSQL only: no Express application shares a SQLite database.

mod adopt;
mod express;
pub mod guide;
mod refused;
mod running;
mod shape;
mod view;
