//! What would keep others waiting, or fail them, if it were committed with them: it goes alone, and they don't notice.

use std::time::Duration;

use diesel::{Connection, PgConnection, connection::SimpleConnection};
use keyrack::{
    clock::Clock,
    error::Error,
    sessions::{NewSession, Started},
};
use tokio::task::JoinSet;

use super::{
    group_commit::{OTHER, proved, rack},
    session_fixture::EMAIL,
};
use crate::support::{TestApp, wait};

/// What came of many sign-ins at once, and of how many by `new`.
fn start_all(app: &TestApp, all: &[&NewSession]) -> Vec<keyrack::error::Result<Started>> {
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
fn a_peer_that_holds_one_sessions_data_keeps_no_other_sign_out_waiting() {
    let Some(rack) = rack() else { return };
    let started: Vec<Started> = (0..24).map(|_| rack.sign_in()).collect();
    let hasty = TestApp::over(rack.database(), Clock::fixed(rack.now()), |config| {
        config.database.timeout = Duration::from_secs(2);
    });
    let mut peer = PgConnection::establish(rack.database().url()).unwrap();
    let held = &started[12];
    let touch = format!("UPDATE user_sessions SET sess = sess WHERE sid = '{}'", held.sid.expose());
    peer.batch_execute(&format!("BEGIN; {touch}")).unwrap();
    let outcomes = wait(async {
        let mut ending = JoinSet::new();
        for started in &started {
            let (sessions, started) = (hasty.keyrack.sessions().clone(), started.clone());
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
    assert_eq!(wait(rack.sessions().sign_out(&held.sid)).unwrap(), Some(held.id));
}

/// One is refused by the server whatever is tried: it is told so, and the others come in.
#[test]
fn what_the_server_refuses_fails_alone() {
    let Some(rack) = rack() else { return };
    let good = proved(&rack, EMAIL);
    let mut bad = good.clone();
    bad.client.user_agent = Some("a\0b".to_owned());
    for (place, outcome) in start_all(&rack, &[&good, &good, &bad, &good, &bad, &good]).iter().enumerate() {
        assert_eq!(matches!(outcome, Err(Error::Internal(_))), place == 2 || place == 4, "{place}: {outcome:?}");
    }
    assert_eq!(rack.count("sessions", "WHERE status = 'active'"), 4);
}

#[test]
fn what_the_commit_refuses_fails_alone() {
    let Some(rack) = rack() else { return };
    rack.add_user(OTHER);
    let (good, mut bad) = (proved(&rack, EMAIL), proved(&rack, OTHER));
    bad.client.user_agent = Some("bad".to_owned());
    rack.execute(
        "CREATE FUNCTION test_late() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN IF NEW.user_agent = 'bad' THEN RAISE EXCEPTION 'refused at last'; END IF; RETURN NULL; END $$;
         CREATE CONSTRAINT TRIGGER test_late AFTER INSERT ON sessions DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION test_late()",
    );
    for (place, outcome) in start_all(&rack, &[&good, &good, &bad, &good, &bad, &good]).iter().enumerate() {
        assert_eq!(matches!(outcome, Err(Error::Internal(_))), place == 2 || place == 4, "{place}: {outcome:?}");
    }
    assert_eq!(rack.count("sessions", "WHERE status = 'active'"), 4);
}

/// As one may, at its commit too, where transactions are serializable by default.
#[test]
fn what_loses_against_another_at_its_commit_is_tried_again() {
    let Some(rack) = rack() else { return };
    rack.execute(
        "CREATE SEQUENCE test_commits;
         CREATE FUNCTION test_lose() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN IF nextval('test_commits') % 2 = 1 THEN
                 RAISE EXCEPTION 'could not serialize access' USING ERRCODE = 'serialization_failure';
             END IF; RETURN NULL; END $$;
         CREATE CONSTRAINT TRIGGER test_lose AFTER INSERT OR UPDATE ON sessions DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION test_lose()",
    );
    let started = rack.start(proved(&rack, EMAIL)).unwrap();
    assert_eq!(wait(rack.sessions().sign_out(&started.sid)).unwrap(), Some(started.id));
    assert_eq!(rack.text("SELECT last_value::text AS v FROM test_commits"), "4", "each was tried twice");
}
