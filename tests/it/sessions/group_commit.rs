//! Group commit of sign-ins and sign-outs on PostgreSQL: none blocks another, and those that cannot be grouped run
//! alone.

use std::{thread, time::Duration};

use diesel::{Connection, PgConnection, connection::SimpleConnection};
use keyrack::{
    accounts::{AuthenticationResult, Password},
    clock::Clock,
    error::Error,
    sessions::{EndReason, IssuedSession, NewSession, Proof, SentForm, SessionId, UserId, WayIn},
};
use tokio::task::JoinSet;

use super::session_fixture::{EMAIL, SessionFixture};
use crate::support::{EngineKind, PASSWORD, TestApp, wait, wait_until};

pub(super) const OTHER: &str = "asha.verma@example.com";

pub(super) fn postgres_fixture() -> Option<SessionFixture> {
    EngineKind::Postgres.is_available().then(|| SessionFixture::new(EngineKind::Postgres))
}

/// A sign-in with a checked password.
pub(super) fn proved(app: &TestApp, email: &str) -> NewSession {
    let outcome = wait(app.keyrack.accounts().authenticate(email, Password::new(PASSWORD), None)).unwrap();
    let AuthenticationResult::Accepted(found) = outcome else { panic!("{outcome:?}") };
    let proof = Proof {
        user: found.user,
        password_changed_at: found.password_changed_at,
        must_change_password: false,
        way_in: WayIn::Password(None),
        passkey: None,
        second_factor: None,
    };
    NewSession { proof: Some(proof.clone()), ..NewSession::of(proof.user.id) }
}

/// Opens a transaction of another client. It stays open until the connection is dropped. Call it within the
/// `thread::scope` of the writes that it blocks: a failed assertion then drops it before the scope waits for them.
fn hold(fixture: &SessionFixture, sql: &str) -> PgConnection {
    let mut connection = PgConnection::establish(fixture.database().url()).unwrap();
    connection.batch_execute(&format!("BEGIN; {sql}")).unwrap();
    connection
}

/// Counts the statements with this beginning that wait for a lock; "" counts all.
fn blocked(fixture: &SessionFixture, statement: &str) -> usize {
    let waiting = "WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0";
    fixture.count("pg_stat_activity", &format!("{waiting} AND query LIKE '{statement}%'"))
}

const STARTING: &str = "WITH candidate AS";
const ENDING: &str = "WITH sign_out AS";
const ENDING_ALONE: &str = "UPDATE \"sessions\"";

/// Counts the transactions that last wrote the rows of these sessions.
fn transactions(fixture: &SessionFixture, ids: &[SessionId]) -> usize {
    let ids: Vec<String> = ids.iter().map(|id| format!("'{id}'")).collect();
    let rows = format!("FROM sessions WHERE id IN ({})", ids.join(", "));
    fixture.text(&format!("SELECT count(DISTINCT xmin::text)::text AS v {rows}")).parse().unwrap()
}

const MANY: usize = 33;
const MAX_SHARED_TRANSACTIONS: usize = MANY / 4;

/// Submits `MANY` writes while data is locked, releases the lock once two transactions wait for it, and returns the
/// results.
fn write_while_locked<T, F>(fixture: &SessionFixture, write: impl Fn(usize) -> F + Sync) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    thread::scope(|scope| {
        let mut other = hold(fixture, "LOCK TABLE user_sessions IN EXCLUSIVE MODE");
        let done = scope.spawn(|| wait(async { (0..MANY).map(&write).collect::<JoinSet<T>>().join_all().await }));
        // The first write forms a batch alone; the others form another one without waiting for it. On a busy machine
        // the second transaction may be that of a single write.
        wait_until(|| blocked(fixture, "") >= 2 || done.is_finished());
        other.batch_execute("COMMIT").unwrap();
        done.join().unwrap()
    })
}

