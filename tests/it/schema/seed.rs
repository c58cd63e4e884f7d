//! The seed document: its statements run verbatim, and every example record fits into the tables.

use std::time::{Duration, SystemTime};

use keyrack::{
    clock::{Clock, Timestamp},
    config::Config,
    sessions::Sid,
};
use serde_json::{Value, json};

use crate::support::{EngineKind, TestApp, TestDatabase, on_both_engines, wait};

on_both_engines!(
    statements_have_documented_effect,
    active_sessions_exclude_ended_expired_and_foreign,
    records_fit_tables_with_all_fields,
    data_record_for_ended_session_is_skipped,
    ending_with_kept_data_yields_logout_records,
);

const SID: &str = "sess:abc123xyz789def456";

// The statements, in the order of the document.
const ACTIVE: &str = include_str!("seed/1_active_of_user.sql");
const DATA: &str = include_str!("seed/2_data_of_user.sql");
const LOGIN: &str = include_str!("seed/3_login_session.sql");
const LOGIN_DATA: &str = include_str!("seed/4_login_data.sql");
const LOGOUT: &str = include_str!("seed/5_logout_session.sql");
const LOGOUT_DATA: &str = include_str!("seed/6_logout_data.sql");
const ACTIVE_WITH_USER: &str = include_str!("seed/7_active_with_user.sql");
const WITH_USER: &str = include_str!("seed/8_session_with_user.sql");

const SESSION_AFTER_LOGIN: &str = include_str!("seed/session_after_login.json");
const SESSION_AFTER_LOGOUT: &str = include_str!("seed/session_after_logout.json");
const DATA_AFTER_LOGIN: &str = include_str!("seed/data_after_login.json");
const DATA_AFTER_LOGOUT: &str = include_str!("seed/data_after_logout.json");

const SEED_USER: &str = "INSERT INTO users (id, email, user_name, first_name, last_name) VALUES
    ('550e8400-e29b-41d4-a716-446655440000', 'rajat.verma@example.com', 'rajat', 'Rajat', 'Verma')";

/// A migrated database with the seed's user.
struct Seed(TestDatabase);

impl Seed {
    fn new(engine: EngineKind) -> Self {
        let database = TestDatabase::new(engine);
        database.execute(SEED_USER);
        Self(database)
    }

    /// A statement of the document, with `NOW()` replaced on SQLite, which lacks it.
    fn for_engine(&self, statement: &str) -> String {
        match self.0.kind() {
            EngineKind::Postgres => statement.to_owned(),
            EngineKind::Sqlite => statement.replace("NOW()", "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')"),
        }
    }

    fn run(&self, statement: &str) {
        self.0.execute(&self.for_engine(statement));
    }

    /// The rows of a SELECT of the document as JSON. It is read through a view, which names its columns.
    fn select(&self, statement: &str) -> Vec<Value> {
        self.run(statement);
        self.0.execute(&format!("CREATE VIEW seed_view AS {}", self.for_engine(statement)));
        let rows = self.0.rows("seed_view", "");
        self.0.execute("DROP VIEW seed_view");
        rows
    }

    fn session(&self) -> Value {
        self.only_row("sessions")
    }

    fn only_row(&self, table: &str) -> Value {
        let rows = self.0.rows(table, "");
        assert_eq!(rows.len(), 1, "{rows:?}");
        rows[0].clone()
    }

    /// Inserts a record with exactly its own fields.
    fn insert(&self, table: &str, record: &str) {
        let record: Value = serde_json::from_str(record).unwrap();
        let (columns, values): (Vec<&str>, Vec<String>) =
            record.as_object().unwrap().iter().map(|(name, value)| (name.as_str(), literal(value))).unzip();
        self.0.execute(&format!("INSERT INTO {table} ({}) VALUES ({})", columns.join(", "), values.join(", ")));
    }
}

fn literal(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::String(text) => format!("'{text}'"),
        other => format!("'{other}'"),
    }
}

/// A record of the document in the format in which the tests read rows: times with microseconds.
fn record(text: &str) -> Value {
    let mut record: Value = serde_json::from_str(text).unwrap();
    for (name, value) in record.as_object_mut().unwrap() {
        if let (true, Some(text)) = (name.ends_with("_at") || name == "expire", value.as_str()) {
            *value = json!(Timestamp::parse(text).unwrap().to_iso_micros());
        }
    }
    record
}

