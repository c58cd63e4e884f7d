//! A sign-in makes its browser known in the transaction that starts the session.

use std::time::Duration;

use keyrack::{
    error::{Error, Result},
    sessions::{BrowserIdHash, IssuedSession, NewSession, SignInBrowser, UserId},
};
use tokio::task::JoinSet;

use super::{
    group_commit::{OTHER, postgres_fixture, proved},
    session_fixture::{DAY, EMAIL, SessionFixture},
};
use crate::support::{EngineKind, on_both_engines, wait};

on_both_engines!(
    sign_in_fails_if_its_browser_cannot_be_written,
    presented_browser_of_another_account_is_not_known,
    second_sign_in_updates_the_known_browser,
    concurrent_sign_ins_make_ten_browsers_known,
    least_recently_used_browser_gives_way_to_a_new_one,
);

fn browser(presented: &[&str], new: &str) -> SignInBrowser {
    let hash = BrowserIdHash::from_trusted;
    SignInBrowser { presented: presented.iter().map(|text| hash(text)).collect(), new: hash(new), language: None }
}

/// A sign-in with a checked password, which PostgreSQL groups with others.
fn sign_in(fixture: &SessionFixture, email: &str, browser: SignInBrowser) -> Result<IssuedSession> {
    fixture.start(NewSession { browser: Some(browser), ..proved(fixture, email) })
}

fn known_as(started: &IssuedSession) -> Option<&str> {
    started.browser.as_ref().map(BrowserIdHash::as_str)
}

fn add_browsers(fixture: &SessionFixture, user: UserId, count: usize, age: Duration) {
    for number in 0..count {
        let at = (fixture.now() - age - Duration::from_secs(number as u64)).to_iso_micros();
        fixture.execute(&format!(
            "INSERT INTO known_browsers (id_hash, user_id, session_id, created_at, last_used_at)
             VALUES ('old-{number}', '{user}', '{user}', '{at}', '{at}')"
        ));
    }
}

fn sign_in_fails_if_its_browser_cannot_be_written(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    fixture.execute(match engine {
        EngineKind::Sqlite => {
            "CREATE TRIGGER test_refuse BEFORE INSERT ON known_browsers BEGIN SELECT RAISE(ABORT, 'a browser'); END"
        }
        EngineKind::Postgres => {
            "CREATE FUNCTION test_refuse() RETURNS trigger LANGUAGE plpgsql
                 AS $$ BEGIN RAISE EXCEPTION 'a browser'; END $$;
             CREATE TRIGGER test_refuse BEFORE INSERT ON known_browsers EXECUTE FUNCTION test_refuse()"
        }
    });
    let refused = sign_in(&fixture, EMAIL, browser(&[], "new"));
    assert!(matches!(refused, Err(Error::Unavailable(_) | Error::Internal(_))), "{refused:?}");
    assert_eq!(fixture.count("sessions", "") + fixture.count("user_sessions", ""), 0, "neither or both");
    fixture.start(proved(&fixture, EMAIL)).unwrap();
}

fn presented_browser_of_another_account_is_not_known(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let other = fixture.add_user(OTHER);
    let theirs = sign_in(&fixture, OTHER, browser(&[], "theirs")).unwrap();
    let own = sign_in(&fixture, EMAIL, browser(&["unknown", "theirs"], "own")).unwrap();
    assert_eq!((known_as(&theirs), known_as(&own)), (Some("theirs"), Some("own")));
    let session_of = |hash: &str| fixture.rows("known_browsers", &format!("WHERE id_hash = '{hash}'"))[0].clone();
    assert_eq!(session_of("theirs")["user_id"], other.to_string());
    assert_eq!(session_of("theirs")["session_id"], theirs.id.to_string());
    assert_eq!(session_of("own")["session_id"], own.id.to_string());
}

