//! axum + tower-sessions + its sqlx store, on PostgreSQL or SQLite.
//!
//! `peer-axum serve PORT DATABASE_URL` answers; `peer-axum fill DATABASE_URL COUNT FILE` stores sessions as the store
//! itself would, and writes a cookie a line to the file.

mod fill;
mod pages;

use std::str::FromStr;

use anyhow::{Context, Result, bail};
use sqlx::{
    PgPool, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions},
};
use tower_sessions_sqlx_store::{PostgresStore, SqliteStore};

/// Where sessions are kept.
enum Database {
    Postgres(PgPool),
    Sqlite(SqlitePool),
}

impl Database {
    async fn open(url: &str) -> Result<Self> {
        if url.starts_with("sqlite:") {
            // WAL is what everybody sets; the commit stays as durable as SQLite's default makes it.
            let options =
                SqliteConnectOptions::from_str(url)?.create_if_missing(true).journal_mode(SqliteJournalMode::Wal);
            let pool = SqlitePoolOptions::new().max_connections(10).connect_with(options).await?;
            SqliteStore::new(pool.clone()).migrate().await?;
            Ok(Self::Sqlite(pool))
        } else {
            let pool = PgPool::connect(url).await?;
            PostgresStore::new(pool.clone()).migrate().await?;
            Ok(Self::Postgres(pool))
        }
    }
}

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["serve", port, url] => {
            let listener = tokio::net::TcpListener::bind(("127.0.0.1", port.parse()?)).await?;
            let router = match Database::open(url).await? {
                Database::Postgres(pool) => pages::router(PostgresStore::new(pool)),
                Database::Sqlite(pool) => pages::router(SqliteStore::new(pool)),
            };
            axum::serve(listener, router).await.context("serving")
        }
        ["fill", url, count, file] => fill::fill(&Database::open(url).await?, count.parse()?, file).await,
        _ => bail!("use: serve PORT DATABASE_URL, or fill DATABASE_URL COUNT FILE"),
    }
}
