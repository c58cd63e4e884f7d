//! Lists that are asked for at the same moment, and share a statement where they can: nobody gets another's, nor an older one.

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
    many_lists_at_once_are_each_their_users_own_in_order,
    each_list_is_of_its_own_moment,
    an_outage_is_neither_an_empty_list_nor_a_wrong_password,
);

/// The lists of these users, all asked for before the first is answered.
fn lists_of(rack: &SessionFixture, users: &[UserId]) -> Vec<Vec<SessionId>> {
    let answers = wait(async {
        let mut asking = JoinSet::new();
        for (place, user) in users.iter().enumerate() {
            let (sessions, user) = (rack.sessions().clone(), *user);
            asking.spawn(async move { (place, user, sessions.active_of(user).await.unwrap()) });
        }
        asking.join_all().await
    });
    let mut lists: Vec<Vec<SessionId>> = vec![Vec::new(); users.len()];
    for (place, user, records) in answers {
        assert!(records.iter().all(|record| record.user_id == user));
        lists[place] = records.iter().map(|record| record.id).collect();
    }
    lists
}

fn many_lists_at_once_are_each_their_users_own_in_order(engine: EngineKind) {
    const USERS: usize = 6;
    let rack = SessionFixture::new(engine);
    let users: Vec<UserId> = (0..USERS).map(|number| rack.add_user(&format!("user{number}@example.com"))).collect();
    let mut started = vec![Vec::new(); USERS];
    for round in 0..5 {
        // The first user has none; of the others' sessions, several are active at the same moment.
        for (number, user) in users.iter().enumerate().skip(1).filter(|(number, _)| number + round >= 4) {
            for _ in 0..2 {
                started[number].push((Reverse(rack.now()), rack.sign_in_as(*user).id));
            }
        }
        wait(rack.sessions().sign_out(&rack.sign_in_as(users[0]).sid)).unwrap();
        rack.clock.advance(MINUTE);
    }
    let expected: Vec<Vec<SessionId>> = started
        .into_iter()
        .map(|mut all| {
            all.sort_unstable();
            all.into_iter().map(|(_, id)| id).collect()
        })
        .collect();
    assert_eq!(expected.iter().map(Vec::len).collect::<Vec<_>>(), [0, 4, 6, 8, 10, 10]);
    // The same users again and again, and between them one who never had a session.
    let asked: Vec<UserId> = (0..200).map(|place| users.get(place * 5 % 8).copied().unwrap_or(rack.user)).collect();
    for (place, list) in lists_of(&rack, &asked).into_iter().enumerate() {
        assert_eq!(Some(list), expected.get(place * 5 % 8).cloned().or(Some(Vec::new())), "{place}");
    }
    if engine == EngineKind::Postgres {
        let connections = rack.count(
            "pg_stat_activity",
            "WHERE datname = current_database() AND query LIKE 'SELECT batch.slot%\"user_id\" = batch.key%'",
        );
        assert!((1..=2).contains(&connections), "{connections} connections for 200 lists at once");
    }
}

fn each_list_is_of_its_own_moment(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    rack.sign_in();
    rack.clock.advance(just_before(DAY));
    let counts = wait(async {
        let mut asking = JoinSet::new();
        for place in 0..10 {
            let (sessions, clock, user) = (rack.sessions().clone(), rack.clock.clone(), rack.user);
            asking.spawn(async move {
                if place == 5 {
                    clock.advance(MINUTE);
                }
                (place, sessions.active_of(user).await.unwrap().len())
            });
        }
        asking.join_all().await
    });
    for (place, count) in counts {
        assert_eq!(count, usize::from(place < 5), "{place}");
    }
}

fn an_outage_is_neither_an_empty_list_nor_a_wrong_password(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let session = rack.sign_in();
    // A SQLite file that is open can't go away: this instance has not opened it yet.
    let other = TestApp::over(rack.database(), Clock::fixed(rack.now()), |config| {
        config.database.timeout = Duration::from_millis(500);
    });
    let (sessions, accounts) = (other.keyrack.sessions(), other.keyrack.accounts());
    let list = || wait(sessions.active_of(rack.user));
    let proof = || wait(accounts.authenticate(EMAIL, Password::new(PASSWORD), None));
    if engine == EngineKind::Postgres {
        assert!(list().is_ok() && proof().is_ok(), "connected before");
    }
    rack.database().take_offline();
    for _ in 0..3 {
        assert!(matches!(list(), Err(Error::Unavailable(_))));
        assert!(matches!(proof(), Err(Error::Unavailable(_))));
    }
    rack.database().bring_online();
    wait_until(|| list().is_ok() && proof().is_ok());
    assert_eq!(list().unwrap().iter().map(|record| record.id).collect::<Vec<_>>(), [session.id]);
    // The connections that the other instance had were cut as well.
    wait_until(|| wait(rack.sessions().doctor(false)).is_ok());
}
