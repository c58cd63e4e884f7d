//! The journal of ends: what it has, and what happens while it can't be written.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use keyrack::{clock::Clock, db::Journal};

use crate::support::{
    Answer, Browser, CLOCK_START, EngineKind, PASSWORD, TestApp, TestDatabase, on_both_engines, wait, wait_until,
};

on_both_engines!(
    repeated_end_gets_503_until_it_is_in_the_journal,
    ends_from_before_the_journal_are_written_to_it,
    ends_of_a_long_stop_are_written_to_the_journal,
    removed_journal_is_written_again,
    earlier_copy_of_the_journal_loses_no_end,
    session_of_a_form_sent_again_without_history_survives_a_restart
);

const EMAIL: &str = "rajat.verma@example.com";

fn instance(database: &TestDatabase, clock: Clock, journal: Option<&Path>) -> TestApp {
    TestApp::over(database, clock, |config| {
        config.database.journal = journal.map(|path| Journal::open(path).unwrap());
    })
}

struct Fixture {
    database: TestDatabase,
    app: TestApp,
    path: PathBuf,
}

impl Fixture {
    fn new(engine: EngineKind) -> Self {
        let database = TestDatabase::new(engine);
        let path = database.folder().join("test.ends");
        let app = instance(&database, Clock::System, Some(&path));
        app.add_user(EMAIL);
        Self { database, app, path }
    }
}

fn has_line(path: &Path, start: &str) -> bool {
    fs::read_to_string(path).is_ok_and(|text| text.lines().any(|line| line.starts_with(start)))
}

fn repeated_end_gets_503_until_it_is_in_the_journal(engine: EngineKind) {
    let Fixture { database, app, path } = Fixture::new(engine);
    let (mut this, mut other) = (app.signed_in(EMAIL), app.signed_in(EMAIL));
    let (this_id, other_id) = (this.session_id(), other.session_id());
    let token = |browser: &mut Browser| browser.get("/logout").csrf_token();
    let (this_token, mut repeated) = (token(&mut this), other.clone());
    let other_token = token(&mut other);
    let aside = database.folder().join("aside");
    fs::rename(&path, &aside).unwrap();
    fs::create_dir(&path).unwrap();
    let mut sign_out = || repeated.post("/logout", &[("csrf_token", &other_token)]);
    let mut revoke =
        || this.post(&format!("/account/sessions/{other_id}/revoke"), &[("csrf_token", &this_token)]).status;
    assert_eq!(sign_out().status, 503);
    for _ in 0..2 {
        assert_eq!(revoke(), 503, "it has ended, but the end can't be promised");
        let answer: Answer = sign_out();
        assert_eq!((answer.status, answer.set_cookies()), (503, vec![]));
    }
    assert_eq!(database.count("sessions", "WHERE status = 'active'"), 1);
    assert_eq!(app.browser().sign_in(EMAIL, PASSWORD).status, 303, "sign-ins need no journal");
    fs::remove_dir(&path).unwrap();
    fs::rename(&aside, &path).unwrap();
    wait_until(|| revoke() == 303);
    assert!(has_line(&path, &format!("ended {other_id} ")));
    assert_eq!(sign_out().status, 303);
    assert!(!has_line(&path, &format!("ended {this_id} ")));
}

/// Those that a backup may revive: signed out, and rotated.
fn ends_from_before_the_journal_are_written_to_it(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let path = database.folder().join("test.ends");
    let app = instance(&database, Clock::System, None);
    app.add_user(EMAIL);
    let (mut ended, mut rotated) = (app.signed_in(EMAIL), app.signed_in(EMAIL));
    let (ended_id, rotated_id) = (ended.session_id(), rotated.session_id());
    assert_eq!(ended.sign_out().status, 303);
    let password = [("email", EMAIL), ("password", PASSWORD)];
    assert_eq!(rotated.post_from("/account/sessions", "/login", &password).status, 303);
    database.execute("UPDATE sessions SET logged_out_at = created_at WHERE status = 'logged_out'");
    app.stop();
    let _app = instance(&database, Clock::System, Some(&path));
    wait_until(|| has_line(&path, "tailed "));
    assert!(has_line(&path, &format!("ended {ended_id} ")));
    assert!(has_line(&path, &format!("replaced {rotated_id} ")));
}

/// A server without this journal, such as one on another machine, has ended a session meanwhile.
fn ends_of_a_long_stop_are_written_to_the_journal(engine: EngineKind) {
    const HOUR: Duration = Duration::from_secs(3600);
    let database = TestDatabase::new(engine);
    let path = database.folder().join("test.ends");
    let app = instance(&database, Clock::fixed(CLOCK_START), Some(&path));
    app.add_user(EMAIL);
    let browser = app.signed_in(EMAIL);
    wait_until(|| has_line(&path, "tailed "));
    app.stop();
    let elsewhere = instance(&database, Clock::fixed(CLOCK_START + HOUR), None);
    let id = browser.at(elsewhere.address).session_id();
    assert_eq!(browser.at(elsewhere.address).sign_out().status, 303);
    elsewhere.stop();
    let _again = instance(&database, Clock::fixed(CLOCK_START + 9 * HOUR), Some(&path));
    wait_until(|| has_line(&path, &format!("ended {id} ")));
}

