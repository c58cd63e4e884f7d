//! Sessions that the database refuses to end, because another table or a trigger of an operator keeps them: all others
//! end nevertheless, and the error names those that are left.

use std::{num::NonZeroU32, ops::Range};

use diesel::{Connection, PgConnection, connection::SimpleConnection};
use keyrack::{accounts::Email, error::Error, sessions::EndReason};

use super::session_fixture::{DAY, EMAIL, HOUR, MINUTE, SessionFixture};
use crate::support::{EngineKind, PASSWORD, TestApp, on_both_engines, wait, wait_until};

on_both_engines!(
    session_kept_by_a_reference_does_not_keep_others_alive,
    session_kept_by_a_trigger_does_not_keep_others_alive,
    few_sessions_end_beside_one_that_is_kept,
    account_changes_although_one_of_its_sessions_is_kept,
    sign_in_beyond_the_limit_ends_others_than_a_kept_session,
    purge_passes_over_rows_that_are_kept,
    page_says_that_some_devices_could_not_be_signed_out,
);

/// Sessions of three batches.
const MANY: usize = 450;

fn unlimited(engine: EngineKind) -> SessionFixture {
    let fixture = SessionFixture::with(engine, |config| config.policy.max_sessions = None);
    // The doctor reports references to sessions.
    fixture.break_with("SELECT 1");
    fixture
}

/// Keeps the data of these sids by a foreign key of another table.
fn keep_by_reference(app: &TestApp, sids: &[&str]) {
    let values = sids.iter().map(|sid| format!("('{sid}')")).collect::<Vec<_>>().join(", ");
    app.execute(&format!(
        "CREATE TABLE kept (sid varchar REFERENCES user_sessions (sid)); INSERT INTO kept (sid) VALUES {values}"
    ));
}

/// Keeps the sessions of these sids by a trigger.
fn keep_by_trigger(app: &TestApp, sids: &[&str]) {
    let condition =
        format!("OLD.sid IN ({})", sids.iter().map(|sid| format!("'{sid}'")).collect::<Vec<_>>().join(", "));
    app.execute(&match app.kind() {
        EngineKind::Sqlite => format!(
            "CREATE TRIGGER kept BEFORE UPDATE ON sessions WHEN {condition}
             BEGIN SELECT RAISE(ABORT, 'kept by the auditor'); END"
        ),
        EngineKind::Postgres => format!(
            "CREATE FUNCTION kept() RETURNS trigger LANGUAGE plpgsql
             AS $$ BEGIN RAISE EXCEPTION 'kept by the auditor'; END $$;
             CREATE TRIGGER kept BEFORE UPDATE ON sessions FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION kept()"
        ),
    });
}

fn sids(numbers: Range<usize>) -> Vec<String> {
    numbers.map(|number| format!("old-{number}")).collect()
}

