//! Isolation of grouped writes: one that blocks or fails runs alone, and does not affect the others.

use std::time::Duration;

use diesel::{Connection, PgConnection, connection::SimpleConnection};
use keyrack::{
    clock::Clock,
    error::Error,
    sessions::{IssuedSession, NewSession},
};
use tokio::task::JoinSet;

use super::{
    group_commit::{OTHER, postgres_fixture, proved},
    session_fixture::EMAIL,
};
use crate::support::{TestApp, wait};

/// Runs these sign-ins concurrently, and returns their outcomes in order.
fn start_all(app: &TestApp, all: &[&NewSession]) -> Vec<keyrack::error::Result<IssuedSession>> {
    wait(async {
        let mut starting = JoinSet::new();
        for (place, new) in all.iter().enumerate() {
            let (sessions, new) = (app.keyrack.sessions().clone(), (*new).clone());
            starting.spawn(async move { (place, sessions.start(new).await) });
        }
        let mut outcomes = starting.join_all().await;
        outcomes.sort_by_key(|(place, _)| *place);
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    })
}

#[test]
fn data_locked_by_a_peer_does_not_block_other_sign_outs() {
    let Some(fixture) = postgres_fixture() else { return };
    let started: Vec<IssuedSession> = (0..24).map(|_| fixture.sign_in()).collect();
    let short_timeout = TestApp::over(fixture.database(), Clock::fixed(fixture.now()), |config| {
        config.database.timeout = Duration::from_secs(2);
    });
    let mut peer = PgConnection::establish(fixture.database().url()).unwrap();
    let held = &started[12];
    let touch = format!("UPDATE user_sessions SET sess = sess WHERE sid = '{}'", held.sid.expose());
    peer.batch_execute(&format!("BEGIN; {touch}")).unwrap();
    let outcomes = wait(async {
        let mut ending = JoinSet::new();
        for started in &started {
            let (sessions, started) = (short_timeout.keyrack.sessions().clone(), started.clone());
            ending.spawn(async move { (started.id, sessions.sign_out(&started.sid).await) });
        }
        let outcomes = ending.join_all().await;
        peer.batch_execute("COMMIT").unwrap();
        outcomes
    });
    for (id, outcome) in outcomes {
        if id == held.id {
            assert!(matches!(outcome, Err(Error::Unavailable(_))), "{outcome:?}");
        } else {
            assert_eq!(outcome.unwrap(), Some(id));
        }
    }
    assert_eq!(wait(fixture.sessions().sign_out(&held.sid)).unwrap(), Some(held.id));
}

/// The server rejects one sign-in however it is run. It fails, and the others succeed.
#[test]
fn write_rejected_by_the_server_fails_alone() {
    let Some(fixture) = postgres_fixture() else { return };
    let good = proved(&fixture, EMAIL);
    let mut bad = good.clone();
    bad.client.user_agent = Some("a\0b".to_owned());
    for (place, outcome) in start_all(&fixture, &[&good, &good, &bad, &good, &bad, &good]).iter().enumerate() {
        assert_eq!(matches!(outcome, Err(Error::Unavailable(_))), place == 2 || place == 4, "{place}: {outcome:?}");
    }
    assert_eq!(fixture.count("sessions", "WHERE status = 'active'"), 4);
}

#[test]
fn write_rejected_at_commit_fails_alone() {
    let Some(fixture) = postgres_fixture() else { return };
    fixture.add_user(OTHER);
    let (good, mut bad) = (proved(&fixture, EMAIL), proved(&fixture, OTHER));
    bad.client.user_agent = Some("bad".to_owned());
    fixture.execute(
        "CREATE FUNCTION test_late() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN IF NEW.user_agent = 'bad' THEN RAISE EXCEPTION 'refused at last'; END IF; RETURN NULL; END $$;
         CREATE CONSTRAINT TRIGGER test_late AFTER INSERT ON sessions DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION test_late()",
    );
    for (place, outcome) in start_all(&fixture, &[&good, &good, &bad, &good, &bad, &good]).iter().enumerate() {
        assert_eq!(matches!(outcome, Err(Error::Unavailable(_))), place == 2 || place == 4, "{place}: {outcome:?}");
    }
    assert_eq!(fixture.count("sessions", "WHERE status = 'active'"), 4);
}

/// A commit can fail so where transactions are serializable by default.
#[test]
fn serialization_failure_at_commit_is_retried() {
    let Some(fixture) = postgres_fixture() else { return };
    fixture.execute(
        "CREATE SEQUENCE test_commits;
         CREATE FUNCTION test_lose() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN IF nextval('test_commits') % 2 = 1 THEN
                 RAISE EXCEPTION 'could not serialize access' USING ERRCODE = 'serialization_failure';
             END IF; RETURN NULL; END $$;
         CREATE CONSTRAINT TRIGGER test_lose AFTER INSERT OR UPDATE ON sessions DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION test_lose()",
    );
    let started = fixture.start(proved(&fixture, EMAIL)).unwrap();
    assert_eq!(wait(fixture.sessions().sign_out(&started.sid)).unwrap(), Some(started.id));
    assert_eq!(fixture.text("SELECT last_value::text AS v FROM test_commits"), "4", "each was tried twice");
}
