//! Kills the server at random moments: every acknowledged sign-in works, every acknowledged end holds, and the tables
//! are consistent.
//!
//! Several simulated users use a real server while it is killed repeatedly; with a PostgreSQL of its own, every second
//! round kills that too. `KEYRACK_KILL_ROUNDS` sets the number of rounds; `scripts/kill-loop` runs a hundred.

use std::{
    fs::File,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use keyrack::{
    clock::Clock,
    db::{Database, DatabaseOptions},
    sessions::{Policy, Sessions},
};

use super::simulated_user::{AcknowledgedLog, SimulatedUser};
use crate::{
    embed::Example,
    support::{Cluster, EngineKind, TestDatabase, wait},
};

const USERS: u8 = 4;

#[test]
fn acknowledged_changes_survive_server_kills_on_sqlite() {
    kill_loop(&TestDatabase::new(EngineKind::Sqlite), None);
}

#[test]
fn acknowledged_changes_survive_kills_of_server_and_postgres() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let Some(cluster) = Cluster::start() else { return };
    kill_loop(&cluster.database(), Some(&cluster));
}

fn kill_loop(database: &TestDatabase, cluster: Option<&Cluster>) {
    let rounds = std::env::var("KEYRACK_KILL_ROUNDS").map_or(3, |rounds| rounds.parse().unwrap());
    let log = AcknowledgedLog::new(File::create(database.folder().join("acknowledged.log")).unwrap());
    let mut users: Vec<SimulatedUser> = (0..USERS).map(|number| SimulatedUser::new(database, number)).collect();
    let mut slowest = Duration::ZERO;
    for round in 0..rounds {
        let mut example = Example::start(database);
        use_until_killed(&mut example, &mut users, &log, round, cluster.filter(|_| round % 2 == 1));
        let started = Instant::now();
        if let Some(cluster) = cluster.filter(|_| round % 2 == 1) {
            cluster.start_again();
        }
        let example = Example::start(database);
        slowest = slowest.max(started.elapsed());
        for user in &mut users {
            user.verify(example.address);
        }
        assert_sound(database);
    }
    println!("{rounds} kills, {} answers acknowledged, restarted in at most {slowest:?}, 0 problems", log.lines());
}

/// Lets all users act until the server is killed, at a moment that none of them can foresee.
fn use_until_killed(
    example: &mut Example,
    users: &mut [SimulatedUser],
    log: &AcknowledgedLog,
    round: u64,
    cluster: Option<&Cluster>,
) {
    let (address, is_dead) = (example.address, AtomicBool::new(false));
    let users = users.iter_mut().map(Mutex::new).collect::<Vec<_>>();
    thread::scope(|scope| {
        for user in &users {
            let is_dead = &is_dead;
            scope.spawn(move || {
                let mut user = user.lock().unwrap();
                while !is_dead.load(Ordering::SeqCst) {
                    user.act(address, log);
                }
            });
        }
        // The log grows independently of what the server is doing, so this is a random moment.
        let target = log.lines() + 10 + usize::try_from(round * 7 % 30).unwrap();
        while log.lines() < target {
            thread::yield_now();
        }
        if let Some(cluster) = cluster {
            cluster.stop_immediately();
        }
        example.kill();
        is_dead.store(true, Ordering::SeqCst);
    });
}

fn assert_sound(database: &TestDatabase) {
    let handle = Database::open(DatabaseOptions::for_command(database.parsed_url()));
    let report = wait(Sessions::new(handle, Clock::System, Policy::default()).doctor(false)).unwrap();
    assert!(report.breaches.is_empty(), "{:#?}", report.breaches);
}
