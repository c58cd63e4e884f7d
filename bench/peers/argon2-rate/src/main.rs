//! Measures the rate of argon2id: `argon2-rate rate M T P SECONDS` hashes on every core and prints hashes per second.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use argon2::{Algorithm, Argon2, Block, Params, Version};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ["rate", m, t, p, seconds] = arguments[..] else { bail!("use: rate M T P SECONDS") };
    let params = Params::new(m.parse()?, t.parse()?, p.parse()?, None).map_err(|error| anyhow::anyhow!("{error}"))?;
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    println!("{:.2}", rate(&hasher, params.block_count(), Duration::from_secs_f64(seconds.parse()?))?);
    Ok(())
}

/// Returns hashes per second on all cores together. Each core reuses its memory.
fn rate(hasher: &Argon2<'_>, blocks: usize, time: Duration) -> Result<f64> {
    let cores = thread::available_parallelism()?.get();
    let hash_on_one = || -> Result<f64> {
        let mut memory = vec![Block::new(); blocks];
        let mut out = [0; 32];
        let (started, mut count) = (Instant::now(), 0_u32);
        while started.elapsed() < time {
            hasher
                .hash_password_into_with_memory(
                    b"correct horse battery staple",
                    b"a salt of 16 byt",
                    &mut out,
                    &mut memory,
                )
                .map_err(|error| anyhow::anyhow!("{error}"))?;
            count += 1;
        }
        Ok(f64::from(count) / started.elapsed().as_secs_f64())
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(hash_on_one)).collect();
        threads.into_iter().map(|thread| thread.join().ok().context("a thread died")?).sum()
    })
}