#[test]
fn concurrent_writes_share_transactions() {
    let Some(fixture) = postgres_fixture() else { return };
    // Of different users: sign-ins of one user exclude each other.
    let users: Vec<String> = (0..MANY).map(|number| format!("user{number}@example.com")).collect();
    let sign_in = |email: &String| {
        fixture.add_user(email);
        proved(&fixture, email)
    };
    let all: Vec<NewSession> = users.iter().map(sign_in).collect();
    let mut found = Vec::new();
    // A write that no batch takes for 300 ms uses a transaction of its own, as it must while the database hangs. On a
    // busy machine the lock may be held that long, so a few attempts are made.
    for _ in 0..10 {
        let started = write_while_locked(&fixture, |number| {
            let (sessions, new) = (fixture.sessions().clone(), all[number].clone());
            async move { sessions.start(new).await.unwrap() }
        });
        assert_eq!(fixture.count("sessions", "WHERE status = 'active'"), MANY);
        for session in &started {
            assert!(users.contains(&fixture.resume(&session.sid).unwrap().user.email));
        }
        let ids: Vec<SessionId> = started.iter().map(|session| session.id).collect();
        let starting = transactions(&fixture, &ids);

        let ended = write_while_locked(&fixture, |number| {
            let (sessions, sid) = (fixture.sessions().clone(), started[number].sid.clone());
            async move { sessions.sign_out(&sid).await.unwrap().is_some() }
        });
        assert!(ended.iter().all(|is_ended| *is_ended));
        assert_eq!(fixture.count("sessions", "WHERE status = 'active'"), 0);
        assert_eq!(fixture.count("user_sessions", ""), 0);
        found.push((starting, transactions(&fixture, &ids)));
        if found.iter().any(|pair| pair.0 <= MAX_SHARED_TRANSACTIONS)
            && found.iter().any(|pair| pair.1 <= MAX_SHARED_TRANSACTIONS)
        {
            return;
        }
    }
    panic!("transactions of {MANY} sign-ins and as many sign-outs: {found:?}");
}

/// The second request with a form is left out of the group, and finds the session that the first one has started. The
/// sign-ins beside it still share a transaction.
#[test]
fn form_sent_twice_leaves_other_sign_ins_grouped() {
    let Some(fixture) = postgres_fixture() else { return };
    let sign_in = |number: usize| {
        let email = format!("user{number}@example.com");
        fixture.add_user(&email);
        proved(&fixture, &email)
    };
    let mut all: Vec<NewSession> = (0..MANY - 2).map(sign_in).collect();
    all.extend([all[MANY / 2].clone(), all[MANY - 3].clone()]);
    let mut found = Vec::new();
    for attempt in 0..10 {
        let started: Vec<IssuedSession> = write_while_locked(&fixture, |number| {
            let twin_of = [MANY / 2, MANY - 3].get(number.wrapping_sub(MANY - 2)).copied().unwrap_or(number);
            let mut seed = [attempt; 32];
            seed[..8].copy_from_slice(&twin_of.to_be_bytes());
            let form = Some(SentForm::new(seed, fixture.now()));
            let (sessions, new) = (fixture.sessions().clone(), NewSession { form, ..all[number].clone() });
            async move { sessions.start(new).await.unwrap() }
        });
        for session in &started {
            assert_eq!(fixture.resume(&session.sid).map(|live| live.id), Some(session.id));
        }
        let mut ids: Vec<SessionId> = started.iter().map(|session| session.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), MANY - 2, "each form has started one session");
        found.push(transactions(&fixture, &ids));
        if found.last().is_some_and(|count| *count <= MAX_SHARED_TRANSACTIONS) {
            return;
        }
    }
    panic!("transactions of {MANY} sign-ins: {found:?}");
}

