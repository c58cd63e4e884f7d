//! Importing the database of an Express application. PostgreSQL only: no Express application shares a SQLite database.

mod adopt;
mod findings;
mod fixture;
pub mod guide;
mod imported_schema;
mod quoted_names;
mod users_view;
mod while_in_use;