fn removed_journal_is_written_again(engine: EngineKind) {
    let Fixture { database: _database, app, path } = Fixture::new(engine);
    let mut browser = app.signed_in(EMAIL);
    let id = browser.session_id();
    assert_eq!(browser.sign_out().status, 303);
    let name = fs::read_to_string(&path).unwrap().lines().next().unwrap().to_owned();
    fs::remove_file(&path).unwrap();
    wait_until(|| has_line(&path, &format!("ended {id} ")));
    assert!(has_line(&path, &name), "it has the same name");
    wait_until(|| has_line(&path, "tailed "));
}

/// Somebody restores a folder with both the database and the journal under a running server.
fn earlier_copy_of_the_journal_loses_no_end(engine: EngineKind) {
    let Fixture { database, app, path } = Fixture::new(engine);
    let mut ended = app.signed_in(EMAIL);
    let (id, sid) = (ended.session_id(), ended.sid());
    let copy = fs::read(&path).unwrap();
    database.execute("CREATE TABLE kept AS SELECT * FROM user_sessions");
    assert_eq!(ended.clone().sign_out().status, 303);
    let restored = database.folder().join("restored");
    fs::write(&restored, copy).unwrap();
    fs::rename(&restored, &path).unwrap();
    let revive = format!(
        "UPDATE sessions SET status = 'active', logged_out_at = NULL, end_reason = NULL WHERE id = '{id}';
         INSERT INTO user_sessions SELECT * FROM kept WHERE sid = '{sid}'"
    );
    match engine {
        EngineKind::Postgres => {
            database.execute(&format!("BEGIN; SET LOCAL session_replication_role = replica; {revive}; COMMIT"));
        }
        EngineKind::Sqlite => database.execute(&format!(
            "BEGIN IMMEDIATE; DROP TRIGGER keyrack_refuse_return; DROP TRIGGER keyrack_refuse_data_of_ended; {revive}; COMMIT"
        )),
    }
    wait_until(|| ended.get("/api/session").status == 401);
    wait_until(|| has_line(&path, &format!("ended {id} ")));
}

#[test]
fn rows_of_killed_instances_are_deleted() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let database = TestDatabase::new(EngineKind::Postgres);
    let insert = |age| {
        let id = uuid::Uuid::new_v4();
        database
            .execute(&format!("INSERT INTO keyrack_instances VALUES ('{id}', 'a history', now() - interval '{age}')"));
        id
    };
    let (gone, recent) = (insert("61 minutes"), insert("10 minutes"));
    let path = database.folder().join("test.ends");
    let _app = instance(&database, Clock::System, Some(&path));
    let ids = || database.texts("SELECT id::text AS v FROM keyrack_instances");
    wait_until(|| !ids().contains(&gone.to_string()));
    assert!(ids().contains(&recent.to_string()));
}

/// A form that is sent again after the row of its session was deleted: the journal has the end of that session, and must
/// not take the new one for it.
fn session_of_a_form_sent_again_without_history_survives_a_restart(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let path = database.folder().join("test.ends");
    let clock = Clock::fixed(Clock::System.now());
    let open = || {
        TestApp::over(&database, clock.clone(), |config| {
            config.database.journal = Some(Journal::open(&path).unwrap());
            config.policy.history_retention = Duration::from_secs(1);
        })
    };
    let app = open();
    app.add_user(EMAIL);
    let mut form = app.browser();
    let token = form.get("/login").csrf_token();
    let send = || {
        let mut browser = form.clone();
        let answer = browser.post("/login", &[("email", EMAIL), ("password", PASSWORD), ("csrf_token", &token)]);
        assert_eq!(answer.status, 303, "{}", answer.body);
        browser
    };
    let mut ended = Vec::new();
    for is_purged in [true, false, true] {
        let mut browser = send();
        let id = browser.session_id();
        browser.sign_out();
        wait_until(|| has_line(&path, &format!("ended {id} ")));
        assert!(!ended.contains(&id), "{id} was given again");
        ended.push(id);
        if is_purged {
            clock.advance(Duration::from_secs(2));
            wait(app.keyrack.sessions().purge(|_| ())).unwrap();
        } else {
            database.execute("DELETE FROM sessions");
        }
        assert_eq!(database.count("sessions", ""), 0);
    }
    let mut last = send();
    assert!(last.is_signed_in());
    app.stop();
    let app = open();
    assert!(last.at(app.address).is_signed_in());
}