#[test]
fn concurrent_writes_each_get_their_own_result() {
    let Some(fixture) = postgres_fixture() else { return };
    let users: Vec<(UserId, NewSession)> = (0..8)
        .map(|number| {
            let email = format!("user{number}@example.com");
            (fixture.add_user(&email), proved(&fixture, &email))
        })
        .collect();
    let started = wait(async {
        let mut starting = JoinSet::new();
        for (number, (user, new)) in users.iter().cycle().take(80).enumerate() {
            let (sessions, user, mut new) = (fixture.sessions().clone(), *user, new.clone());
            new.remember = number % 3 == 0;
            new.client.user_agent = (number % 5 > 0).then(|| format!("browser {number}"));
            starting.spawn(async move { (user, new.clone(), sessions.start(new).await.unwrap()) });
        }
        starting.join_all().await
    });
    for (user, new, started) in &started {
        let live = fixture.resume(&started.sid).unwrap();
        assert_eq!((live.id, live.user.id), (started.id, *user));
        let row = fixture.session(started.id);
        assert_eq!(row["user_agent"], serde_json::json!(new.client.user_agent));
        assert_eq!(row["remembered"], new.remember);
        assert_eq!(started.max_age.is_some(), new.remember);
    }
    // Each is ended twice; one of the two calls must report it.
    let ended = wait(async {
        let mut ending = JoinSet::new();
        for (_, _, started) in started.iter().chain(&started) {
            let (sessions, started) = (fixture.sessions().clone(), started.clone());
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
        fixture.assert_ended(started, "signed_out", fixture.now());
    }
}

#[test]
fn sign_in_of_locked_user_does_not_block_others() {
    let Some(fixture) = postgres_fixture() else { return };
    let other = fixture.add_user(OTHER);
    let (new, changed) = (proved(&fixture, EMAIL), proved(&fixture, OTHER));
    thread::scope(|scope| {
        let mut disabling = hold(&fixture, &format!("UPDATE users SET disabled_at = now() WHERE id = '{other}'"));
        let waiting = scope.spawn(|| fixture.start(changed));
        fixture.wait_until_blocked("SELECT%users%FOR NO KEY UPDATE");
        fixture.start(new).unwrap();
        disabling.batch_execute("COMMIT").unwrap();
        let refused = waiting.join().unwrap();
        assert!(matches!(refused, Err(Error::SessionEnded)), "{refused:?}");
    });
    assert_eq!(fixture.count("sessions", &format!("WHERE user_id = '{other}'")), 0);
}

#[test]
fn sign_out_of_locked_session_does_not_block_others() {
    let Some(fixture) = postgres_fixture() else { return };
    let (one, two) = (fixture.sign_in(), fixture.sign_in());
    thread::scope(|scope| {
        let mut changing = hold(&fixture, &format!("UPDATE sessions SET user_agent = 'x' WHERE id = '{}'", one.id));
        let waiting = scope.spawn(|| wait(fixture.sessions().sign_out(&one.sid)).unwrap());
        wait_until(|| blocked(&fixture, ENDING_ALONE) == 1);
        assert_eq!(wait(fixture.sessions().sign_out(&two.sid)).unwrap(), Some(two.id));
        changing.batch_execute("COMMIT").unwrap();
        assert_eq!(waiting.join().unwrap(), Some(one.id));
    });
    fixture.assert_ended(&one, "signed_out", fixture.now());
    fixture.assert_ended(&two, "signed_out", fixture.now());
}

/// The user was disabled, or their password changed, after the proof.
#[test]
fn grouped_sign_in_rejects_user_changed_since_proof() {
    let Some(fixture) = postgres_fixture() else { return };
    let other = fixture.add_user(OTHER);
    let (new, stale) = (proved(&fixture, EMAIL), proved(&fixture, OTHER));
    for change in ["disabled_at = now()", "password_changed_at = now()"] {
        fixture.execute(&format!("UPDATE users SET {change} WHERE id = '{other}'"));
        let outcomes = wait(async {
            let mut starting = JoinSet::new();
            for new in [&new, &stale, &new, &stale, &new] {
                let (sessions, new) = (fixture.sessions().clone(), new.clone());
                starting.spawn(async move { (new.user_id == other, sessions.start(new).await) });
            }
            starting.join_all().await
        });
        for (is_stale, outcome) in outcomes {
            assert_eq!(matches!(outcome, Err(Error::SessionEnded)), is_stale, "{change}: {outcome:?}");
        }
        fixture.execute(&format!("UPDATE users SET disabled_at = NULL WHERE id = '{other}'"));
    }
    assert_eq!(fixture.count("sessions", ""), 6);
    // A changed role does not reject the sign-in: the current role is written.
    let (user, renamed) = (fixture.user, new);
    fixture.execute(&format!("UPDATE users SET role = 'admin' WHERE id = '{user}'"));
    let started = fixture.start(renamed).unwrap();
    assert!(fixture.sess(&started.sid).contains(r#""admin""#), "{}", fixture.sess(&started.sid));
}

#[test]
fn timed_out_group_write_is_rolled_back() {
    let Some(fixture) = postgres_fixture() else { return };
    let (new, started) = (proved(&fixture, EMAIL), fixture.sign_in());
    let short_timeout = TestApp::over(fixture.database(), Clock::fixed(fixture.now()), |config| {
        config.database.timeout = Duration::from_millis(400);
    });
    let sessions = short_timeout.keyrack.sessions();
    let mut other = hold(&fixture, "LOCK TABLE user_sessions IN EXCLUSIVE MODE");
    let refused = wait(sessions.start(new.clone()));
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    let refused = wait(sessions.sign_out(&started.sid));
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    assert_eq!((blocked(&fixture, STARTING), blocked(&fixture, ENDING)), (1, 1));
    other.batch_execute("ROLLBACK").unwrap();
    // The writes have ended once their connections are idle.
    let busy = "WHERE datname = current_database() AND state <> 'idle' AND query LIKE 'WITH %'";
    wait_until(|| fixture.count("pg_stat_activity", busy) == 0);
    assert_eq!(fixture.count("sessions", ""), 1);
    assert_eq!(fixture.session(started.id)["status"], "active");
    // The same connections serve the next writes.
    wait(sessions.start(new)).unwrap();
    assert_eq!(wait(sessions.sign_out(&started.sid)).unwrap(), Some(started.id));
}

#[test]
fn cut_connection_is_replaced_and_its_write_retried() {
    let Some(fixture) = postgres_fixture() else { return };
    let new = proved(&fixture, EMAIL);
    thread::scope(|scope| {
        let mut other = hold(&fixture, "LOCK TABLE user_sessions IN EXCLUSIVE MODE");
        let starting = scope.spawn(|| fixture.start(new.clone()));
        wait_until(|| blocked(&fixture, STARTING) == 1);
        assert_eq!(fixture.cut_connections("query LIKE 'WITH candidate AS%'"), 1);
        // Nothing was written, so it runs again in a transaction of its own.
        wait_until(|| blocked(&fixture, "INSERT INTO \"user_sessions\"") == 1);
        other.batch_execute("COMMIT").unwrap();
        starting.join().unwrap().unwrap();
    });
    assert_eq!(fixture.count("sessions", "WHERE status = 'active'"), 1);
    assert_eq!(fixture.count("user_sessions", ""), 1);
    for _ in 0..3 {
        let started = fixture.start(new.clone()).unwrap();
        assert!(fixture.cut_connections("state LIKE 'idle%'") > 0);
        assert_eq!(wait(fixture.sessions().sign_out(&started.sid)).unwrap(), Some(started.id));
        assert!(fixture.cut_connections("state LIKE 'idle%'") > 0);
    }
    // Other connections were cut as well, which their next use notices.
    wait_until(|| wait(fixture.sessions().doctor(false)).is_ok());
}

/// Kept data and a browser that already has a session need more than one statement.
#[test]
fn falls_back_to_single_transaction_when_not_groupable() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let fixture = SessionFixture::with(EngineKind::Postgres, |config| config.policy.keep_ended_data = true);
    let new = proved(&fixture, EMAIL);
    let first = fixture.start(new.clone()).unwrap();
    let again = fixture.start(NewSession { previous_sid: Some(first.sid.clone()), ..new }).unwrap();
    assert_eq!(again.id, first.id);
    assert_ne!(again.sid, first.sid);
    assert_eq!(wait(fixture.sessions().sign_out(&again.sid)).unwrap(), Some(first.id));
    assert_eq!(fixture.data(&again.sid).unwrap()["sess"]["status"], "logout");
    assert_eq!(fixture.session(first.id)["end_reason"], EndReason::SignedOut.as_str());
}
