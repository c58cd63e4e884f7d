//! Killed at any moment: every acknowledged sign-in works, every acknowledged end holds, and the tables are sound.
//!
//! Several people use a real server at once while it is killed again and again, and with it, every other time, the database.
//! `KEYRACK_KILL_ROUNDS` sets how often; `scripts/kill-loop` runs a hundred.

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

use super::simulated_user::{Log, Person};
use crate::{
    embed::Example,
    support::{Cluster, EngineKind, TestDatabase, wait},
};

const PEOPLE: u8 = 4;

#[test]
fn sqlite_survives_kills_of_the_server() {
    kill_loop(&TestDatabase::new(EngineKind::Sqlite), None);
}

#[test]
fn postgresql_survives_kills_of_the_server_and_of_itself() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let Some(cluster) = Cluster::start() else { return };
    kill_loop(&cluster.database(), Some(&cluster));
}

fn kill_loop(database: &TestDatabase, cluster: Option<&Cluster>) {
    let rounds = std::env::var("KEYRACK_KILL_ROUNDS").map_or(3, |rounds| rounds.parse().unwrap());
    let log = Log::new(File::create(database.folder().join("acknowledged.log")).unwrap());
    let mut people: Vec<Person> = (0..PEOPLE).map(|number| Person::new(database, number)).collect();
    let mut slowest = Duration::ZERO;
    for round in 0..rounds {
        let mut example = Example::start(database);
        use_until_killed(&mut example, &mut people, &log, round, cluster.filter(|_| round % 2 == 1));
        let started = Instant::now();
        if let Some(cluster) = cluster.filter(|_| round % 2 == 1) {
            cluster.start_again();
        }
        let example = Example::start(database);
        slowest = slowest.max(started.elapsed());
        for person in &mut people {
            person.verify(example.address);
        }
        assert_sound(database);
    }
    println!("{rounds} kills, {} answers acknowledged, back in at most {slowest:?}, 0 breaches", log.lines());
}

/// Everybody goes on until the server is dead, which happens at a moment that no one knows.
fn use_until_killed(example: &mut Example, people: &mut [Person], log: &Log, round: u64, cluster: Option<&Cluster>) {
    let (address, is_dead) = (example.address, AtomicBool::new(false));
    let people = people.iter_mut().map(Mutex::new).collect::<Vec<_>>();
    thread::scope(|scope| {
        for person in &people {
            let is_dead = &is_dead;
            scope.spawn(move || {
                let mut person = person.lock().unwrap();
                while !is_dead.load(Ordering::SeqCst) {
                    person.act(address, log);
                }
            });
        }
        // The acknowledged log grows at a pace of its own, so waiting for it is a random moment in every other respect.
        let wanted = log.lines() + 10 + usize::try_from(round * 7 % 30).unwrap();
        while log.lines() < wanted {
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
