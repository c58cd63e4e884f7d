//! Sign-ins and sign-outs that PostgreSQL commits together: none gets in another's way, and what can't be done with the others is done
//! alone.

use std::{thread, time::Duration};

use diesel::{Connection, PgConnection, connection::SimpleConnection};
use keyrack::{
    accounts::{AuthenticationResult, Password},
    clock::Clock,
    error::Error,
    sessions::{EndReason, NewSession, Proof, Sid, UserId},
};
use tokio::task::JoinSet;

use super::session_fixture::{EMAIL, SessionFixture};
use crate::support::{EngineKind, PASSWORD, TestApp, wait, wait_until};

pub(super) const OTHER: &str = "asha.verma@example.com";

pub(super) fn rack() -> Option<SessionFixture> {
    EngineKind::Postgres.is_available().then(|| SessionFixture::new(EngineKind::Postgres))
}

/// The sign-in of somebody whose password was checked.
pub(super) fn proved(app: &TestApp, email: &str) -> NewSession {
    let outcome = wait(app.keyrack.accounts().authenticate(email, Password::new(PASSWORD), None)).unwrap();
    let AuthenticationResult::Accepted(found) = outcome else { panic!("{outcome:?}") };
    let proof = Proof { user: found.user, password_changed_at: found.password_changed_at };
    NewSession { proof: Some(proof.clone()), ..NewSession::of(proof.user.id) }
}

/// A transaction of a foreign hand, which stays open for as long as the value lives.
fn hold(rack: &SessionFixture, sql: &str) -> PgConnection {
    let mut connection = PgConnection::establish(rack.database().url()).unwrap();
    connection.batch_execute(&format!("BEGIN; {sql}")).unwrap();
    connection
}

/// How many statements that begin so wait for a lock.
fn blocked(rack: &SessionFixture, statement: &str) -> usize {
    let waiting = "WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0";
    rack.count("pg_stat_activity", &format!("{waiting} AND query LIKE '{statement}%'"))
}

const STARTING: &str = "WITH sign_in AS";
const ENDING: &str = "WITH sign_out AS";
const ALONE: &str = "UPDATE \"sessions\"";

/// In how many transactions these rows were last written.
fn transactions(rack: &SessionFixture) -> usize {
    rack.text("SELECT count(DISTINCT xmin::text)::text AS v FROM sessions").parse().unwrap()
}

const MANY: usize = 33;

#[test]
fn what_waits_together_is_committed_together() {
    let Some(rack) = rack() else { return };
    let new = proved(&rack, EMAIL);
    let all_at_once = |hold_up: &str, waiting: &str, work: &(dyn Fn(&mut JoinSet<Option<Sid>>) + Sync)| {
        let mut other = hold(&rack, hold_up);
        thread::scope(|scope| {
            let done = scope.spawn(|| {
                wait(async {
                    let mut asking = JoinSet::new();
                    work(&mut asking);
                    asking.join_all().await
                })
            });
            // The first went alone, and the others did not wait for it for ever.
            wait_until(|| blocked(&rack, waiting) >= 2);
            other.batch_execute("COMMIT").unwrap();
            done.join().unwrap()
        })
    };
    let sids = all_at_once("LOCK TABLE user_sessions IN EXCLUSIVE MODE", STARTING, &|asking| {
        for _ in 0..MANY {
            let (sessions, new) = (rack.sessions().clone(), new.clone());
            asking.spawn(async move { Some(sessions.start(new).await.unwrap().sid) });
        }
    });
    assert_eq!(rack.count("sessions", "WHERE status = 'active'"), MANY);
    assert!(transactions(&rack) <= MANY / 4, "{} transactions", transactions(&rack));
    let sids: Vec<Sid> = sids.into_iter().flatten().collect();
    for sid in &sids {
        assert_eq!(rack.resume(sid).unwrap().user.email, EMAIL);
    }

    all_at_once("LOCK TABLE user_sessions IN EXCLUSIVE MODE", ENDING, &|asking| {
        for sid in &sids {
            let (sessions, sid) = (rack.sessions().clone(), sid.clone());
            asking.spawn(async move {
                assert!(sessions.sign_out(&sid).await.unwrap().is_some());
                None
            });
        }
    });
    assert_eq!(rack.count("sessions", "WHERE status = 'logged_out' AND end_reason = 'signed_out'"), MANY);
    assert_eq!(rack.count("user_sessions", ""), 0);
    assert!(transactions(&rack) <= MANY / 4, "{} transactions", transactions(&rack));
}