fn second_sign_in_updates_the_known_browser(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let first = sign_in(&fixture, EMAIL, browser(&[], "one")).unwrap();
    let created_at = fixture.now().to_iso_micros();
    fixture.clock.advance(DAY);
    let second = sign_in(&fixture, EMAIL, browser(&["one"], "two")).unwrap();
    assert_eq!((known_as(&first), known_as(&second)), (Some("one"), Some("one")));
    let rows = fixture.rows("known_browsers", "");
    assert_eq!(rows.len(), 1);
    assert_eq!((&rows[0]["session_id"], &rows[0]["created_at"]), (&second.id.to_string().into(), &created_at.into()));
    assert_eq!(rows[0]["last_used_at"], fixture.now().to_iso_micros());
    // The session that the browser still has continues, and with it the browser.
    let again = NewSession {
        browser: Some(browser(&["one"], "three")),
        previous_sid: Some(second.sid.clone()),
        ..proved(&fixture, EMAIL)
    };
    let third = fixture.start(again).unwrap();
    assert_eq!((third.id, known_as(&third)), (second.id, Some("one")));
}

fn concurrent_sign_ins_make_ten_browsers_known(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let new = proved(&fixture, EMAIL);
    let started = wait(async {
        let mut starting = JoinSet::new();
        for number in 0..24 {
            let new = NewSession { browser: Some(browser(&[], &format!("new-{number}"))), ..new.clone() };
            let sessions = fixture.sessions().clone();
            starting.spawn(async move { sessions.start(new).await.unwrap() });
        }
        starting.join_all().await
    });
    assert_eq!(fixture.count("sessions", "WHERE status = 'active'"), 24);
    let known: Vec<_> = started.iter().filter_map(|started| known_as(started).zip(Some(started.id))).collect();
    assert_eq!((known.len(), fixture.count("known_browsers", "")), (10, 10));
    for (hash, session) in known {
        let row = &fixture.rows("known_browsers", &format!("WHERE id_hash = '{hash}'"))[0];
        assert_eq!(row["session_id"], session.to_string());
    }
}

fn least_recently_used_browser_gives_way_to_a_new_one(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    add_browsers(&fixture, fixture.user, 99, DAY * 2);
    assert_eq!(known_as(&sign_in(&fixture, EMAIL, browser(&[], "hundredth")).unwrap()), Some("hundredth"));
    assert_eq!(fixture.count("known_browsers", "WHERE id_hash = 'old-98'"), 1, "none has to give way");
    assert_eq!(known_as(&sign_in(&fixture, EMAIL, browser(&[], "one more")).unwrap()), Some("one more"));
    assert_eq!(fixture.count("known_browsers", ""), 100);
    assert_eq!(fixture.count("known_browsers", "WHERE id_hash = 'old-98'"), 0);
    assert_eq!(fixture.count("known_browsers", "WHERE id_hash = 'old-97'"), 1);
}

/// One transaction of PostgreSQL writes the session and its browser, also of several sign-ins on one browser.
#[test]
fn group_commit_writes_browsers_with_their_sessions() {
    let Some(fixture) = postgres_fixture() else { return };
    sign_in(&fixture, EMAIL, browser(&[], "one")).unwrap();
    let writers = "SELECT count(DISTINCT xmin::text)::text AS v FROM \
                   (SELECT xmin FROM sessions UNION ALL SELECT xmin FROM known_browsers) AS rows";
    assert_eq!(fixture.text(writers), "1");
    let new = NewSession { browser: Some(browser(&["one"], "unused")), ..proved(&fixture, EMAIL) };
    let started = wait(async {
        let mut starting = JoinSet::new();
        for _ in 0..8 {
            let (sessions, new) = (fixture.sessions().clone(), new.clone());
            starting.spawn(async move { sessions.start(new).await.unwrap() });
        }
        starting.join_all().await
    });
    assert!(started.iter().all(|started| known_as(started) == Some("one")));
    let last = fixture.text("SELECT session_id::text AS v FROM known_browsers");
    assert!(started.iter().any(|started| started.id.to_string() == last));
}
