//! The plan of `docs/scale.md`: tables partitioned by the hash of the sid.

use std::{thread, time::Duration};

use crate::support::{Browser, EmbeddedApp, EngineKind, PASSWORD, TestApp, TestDatabase, wait};
use keyrack::clock::Clock;

const PLAN: &str = include_str!("../../../docs/partitions.sql");
const EMAIL: &str = "rajat.verma@example.com";

/// Asserts that the doctor reports exactly these missing objects.
fn assert_doctor_reports(app: &TestApp, missing: &[&str]) {
    let report = wait(app.keyrack.sessions().doctor(false)).unwrap();
    let found: Vec<_> = report.breaches.iter().map(|breach| breach.detail.as_str()).collect();
    assert_eq!(found.len(), missing.len(), "{found:?}");
    for (found, missing) in found.iter().zip(missing) {
        assert!(found.starts_with(missing), "{found:?}");
    }
}

/// Asserts that a session that another device has ended is not revived by a peer's late write.
fn assert_ended(database: &TestDatabase, browser: &mut Browser, id: &str, sid: &str) {
    assert!(!browser.is_signed_in());
    let kept = format!("'{{\"userId\": \"{id}\"}}', now() + interval '1 day'");
    let late =
        format!("INSERT INTO user_sessions VALUES ('{sid}', {kept}) ON CONFLICT (sid) DO UPDATE SET expire = now()");
    database.execute(&late);
    assert_eq!(database.count("user_sessions", &format!("WHERE sid = '{sid}'")), 0, "the late write stored no data");
    assert!(!browser.is_signed_in());
}

fn assert_sessions_work(plan: &str, missing: &[&str]) {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let database = TestDatabase::new(EngineKind::Postgres);
    let app = TestApp::over(&database, Clock::fixed(Clock::System.now()), |_| ());
    let user = app.add_user(EMAIL).to_string();
    let (mut before, mut ended_before) = (app.signed_in(EMAIL), app.signed_in(EMAIL));
    ended_before.sign_out();
    database.execute(&format!("BEGIN; {plan}; COMMIT"));
    assert_eq!(database.count("user_sessions", ""), 1, "the rows were copied");
    assert!(before.is_signed_in());
    let own = EmbeddedApp::new(&app.keyrack);
    for n in 0..10 {
        let mut browser = app.signed_in(EMAIL).at(own.address);
        assert_eq!(browser.post(&format!("/app/set/n/{n}"), &[]).status, 200);
        let old = browser.clone();
        assert_eq!(browser.post("/app/renew", &[]).status, 200, "moves the row to another partition in most cases");
        assert_eq!(browser.get("/app/data").json()["keys"]["n"], n.to_string());
        assert_ended(&database, &mut old.at(app.address), &user, &old.sid());
        let (id, sid) = (browser.session_id(), browser.sid());
        let path = format!("/account/sessions/{id}/revoke");
        assert_eq!(before.post_from("/account/sessions", &path, &[]).status, 303);
        assert_ended(&database, &mut browser, &user, &sid);
    }
    app.advance(Duration::from_secs(61));
    assert!(before.is_signed_in());
    app.record_activity();
    let now = app.clock.now().to_iso_micros();
    assert_eq!(database.count("sessions", &format!("WHERE last_seen_at = '{now}'")), 1);
    assert_eq!(database.count("replaced_sids", ""), 10);
    assert_doctor_reports(&app, missing);
    app.clock.advance(Duration::from_secs(100 * 24 * 3600));
    let purged = wait(app.keyrack.sessions().purge(|_| ())).unwrap();
    assert_eq!((purged.ended, purged.history_removed), (1, 12));
    assert_eq!(database.count("replaced_sids", ""), 0, "deleted with their session");
}

#[test]
fn partitioned_data_keeps_all_rules() {
    let (data, _) = PLAN.split_once("-- 2. ").unwrap();
    assert_sessions_work(data, &[]);
}

#[test]
fn partitioned_sessions_keep_all_rules_but_unique_id() {
    assert_sessions_work(PLAN, &["sessions_pkey is missing", "sessions_form_id_key is missing"]);
}

/// No key rejects a second row with the id of the form's session.
#[test]
fn form_sent_twice_starts_one_partitioned_session() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let database = TestDatabase::new(EngineKind::Postgres);
    let app = TestApp::over(&database, Clock::fixed(Clock::System.now()), |_| ());
    let second = TestApp::over(&database, app.clock.clone(), |_| ());
    app.add_user(EMAIL);
    database.execute(&format!("BEGIN; {PLAN}; COMMIT"));
    for round in 1..=20 {
        let mut browser = app.browser();
        let token = browser.get("/login").csrf_token();
        let fields = [("email", EMAIL), ("password", PASSWORD), ("csrf_token", token.as_str())];
        let sids: Vec<String> = thread::scope(|scope| {
            let instances = [&app, &second, &app, &second];
            let senders = instances.map(|instance| {
                let mut browser = browser.at(instance.address);
                scope.spawn(move || {
                    assert_eq!(browser.post("/login", &fields).status, 303);
                    assert!(browser.is_signed_in());
                    browser.sid()
                })
            });
            senders.into_iter().map(|sender| sender.join().unwrap()).collect()
        });
        assert!(sids.iter().all(|sid| *sid == sids[0]), "round {round}");
        assert_eq!(database.count("sessions", ""), round);
    }
}