#[test]
fn each_of_many_gets_what_is_theirs() {
    let Some(rack) = rack() else { return };
    let users: Vec<(UserId, NewSession)> = (0..8)
        .map(|number| {
            let email = format!("user{number}@example.com");
            (rack.add_user(&email), proved(&rack, &email))
        })
        .collect();
    let started = wait(async {
        let mut starting = JoinSet::new();
        for (number, (user, new)) in users.iter().cycle().take(80).enumerate() {
            let (sessions, user, mut new) = (rack.sessions().clone(), *user, new.clone());
            new.remember = number % 3 == 0;
            new.client.user_agent = (number % 5 > 0).then(|| format!("browser {number}"));
            starting.spawn(async move { (user, new.clone(), sessions.start(new).await.unwrap()) });
        }
        starting.join_all().await
    });
    for (user, new, started) in &started {
        let live = rack.resume(&started.sid).unwrap();
        assert_eq!((live.id, live.user.id), (started.id, *user));
        let row = rack.session(started.id);
        assert_eq!(row["user_agent"], serde_json::json!(new.client.user_agent));
        assert_eq!(row["remembered"], new.remember);
        assert_eq!(started.max_age.is_some(), new.remember);
    }
    // Each twice: of two, one has done it.
    let ended = wait(async {
        let mut ending = JoinSet::new();
        for (_, _, started) in started.iter().chain(&started) {
            let (sessions, started) = (rack.sessions().clone(), started.clone());
            ending.spawn(async move {
                let ended = sessions.sign_out(&started.sid).await.unwrap();
                assert!(ended.is_none_or(|ended| ended == started.id));
                ended
            });
        }
        ending.join_all().await
    });
    assert_eq!(ended.into_iter().flatten().count(), started.len());
    for (_, _, started) in &started {
        rack.assert_ended(started, "signed_out", rack.now());
    }
}

#[test]
fn a_user_who_is_being_changed_keeps_nobody_else_waiting() {
    let Some(rack) = rack() else { return };
    let other = rack.add_user(OTHER);
    let (new, changed) = (proved(&rack, EMAIL), proved(&rack, OTHER));
    let mut disabling = hold(&rack, &format!("UPDATE users SET disabled_at = now() WHERE id = '{other}'"));
    thread::scope(|scope| {
        let waiting = scope.spawn(|| rack.start(changed));
        rack.wait_until_blocked("SELECT%users%FOR NO KEY UPDATE");
        rack.start(new).unwrap();
        disabling.batch_execute("COMMIT").unwrap();
        let refused = waiting.join().unwrap();
        assert!(matches!(refused, Err(Error::SessionEnded)), "{refused:?}");
    });
    assert_eq!(rack.count("sessions", &format!("WHERE user_id = '{other}'")), 0);
}

#[test]
fn a_session_that_is_being_changed_keeps_no_other_sign_out_waiting() {
    let Some(rack) = rack() else { return };
    let (one, two) = (rack.sign_in(), rack.sign_in());
    let mut changing = hold(&rack, &format!("UPDATE sessions SET user_agent = 'x' WHERE id = '{}'", one.id));
    thread::scope(|scope| {
        let waiting = scope.spawn(|| wait(rack.sessions().sign_out(&one.sid)).unwrap());
        wait_until(|| blocked(&rack, ALONE) == 1);
        assert_eq!(wait(rack.sessions().sign_out(&two.sid)).unwrap(), Some(two.id));
        changing.batch_execute("COMMIT").unwrap();
        assert_eq!(waiting.join().unwrap(), Some(one.id));
    });
    rack.assert_ended(&one, "signed_out", rack.now());
    rack.assert_ended(&two, "signed_out", rack.now());
}