/// Compares the fields selected by `given`. A row may have columns that the document does not know.
fn assert_fields(row: &Value, expected: &Value, given: impl Fn(&str) -> bool) {
    for (name, value) in expected.as_object().unwrap().iter().filter(|(name, _)| given(name)) {
        assert_eq!(&row[name], value, "{name} in {row}");
    }
}

fn assert_recent(value: &Value) {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let time = Timestamp::parse(value.as_str().unwrap()).unwrap();
    let age = now.as_micros().cast_signed() - i128::from(time.as_micros());
    assert!(age.unsigned_abs() < Duration::from_secs(300).as_micros(), "{time:?} is not a recent time");
}

fn assert_uuid(value: &Value) {
    let parsed = value.as_str().unwrap().parse::<keyrack::sessions::SessionId>().unwrap();
    assert_eq!(value.as_str().unwrap(), parsed.to_string());
    assert_eq!(value.as_str().unwrap().as_bytes()[14], b'4', "not a version 4 UUID: {value}");
}

fn statements_have_documented_effect(engine: EngineKind) {
    let seed = Seed::new(engine);
    assert!(seed.select(ACTIVE).is_empty());
    assert!(seed.select(DATA).is_empty());

    seed.run(LOGIN);
    let session = seed.session();
    // The statement has a shorter user agent than the record, and leaves the id and two times to the defaults.
    let given = ["sid", "user_id", "status", "ip_address", "expires_at", "logged_out_at"];
    assert_fields(&session, &record(SESSION_AFTER_LOGIN), |name| given.contains(&name));
    assert_eq!(session["user_agent"], "Mozilla/5.0 (Windows NT 10.0; Win64; x64)...");
    assert_uuid(&session["id"]);
    for name in ["created_at", "updated_at", "last_seen_at"] {
        assert_recent(&session[name]);
    }
    assert_eq!(session["end_reason"], Value::Null);
    assert_eq!(seed.select(ACTIVE), std::slice::from_ref(&session));

    seed.run(LOGIN_DATA);
    assert_eq!(seed.only_row("user_sessions"), record(DATA_AFTER_LOGIN));
    let found = json!({
        "sid": SID,
        "user_id": "550e8400-e29b-41d4-a716-446655440000",
        "status": "login",
        "expire": "2026-01-29T11:50:14.000000Z",
    });
    assert_eq!(seed.select(DATA), [found]);

    seed.run(LOGOUT);
    let ended = seed.session();
    assert_eq!(ended["status"], "logged_out");
    assert_recent(&ended["logged_out_at"]);
    assert_recent(&ended["updated_at"]);
    assert_eq!(ended["end_reason"], "signed_out");
    let changed = ["status", "logged_out_at", "updated_at", "end_reason"];
    assert_fields(&ended, &session, |name| !changed.contains(&name));
    assert!(seed.select(ACTIVE).is_empty());
    assert_eq!(seed.0.count("user_sessions", ""), 0, "the end deletes the data");

    seed.run(LOGOUT_DATA);
    assert_eq!(seed.0.count("user_sessions", ""), 0);
    assert_eq!(seed.session(), ended, "deleting data that does not exist changes nothing");
    assert!(seed.select(ACTIVE_WITH_USER).is_empty());

    let fields = ["id", "sid", "status", "ip_address", "user_agent", "created_at", "logged_out_at"];
    let mut joined: Value = fields.iter().map(|name| (*name, ended[name].clone())).collect();
    for (name, value) in
        [("email", "rajat.verma@example.com"), ("user_name", "rajat"), ("first_name", "Rajat"), ("last_name", "Verma")]
    {
        joined[name] = json!(value);
    }
    assert_eq!(seed.select(WITH_USER), [joined]);
}

