//! What changes all sessions of a user does so in batches, however many there are.

use std::{num::NonZeroU32, thread};

use diesel::{Connection, PgConnection, connection::SimpleConnection};
use keyrack::{
    accounts::{Password, Role},
    clock::Clock,
};

use super::session_fixture::{EMAIL, HOUR, SessionFixture};
use crate::support::{EngineKind, PASSWORD, on_both_engines, wait};

on_both_engines!(
    no_transaction_writes_more_than_hundreds_of_rows,
    interrupted_change_of_role_is_finished_by_the_purge,
    change_of_role_reaches_thousands_of_sessions,
);

/// Sessions of the user.
const SESSIONS: usize = 1_000;

/// Rows that one transaction may write. The transaction that writes one more fails.
const MAX_ROWS: usize = 450;

fn fixture(engine: EngineKind) -> SessionFixture {
    let fixture = SessionFixture::with(engine, |config| config.policy.max_sessions = None);
    let role = |sess: &str| sess.replace(r#""status""#, r#""role":"user","status""#);
    fixture.add_sessions(fixture.user, "many", SESSIONS, HOUR);
    let sess = role(&format!(r#"{{"cookie":{{}},"userId":"{}","status":"login"}}"#, fixture.user));
    fixture.execute(&format!("UPDATE user_sessions SET sess = '{sess}'"));
    fixture
}

/// Counts written rows in a table, in the transaction that writes them, and fails the one that exceeds the maximum in
/// total: what had been committed before stays.
fn fail_after_max_rows(fixture: &SessionFixture) {
    fixture.execute("CREATE TABLE written (n integer)");
    for (table, event) in [("sessions", "UPDATE OF status"), ("user_sessions", "UPDATE OF sess")] {
        fixture.execute(&match fixture.kind() {
            EngineKind::Postgres => format!(
                "CREATE OR REPLACE FUNCTION test_count() RETURNS trigger LANGUAGE plpgsql AS $$
                 BEGIN
                     INSERT INTO written VALUES (1);
                     IF (SELECT count(*) FROM written) > {MAX_ROWS} THEN RAISE EXCEPTION 'too many rows'; END IF;
                     RETURN NULL;
                 END $$;
                 CREATE TRIGGER test_{table} AFTER {event} ON {table} FOR EACH ROW EXECUTE FUNCTION test_count()"
            ),
            EngineKind::Sqlite => format!(
                "CREATE TRIGGER test_{table} AFTER {event} ON {table} BEGIN
                     INSERT INTO written VALUES (1);
                     SELECT RAISE(ABORT, 'too many rows') WHERE (SELECT count(*) FROM written) > {MAX_ROWS};
                 END"
            ),
        });
    }
}

fn stop_failing(fixture: &SessionFixture) {
    for table in ["sessions", "user_sessions"] {
        let on = if fixture.kind() == EngineKind::Postgres { format!(" ON {table}") } else { String::new() };
        fixture.execute(&format!("DROP TRIGGER test_{table}{on}"));
    }
}

fn no_transaction_writes_more_than_hundreds_of_rows(engine: EngineKind) {
    type Verb = (&'static str, fn(&SessionFixture) -> bool);
    let verbs: [Verb; 7] = [
        ("disable", |fixture| wait(fixture.keyrack.accounts().disable(&EMAIL.parse().unwrap())).is_err()),
        ("set_password", |fixture| {
            let accounts = fixture.keyrack.accounts();
            wait(accounts.set_password(&EMAIL.parse().unwrap(), Password::new(PASSWORD))).is_err()
        }),
        ("set_role", |fixture| {
            wait(fixture.keyrack.accounts().set_role(&EMAIL.parse().unwrap(), Role::Admin)).is_err()
        }),
        ("revoke_others", |fixture| {
            let this = fixture.sign_in();
            wait(fixture.sessions().revoke_others(fixture.user, this.id)).is_err()
        }),
        ("revoke_everyone", |fixture| wait(fixture.sessions().revoke_everyone()).is_err()),
        ("purge of expired", |fixture| {
            wait(fixture.sessions_at(fixture.now() + HOUR * 30).keyrack.sessions().purge(|_| ())).is_err()
        }),
        ("purge beyond the limit", |fixture| {
            let limit = |config: &mut keyrack::config::Config| config.policy.max_sessions = NonZeroU32::new(3);
            let limited = crate::support::TestApp::over(fixture.database(), Clock::fixed(fixture.now()), limit);
            wait(limited.keyrack.sessions().purge(|_| ())).is_err()
        }),
    ];
    for (name, verb) in verbs {
        let fixture = fixture(engine);
        fail_after_max_rows(&fixture);
        assert!(verb(&fixture), "{name} writes {SESSIONS} rows");
        let committed = fixture.count("written", "");
        assert!((100..=MAX_ROWS).contains(&committed), "{name}: {committed} rows were committed before");
        stop_failing(&fixture);
        // Repeated, it finishes.
        assert!(!verb(&fixture), "{name}");
    }
}

/// The role that the data of these sessions says.
fn count_role(fixture: &SessionFixture, role: &str) -> usize {
    let text = if fixture.kind() == EngineKind::Postgres { "sess::text" } else { "sess" };
    fixture.count("user_sessions", &format!("WHERE {text} LIKE '%\"role\":\"{role}\"%'"))
}

fn interrupted_change_of_role_is_finished_by_the_purge(engine: EngineKind) {
    let fixture = fixture(engine);
    fail_after_max_rows(&fixture);
    assert!(wait(fixture.keyrack.accounts().set_role(&EMAIL.parse().unwrap(), Role::Admin)).is_err());
    stop_failing(&fixture);
    assert_eq!(fixture.text("SELECT CAST(role AS text) AS v FROM users"), "admin", "it holds for Keyrack at once");
    assert!((1..SESSIONS).contains(&count_role(&fixture, "admin")));
    assert_eq!(fixture.count("keyrack_settings", "WHERE name LIKE 'role_change:%'"), 1);
    fixture.purge();
    assert_eq!(count_role(&fixture, "admin"), SESSIONS);
    assert_eq!(fixture.count("keyrack_settings", "WHERE name LIKE 'role_change:%'"), 0);
}

/// Back and forth, the second time after an interruption, and by plain SQL in between.
fn change_of_role_reaches_thousands_of_sessions(engine: EngineKind) {
    let fixture = fixture(engine);
    let set = |role| wait(fixture.keyrack.accounts().set_role(&EMAIL.parse().unwrap(), role));
    assert!(set(Role::Admin).unwrap());
    assert_eq!(count_role(&fixture, "admin"), SESSIONS);
    fail_after_max_rows(&fixture);
    assert!(set(Role::User).is_err());
    stop_failing(&fixture);
    // Nothing has changed for those that were not reached, and the others follow at once.
    fixture.execute("UPDATE users SET role = 'admin'");
    assert_eq!(count_role(&fixture, "admin"), SESSIONS);
    fixture.purge();
    assert_eq!(count_role(&fixture, "admin"), SESSIONS, "the change that was interrupted is no longer the latest");
    assert!(set(Role::User).unwrap());
    assert_eq!(count_role(&fixture, "user"), SESSIONS);
}

/// The change is held up at a session whose row another transaction has locked.
#[test]
fn change_of_role_delays_no_other_user() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let fixture = fixture(EngineKind::Postgres);
    fixture.add_user("asha.verma@example.com");
    let mut other = fixture.signed_in("asha.verma@example.com");
    let last = fixture.text("SELECT max(id::text) AS v FROM sessions WHERE sid LIKE 'many-%'");
    let mut holder = PgConnection::establish(fixture.database().url()).unwrap();
    holder.batch_execute(&format!("BEGIN; SELECT FROM sessions WHERE id = '{last}' FOR UPDATE")).unwrap();
    thread::scope(|scope| {
        let change = scope.spawn(|| {
            // A command waits longer than a server.
            let program = crate::support::Program::new(fixture.database());
            program.done(&["user", "set-role", EMAIL, "admin"])
        });
        fixture.database().wait_until_blocked("%keyrack_with_user%");
        assert!(other.is_signed_in());
        assert_eq!(fixture.browser().sign_in("asha.verma@example.com", PASSWORD).status, 303);
        holder.batch_execute("COMMIT").unwrap();
        assert!(change.join().unwrap().contains("administrator"));
    });
    assert_eq!((count_role(&fixture, "user"), count_role(&fixture, "admin")), (2, SESSIONS));
}
