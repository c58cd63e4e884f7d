//! Sessions as the store would have written them, many at once.

use std::{
    collections::HashMap,
    fs::File,
    io::{BufWriter, Write},
};

use anyhow::Result;
use sqlx::types::time::OffsetDateTime;
use time::Duration;
use tower_sessions::session::{Id, Record};

use crate::Database;

/// Rows in one statement.
const BATCH: usize = 1000;

pub async fn fill(database: &Database, count: usize, file: &str) -> Result<()> {
    let mut cookies = BufWriter::new(File::create(file)?);
    let mut done = 0;
    while done < count {
        let batch = (done..count).take(BATCH).map(record).collect::<Result<Vec<_>>>()?;
        for record in &batch {
            writeln!(cookies, "id={}", record.id)?;
        }
        match database {
            Database::Postgres(pool) => {
                let ids: Vec<String> = batch.iter().map(|record| record.id.to_string()).collect();
                let data = batch.iter().map(rmp_serde::to_vec).collect::<Result<Vec<_>, _>>()?;
                let ends: Vec<OffsetDateTime> = batch.iter().map(|record| record.expiry_date).collect();
                sqlx::query(
                    "INSERT INTO tower_sessions.session (id, data, expiry_date) \
                     SELECT * FROM unnest($1::text[], $2::bytea[], $3::timestamptz[])",
                )
                .bind(ids)
                .bind(data)
                .bind(ends)
                .execute(pool)
                .await?;
            }
            Database::Sqlite(pool) => {
                let mut transaction = pool.begin().await?;
                for record in &batch {
                    sqlx::query("INSERT INTO tower_sessions (id, data, expiry_date) VALUES (?, ?, ?)")
                        .bind(record.id.to_string())
                        .bind(rmp_serde::to_vec(record)?)
                        .bind(record.expiry_date)
                        .execute(&mut *transaction)
                        .await?;
                }
                transaction.commit().await?;
            }
        }
        done += batch.len();
    }
    Ok(cookies.flush()?)
}

fn record(number: usize) -> Result<Record> {
    let who = who::Who::new(format!("user{:05}@example.com", number % 10_000));
    let value = serde_json::to_value(who)?;
    Ok(Record {
        id: Id::default(),
        data: HashMap::from([(who::KEY.to_owned(), value)]),
        expiry_date: OffsetDateTime::now_utc() + Duration::days(1),
    })
}