fn active_sessions_exclude_ended_expired_and_foreign(engine: EngineKind) {
    let seed = Seed::new(engine);
    seed.run(LOGIN);
    seed.0
        .execute("INSERT INTO users (id, email) VALUES ('650e8400-e29b-41d4-a716-446655440000', 'other@example.com')");
    for (sid, user, status, expires_at) in [
        ("live", "550", "active", "2999-01-29T11:50:14.000Z"),
        ("expired", "550", "active", "2020-01-29T11:50:14.000Z"),
        ("ended", "550", "logged_out", "2999-01-29T11:50:14.000Z"),
        ("foreign", "650", "active", "2999-01-29T11:50:14.000Z"),
    ] {
        seed.0.execute(&format!(
            "INSERT INTO sessions (sid, user_id, status, expires_at)
             VALUES ('{sid}', '{user}e8400-e29b-41d4-a716-446655440000', '{status}', '{expires_at}')"
        ));
    }
    // The document's session has a fixed expiry, which may have passed.
    seed.0.execute(&format!("UPDATE sessions SET expires_at = '2998-01-01T00:00:00.000Z' WHERE sid = '{SID}'"));

    let mut rows = seed.select(ACTIVE_WITH_USER);
    rows.sort_by_key(|row| row["sid"].to_string());
    assert_eq!(rows.iter().map(|row| &row["sid"]).collect::<Vec<_>>(), ["live", SID]);
    for row in &rows {
        assert_eq!((&row["email"], &row["user_name"]), (&json!("rajat.verma@example.com"), &json!("rajat")));
        assert_fields(row, &seed.0.rows("sessions", &format!("WHERE sid = {}", literal(&row["sid"])))[0], |_| true);
    }
    let mut active: Vec<String> = seed.select(ACTIVE).iter().map(|row| row["sid"].to_string()).collect();
    active.sort();
    assert_eq!(active, ["\"expired\"", "\"live\"", &format!("\"{SID}\"")]);
}

fn records_fit_tables_with_all_fields(engine: EngineKind) {
    for (table, text) in [
        ("sessions", SESSION_AFTER_LOGIN),
        ("sessions", SESSION_AFTER_LOGOUT),
        ("user_sessions", DATA_AFTER_LOGIN),
        ("user_sessions", DATA_AFTER_LOGOUT),
    ] {
        let seed = Seed::new(engine);
        seed.insert(table, text);
        assert_fields(&seed.only_row(table), &record(text), |_| true);
    }
    let seed = Seed::new(engine);
    seed.insert("sessions", SESSION_AFTER_LOGIN);
    seed.insert("user_sessions", DATA_AFTER_LOGIN);
    assert_fields(&seed.session(), &record(SESSION_AFTER_LOGIN), |_| true);
    assert_eq!(seed.only_row("user_sessions"), record(DATA_AFTER_LOGIN));
}

fn data_record_for_ended_session_is_skipped(engine: EngineKind) {
    for data in [DATA_AFTER_LOGIN, DATA_AFTER_LOGOUT] {
        let seed = Seed::new(engine);
        seed.insert("sessions", SESSION_AFTER_LOGOUT);
        seed.insert("user_sessions", data);
        assert_eq!(seed.0.count("user_sessions", ""), 0);
    }
}

fn ending_with_kept_data_yields_logout_records(engine: EngineKind) {
    let seed = Seed::new(engine);
    seed.insert("sessions", SESSION_AFTER_LOGIN);
    seed.insert("user_sessions", DATA_AFTER_LOGIN);
    let clock = Clock::fixed(Timestamp::parse("2026-01-28T12:30:45.000Z").unwrap());
    let app = TestApp::over(&seed.0, clock, |config: &mut Config| config.policy.keep_ended_data = true);
    let ended = wait(app.keyrack.sessions().sign_out(&Sid::from_trusted(SID))).unwrap();
    assert_eq!(ended.unwrap().to_string(), "a1b2c3d4-e5f6-7890-abcd-ef1234567890");
    assert_fields(&seed.session(), &record(SESSION_AFTER_LOGOUT), |_| true);
    assert_eq!(seed.only_row("user_sessions"), record(DATA_AFTER_LOGOUT));
    let text = seed.0.text("SELECT CAST(sess AS text) AS v FROM user_sessions");
    let kept: Value = serde_json::from_str(DATA_AFTER_LOGOUT).unwrap();
    assert_eq!(text, kept["sess"].to_string(), "the order of the keys is kept");
}