fn as_refs(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

fn incomplete<T: std::fmt::Debug>(outcome: Result<T, Error>) -> String {
    let Err(Error::Incomplete(message)) = outcome else { panic!("{outcome:?}") };
    message
}

/// Asserts that exactly these sessions are active, and that the message names and counts them.
fn assert_left(fixture: &SessionFixture, message: &str, sids: &[String]) {
    let left = fixture.texts("SELECT sid AS v FROM sessions WHERE status = 'active' ORDER BY sid");
    let mut expected = sids.to_vec();
    expected.sort();
    assert_eq!(left, expected);
    let count = if sids.len() == 1 { "1 session is".to_owned() } else { format!("{} sessions are", sids.len()) };
    assert!(message.contains(&count), "{message}");
    for id in
        fixture.texts("SELECT CAST(id AS text) AS v FROM sessions WHERE status = 'active' ORDER BY id").iter().take(10)
    {
        assert!(message.contains(id), "{id}: {message}");
    }
    assert!(!message.contains("old-") && message.contains("then try again"), "{message}");
}

fn session_kept_by_a_reference_does_not_keep_others_alive(engine: EngineKind) {
    let fixture = unlimited(engine);
    fixture.add_sessions(fixture.user, "old", MANY, HOUR);
    let kept = sids(101..104);
    keep_by_reference(&fixture, &as_refs(&kept));
    let message = incomplete(wait(fixture.sessions().revoke_everyone()));
    assert_left(&fixture, &message, &kept);
    assert!(message.contains("FOREIGN KEY") || message.contains("foreign key"), "{message}");

    fixture.execute("DELETE FROM kept WHERE sid = 'old-102'");
    let message = incomplete(wait(fixture.sessions().end_all_of(fixture.user, EndReason::Revoked)));
    assert_left(&fixture, &message, &[kept[0].clone(), kept[2].clone()]);
    fixture.execute("DELETE FROM kept");
    assert_eq!(wait(fixture.sessions().revoke_everyone()).unwrap(), 2);
}

fn session_kept_by_a_trigger_does_not_keep_others_alive(engine: EngineKind) {
    let fixture = unlimited(engine);
    fixture.add_sessions(fixture.user, "old", MANY, HOUR);
    let kept = sids(200..230);
    keep_by_trigger(&fixture, &as_refs(&kept));
    let this = fixture.sign_in();
    let message = incomplete(wait(fixture.sessions().revoke_others(fixture.user, this.id)));
    assert!(fixture.is_alive(&this.sid));
    wait(fixture.sessions().sign_out(&this.sid)).unwrap();
    assert_left(&fixture, &message, &kept);
    assert!(message.contains("kept by the auditor") && message.contains("and 20 more"), "{message}");
}

/// One batch, which the transaction that begins the end would end as a whole.
fn few_sessions_end_beside_one_that_is_kept(engine: EngineKind) {
    for keep in [keep_by_reference, keep_by_trigger] {
        let fixture = unlimited(engine);
        fixture.add_sessions(fixture.user, "old", 5, HOUR);
        let kept = sids(3..4);
        keep(&fixture, &as_refs(&kept));
        let message = incomplete(wait(fixture.sessions().end_all_of(fixture.user, EndReason::RevokedByAdmin)));
        assert_left(&fixture, &message, &kept);
    }
}

fn account_changes_although_one_of_its_sessions_is_kept(engine: EngineKind) {
    let fixture = unlimited(engine);
    let email: Email = EMAIL.parse().unwrap();
    fixture.add_sessions(fixture.user, "old", 3, HOUR);
    let kept = sids(2..3);
    keep_by_trigger(&fixture, &as_refs(&kept));
    let accounts = fixture.keyrack.accounts();
    let message = incomplete(wait(accounts.disable(&email)));
    assert_left(&fixture, &message, &kept);
    assert_eq!(fixture.count("users", "WHERE disabled_at IS NOT NULL"), 1);
    assert!(wait(fixture.sessions().resume(&keyrack::sessions::Sid::from_trusted("old-2"))).unwrap().is_none());
    let before = fixture.text("SELECT password_hash AS v FROM users");
    let changed = wait(accounts.set_password(&email, keyrack::accounts::Password::new("a new one, long enough")));
    assert!(changed.unwrap_err().to_string().contains("still active"));
    assert_ne!(fixture.text("SELECT password_hash AS v FROM users"), before);
    // The session would be alive again.
    incomplete(wait(accounts.enable(&email)));
    assert_eq!(fixture.count("users", "WHERE disabled_at IS NOT NULL"), 1);
}

fn sign_in_beyond_the_limit_ends_others_than_a_kept_session(engine: EngineKind) {
    let fixture = SessionFixture::with(engine, |config| config.policy.max_sessions = NonZeroU32::new(3));
    fixture.break_with("SELECT 1");
    fixture.add_sessions(fixture.user, "old", 1, HOUR * 3);
    fixture.add_sessions(fixture.user, "later", 3, HOUR);
    keep_by_trigger(&fixture, &["old-1"]);
    let mut browser = fixture.signed_in(EMAIL);
    // The rest ends in the background.
    wait_until(|| fixture.count("sessions", "WHERE status = 'active'") <= 4);
    assert_eq!(fixture.count("sessions", "WHERE status = 'active' AND sid = 'old-1'"), 1);
    assert!(browser.is_signed_in());
    assert_eq!(browser.get("/account/sessions").status, 200);
}

fn purge_passes_over_rows_that_are_kept(engine: EngineKind) {
    let fixture = SessionFixture::with(engine, |config| {
        config.policy.max_sessions = None;
        config.policy.history_retention = DAY * 30;
    });
    fixture.break_with("SELECT 1");
    fixture.add_sessions(fixture.user, "old", 250, HOUR);
    // More than a batch of the purge, at the front.
    let kept = sids(1..121);
    keep_by_reference(&fixture, &as_refs(&kept));
    fixture.clock.advance(DAY);
    let message = incomplete(wait(fixture.sessions().purge(|_| ())));
    assert_eq!(fixture.count("sessions", "WHERE status = 'active'"), 120);
    assert_eq!(fixture.count("user_sessions", ""), 120);
    assert!(message.contains("120 of the rows of expired session data") && !message.contains("old-"), "{message}");
    fixture.execute("DROP TABLE kept; CREATE TABLE kept_history AS SELECT id FROM sessions WHERE sid = 'old-130'");
    fixture.execute(match engine {
        EngineKind::Postgres => "ALTER TABLE kept_history ADD FOREIGN KEY (id) REFERENCES sessions (id)",
        EngineKind::Sqlite => {
            "DROP TABLE kept_history; CREATE TABLE kept_history (id text REFERENCES sessions (id));
             INSERT INTO kept_history SELECT id FROM sessions WHERE sid = 'old-130'"
        }
    });
    assert_eq!(wait(fixture.sessions().purge(|_| ())).unwrap().ended, 120);
    fixture.clock.advance(DAY * 31);
    let message = incomplete(wait(fixture.sessions().purge(|_| ())));
    assert_eq!(fixture.texts("SELECT sid AS v FROM sessions"), ["old-130"]);
    assert!(message.contains("1 of the ended sessions"), "{message}");
    fixture.execute("DELETE FROM kept_history");
    assert_eq!(fixture.purge().history_removed, 1);
}

fn page_says_that_some_devices_could_not_be_signed_out(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    let (mut kept, mut ended, mut browser) = (app.signed_in(EMAIL), app.signed_in(EMAIL), app.signed_in(EMAIL));
    keep_by_reference(&app, &[&kept.sid()]);
    let answer = browser.post_from("/account/sessions", "/account/sessions/revoke-others", &[]);
    assert_eq!(answer.status, 500);
    assert!(answer.text().contains("some devices could not be signed out"), "{}", answer.text());
    assert_eq!((kept.is_signed_in(), ended.is_signed_in(), browser.is_signed_in()), (true, false, true));
    let fields = [
        ("current_password", PASSWORD),
        ("password", "another green tea, once a day"),
        ("password_again", "another green tea, once a day"),
    ];
    let answer = browser.post_from("/account/password", "/account/password", &fields);
    assert_eq!(answer.status, 500, "{}", answer.text());
    assert!(browser.is_signed_in(), "the new sid arrived with the error");
    assert_eq!(app.browser().sign_in(EMAIL, "another green tea, once a day").status, 303, "the password is changed");
}

/// A transaction of another client that does not end.
#[test]
fn session_held_by_another_transaction_does_not_keep_others_alive() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let fixture = unlimited(EngineKind::Postgres);
    fixture.add_sessions(fixture.user, "old", MANY, HOUR);
    let mut holder = PgConnection::establish(fixture.database().url()).unwrap();
    holder.batch_execute("BEGIN; SELECT FROM sessions WHERE sid = 'old-7' FOR UPDATE").unwrap();
    let message = incomplete(wait(fixture.sessions().revoke_everyone()));
    holder.batch_execute("ROLLBACK").unwrap();
    assert_left(&fixture, &message, &sids(7..8));
    assert_eq!(wait(fixture.sessions().revoke_everyone()).unwrap(), 1);
}

/// The commit would fail, not the statement that ends the session.
#[test]
fn deferred_reference_keeps_only_its_session() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let fixture = unlimited(EngineKind::Postgres);
    fixture.add_sessions(fixture.user, "old", MANY, MINUTE);
    let kept = sids(300..302);
    keep_by_reference(&fixture, &as_refs(&kept));
    fixture.execute("ALTER TABLE kept ALTER CONSTRAINT kept_sid_fkey DEFERRABLE INITIALLY DEFERRED");
    let message = incomplete(wait(fixture.sessions().revoke_everyone()));
    assert_left(&fixture, &message, &kept);
}
