//! Sessions as the store would have written them, many at once.

use std::{
    collections::HashMap,
    fs::File,
    io::{BufWriter, Write},
};

use actix_web::cookie::{Cookie, CookieJar};
use anyhow::Result;
use uuid::Uuid;
use who::{KEY, Who};

use crate::key;

/// Commands in one pipeline.
const BATCH: usize = 1000;

pub async fn fill(url: &str, count: usize, file: &str) -> Result<()> {
    let mut cookies = BufWriter::new(File::create(file)?);
    let mut connection = redis::Client::open(url)?.get_multiplexed_async_connection().await?;
    let secret = key();
    let mut done = 0;
    while done < count {
        let mut pipeline = redis::pipe();
        let size = BATCH.min(count - done);
        for number in done..done + size {
            // 64 letters and digits, as the store's own keys.
            let name = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
            let who = Who::new(format!("user{:05}@example.com", number % 10_000));
            let state = HashMap::from([(KEY, serde_json::to_string(&who)?)]);
            pipeline.cmd("SET").arg(&name).arg(serde_json::to_string(&state)?).arg("EX").arg(24 * 3600).ignore();
            let mut jar = CookieJar::new();
            jar.private_mut(&secret).add(Cookie::new("id", name));
            for cookie in jar.iter() {
                writeln!(cookies, "{}", cookie.encoded().stripped())?;
            }
        }
        pipeline.query_async::<()>(&mut connection).await?;
        done += size;
    }
    Ok(cookies.flush()?)
}
