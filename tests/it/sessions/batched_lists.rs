//! Concurrent lists, batched into one statement on PostgreSQL: each is of its own user and time.

use std::{cmp::Reverse, time::Duration};

use keyrack::{
    accounts::Password,
    clock::Clock,
    error::Error,
    sessions::{SessionId, UserId},
};
use tokio::task::JoinSet;

use super::session_fixture::{DAY, EMAIL, MINUTE, SessionFixture, just_before};
use crate::support::{EngineKind, PASSWORD, TestApp, on_both_engines, wait, wait_until};

on_both_engines!(
    concurrent_lists_each_show_their_own_user_in_order,
    batched_lists_each_use_their_own_time,
    outage_is_neither_empty_list_nor_wrong_password,
);

/// Reads the lists of these users concurrently.
fn lists_of(fixture: &SessionFixture, users: &[UserId]) -> Vec<Vec<SessionId>> {
    let answers = wait(async {
        let mut tasks = JoinSet::new();
        for (place, user) in users.iter().enumerate() {
            let (sessions, user) = (fixture.sessions().clone(), *user);
            tasks.spawn(async move { (place, user, sessions.live_of(user, None).await.unwrap().records) });
        }
        tasks.join_all().await
    });
    let mut lists: Vec<Vec<SessionId>> = vec![Vec::new(); users.len()];
    for (place, user, records) in answers {
        assert!(records.iter().all(|record| record.user_id == user));
        lists[place] = records.iter().map(|record| record.id).collect();
    }
    lists
}

fn concurrent_lists_each_show_their_own_user_in_order(engine: EngineKind) {
    const USERS: usize = 6;
    let fixture = SessionFixture::new(engine);
    let users: Vec<UserId> = (0..USERS).map(|number| fixture.add_user(&format!("user{number}@example.com"))).collect();
    let mut started = vec![Vec::new(); USERS];
    for round in 0..5 {
        // The first user has none; several sessions of the others have the same time of activity.
        for (number, user) in users.iter().enumerate().skip(1).filter(|(number, _)| number + round >= 4) {
            for _ in 0..2 {
                started[number].push(Reverse((fixture.now(), fixture.sign_in_as(*user).id)));
            }
        }
        wait(fixture.sessions().sign_out(&fixture.sign_in_as(users[0]).sid)).unwrap();
        fixture.clock.advance(MINUTE);
    }
    let expected: Vec<Vec<SessionId>> = started
        .into_iter()
        .map(|mut all| {
            all.sort_unstable();
            all.into_iter().map(|Reverse((_, id))| id).collect()
        })
        .collect();
    assert_eq!(expected.iter().map(Vec::len).collect::<Vec<_>>(), [0, 4, 6, 8, 10, 10]);
    // The same users repeatedly, and between them one who never had a session.
    let requested: Vec<UserId> =
        (0..200).map(|place| users.get(place * 5 % 8).copied().unwrap_or(fixture.user)).collect();
    for (place, list) in lists_of(&fixture, &requested).into_iter().enumerate() {
        assert_eq!(Some(list), expected.get(place * 5 % 8).cloned().or(Some(Vec::new())), "{place}");
    }
    if engine == EngineKind::Postgres {
        let connections = fixture.count(
            "pg_stat_activity",
            "WHERE datname = current_database() AND query LIKE 'SELECT batch.slot%\"user_id\" = batch.key%'",
        );
        assert!((1..=2).contains(&connections), "{connections} connections for 200 concurrent lists");
    }
}

fn batched_lists_each_use_their_own_time(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    fixture.sign_in();
    fixture.clock.advance(just_before(DAY));
    let counts = wait(async {
        let mut tasks = JoinSet::new();
        for place in 0..10 {
            let (sessions, clock, user) = (fixture.sessions().clone(), fixture.clock.clone(), fixture.user);
            tasks.spawn(async move {
                if place == 5 {
                    clock.advance(MINUTE);
                }
                (place, sessions.live_of(user, None).await.unwrap().records.len())
            });
        }
        tasks.join_all().await
    });
    for (place, count) in counts {
        assert_eq!(count, usize::from(place < 5), "{place}");
    }
}

fn outage_is_neither_empty_list_nor_wrong_password(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let session = fixture.sign_in();
    // Removing a SQLite file does not affect open connections, so this instance has not opened it yet.
    let other = TestApp::over(fixture.database(), Clock::fixed(fixture.now()), |config| {
        config.database.timeout = Duration::from_millis(500);
    });
    let (sessions, accounts) = (other.keyrack.sessions(), other.keyrack.accounts());
    let list = || wait(sessions.live_of(fixture.user, None));
    let proof = || wait(accounts.authenticate(EMAIL, Password::new(PASSWORD), None));
    if engine == EngineKind::Postgres {
        assert!(list().is_ok() && proof().is_ok(), "connected before");
    }
    fixture.database().take_offline();
    for _ in 0..3 {
        assert!(matches!(list(), Err(Error::Unavailable(_))));
        assert!(matches!(proof(), Err(Error::Unavailable(_))));
    }
    fixture.database().bring_online();
    wait_until(|| list().is_ok() && proof().is_ok());
    assert_eq!(list().unwrap().records.iter().map(|record| record.id).collect::<Vec<_>>(), [session.id]);
    // The fixture's own connections were cut as well.
    wait_until(|| wait(fixture.sessions().doctor(false)).is_ok());
}