/// What proved the sign-in no longer holds, in each of the ways in which it may not.
#[test]
fn who_is_no_longer_as_they_were_found_does_not_come_in_with_the_others() {
    let Some(rack) = rack() else { return };
    let other = rack.add_user(OTHER);
    let (new, stale) = (proved(&rack, EMAIL), proved(&rack, OTHER));
    for change in ["disabled_at = now()", "password_changed_at = now()"] {
        rack.execute(&format!("UPDATE users SET {change} WHERE id = '{other}'"));
        let outcomes = wait(async {
            let mut starting = JoinSet::new();
            for new in [&new, &stale, &new, &stale, &new] {
                let (sessions, new) = (rack.sessions().clone(), new.clone());
                starting.spawn(async move { (new.user_id == other, sessions.start(new).await) });
            }
            starting.join_all().await
        });
        for (is_stale, outcome) in outcomes {
            assert_eq!(matches!(outcome, Err(Error::SessionEnded)), is_stale, "{change}: {outcome:?}");
        }
        rack.execute(&format!("UPDATE users SET disabled_at = NULL WHERE id = '{other}'"));
    }
    assert_eq!(rack.count("sessions", ""), 6);
    // Another name or role is no reason to refuse them: what is written is what is true now.
    let (user, renamed) = (rack.user, new);
    rack.execute(&format!("UPDATE users SET role = 'admin' WHERE id = '{user}'"));
    let started = rack.start(renamed).unwrap();
    assert!(rack.sess(&started.sid).contains(r#""admin""#), "{}", rack.sess(&started.sid));
}

#[test]
fn what_was_answered_with_try_again_is_not_committed_later() {
    let Some(rack) = rack() else { return };
    let (new, started) = (proved(&rack, EMAIL), rack.sign_in());
    let hasty = TestApp::over(rack.database(), Clock::fixed(rack.now()), |config| {
        config.database.timeout = Duration::from_millis(400);
    });
    let sessions = hasty.keyrack.sessions();
    let mut other = hold(&rack, "LOCK TABLE user_sessions IN EXCLUSIVE MODE");
    let refused = wait(sessions.start(new.clone()));
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    let refused = wait(sessions.sign_out(&started.sid));
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    assert_eq!((blocked(&rack, STARTING), blocked(&rack, ENDING)), (1, 1));
    other.batch_execute("ROLLBACK").unwrap();
    // They are over when their connections do nothing.
    let busy = "WHERE datname = current_database() AND state <> 'idle' AND query LIKE 'WITH %'";
    wait_until(|| rack.count("pg_stat_activity", busy) == 0);
    assert_eq!(rack.count("sessions", ""), 1);
    assert_eq!(rack.session(started.id)["status"], "active");
    // And nothing is left of it: the same connections serve the next.
    wait(sessions.start(new)).unwrap();
    assert_eq!(wait(sessions.sign_out(&started.sid)).unwrap(), Some(started.id));
}

#[test]
fn a_connection_that_was_cut_is_replaced_and_one_that_is_cut_at_work_changes_nothing() {
    let Some(rack) = rack() else { return };
    let new = proved(&rack, EMAIL);
    let cut = "SELECT pg_terminate_backend(pid, 10000)::text AS v FROM pg_stat_activity \
               WHERE datname = current_database() AND query <> '' AND pid <> pg_backend_pid() AND state LIKE 'idle%'";
    let mut other = hold(&rack, "LOCK TABLE user_sessions IN EXCLUSIVE MODE");
    thread::scope(|scope| {
        let starting = scope.spawn(|| rack.start(new.clone()));
        wait_until(|| blocked(&rack, STARTING) == 1);
        let at_work = cut.replace("state LIKE 'idle%'", "query LIKE 'WITH sign_in AS%'");
        assert_eq!(rack.texts(&at_work), ["true"]);
        // Nothing had happened, so it went the ordinary way.
        wait_until(|| blocked(&rack, "INSERT INTO \"user_sessions\"") == 1);
        other.batch_execute("COMMIT").unwrap();
        starting.join().unwrap().unwrap();
    });
    assert_eq!(rack.count("sessions", "WHERE status = 'active'"), 1);
    assert_eq!(rack.count("user_sessions", ""), 1);
    for _ in 0..3 {
        let started = rack.start(new.clone()).unwrap();
        assert!(rack.texts(cut).contains(&"true".to_owned()));
        assert_eq!(wait(rack.sessions().sign_out(&started.sid)).unwrap(), Some(started.id));
        assert!(rack.texts(cut).contains(&"true".to_owned()));
    }
    // Connections of other kinds were cut as well, which their next use finds out.
    wait_until(|| wait(rack.sessions().doctor(false)).is_ok());
}

/// Kept data, a limit, and a browser that has a session already take more than one statement: all of it still happens.
#[test]
fn what_takes_more_than_that_is_done_as_ever() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let rack = SessionFixture::with(EngineKind::Postgres, |config| config.policy.keep_ended_data = true);
    let new = proved(&rack, EMAIL);
    let first = rack.start(new.clone()).unwrap();
    let again = rack.start(NewSession { presented: Some(first.sid.clone()), ..new }).unwrap();
    assert_eq!(again.id, first.id);
    assert_ne!(again.sid, first.sid);
    assert_eq!(wait(rack.sessions().sign_out(&again.sid)).unwrap(), Some(first.id));
    assert_eq!(rack.data(&again.sid).unwrap()["sess"]["status"], "logout");
    assert_eq!(rack.session(first.id)["end_reason"], EndReason::SignedOut.as_str());
}
