//! A server with one user, and access to the two rows of each session.

use std::{
    ops::Deref,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use keyrack::{
    clock::{Clock, Timestamp},
    config::Config,
    error::Result,
    sessions::{
        DataPatch, IssuedSession, LiveSession, NewSession, Purged, Report, SessionId, SessionRecord, Sessions, Sid,
        UserId,
    },
};
use serde_json::Value;

use crate::support::{EngineKind, TestApp, wait};

pub const EMAIL: &str = "rajat.verma@example.com";

pub const SECOND: Duration = Duration::from_secs(1);
pub const MINUTE: Duration = Duration::from_secs(60);
pub const HOUR: Duration = Duration::from_secs(3600);
pub const DAY: Duration = Duration::from_secs(24 * 3600);

/// A second less than a limit.
pub fn just_before(limit: Duration) -> Duration {
    limit.saturating_sub(SECOND)
}

/// A server with one user, whose sessions the test handles directly. When dropped, it asserts that the doctor finds no
/// breach, unless the test broke a rule on purpose.
pub struct SessionFixture {
    app: TestApp,
    pub user: UserId,
    broken: AtomicBool,
}

impl SessionFixture {
    pub fn new(engine: EngineKind) -> Self {
        Self::with(engine, |_| ())
    }

    pub fn with(engine: EngineKind, change: impl FnOnce(&mut Config)) -> Self {
        let app = TestApp::with(engine, change);
        let user = app.add_user(EMAIL);
        Self { app, user, broken: AtomicBool::new(false) }
    }

    pub fn sessions(&self) -> &Sessions {
        self.app.keyrack.sessions()
    }

    /// Another instance on the same database, whose clock shows this time.
    pub fn sessions_at(&self, at: Timestamp) -> TestApp {
        TestApp::over(self.database(), Clock::fixed(at), |_| ())
    }

    pub fn now(&self) -> Timestamp {
        self.app.clock.now()
    }

    pub fn new_session(&self) -> NewSession {
        NewSession::of(self.user)
    }

    pub fn start(&self, new: NewSession) -> Result<IssuedSession> {
        wait(self.sessions().start(new))
    }

    pub fn sign_in(&self) -> IssuedSession {
        self.start(self.new_session()).unwrap()
    }

    pub fn sign_in_as(&self, user: UserId) -> IssuedSession {
        self.start(NewSession { user_id: user, ..self.new_session() }).unwrap()
    }

    pub fn resume(&self, sid: &Sid) -> Option<LiveSession> {
        let live = wait(self.sessions().resume(sid)).unwrap();
        self.write_activity();
        live
    }

    /// Writes noted activity now instead of a second later. A failure is ignored, as it fails no request.
    pub fn write_activity(&self) {
        wait(self.sessions().record_activity()).ok();
    }

    pub fn is_alive(&self, sid: &Sid) -> bool {
        self.resume(sid).is_some()
    }

    pub fn save(&self, sid: &Sid, patch: DataPatch) -> Result<()> {
        wait(self.sessions().save(sid, patch))
    }

    pub fn rotate(&self, sid: &Sid) -> Result<IssuedSession> {
        wait(self.sessions().rotate(sid, DataPatch::default()))
    }

    pub fn purge(&self) -> Purged {
        wait(self.sessions().purge(|_| ())).unwrap()
    }

    /// Inserts `count` live sessions of this user that started and were last active `ago`, with the sids PREFIX-1,
    /// PREFIX-2, …
    pub fn add_sessions(&self, user: UserId, prefix: &str, count: usize, ago: Duration) {
        let at = (self.now() - ago).to_iso_micros();
        let expiry = (self.now() + HOUR * 20).to_iso_micros();
        let sess = format!(r#"{{"cookie":{{}},"userId":"{user}","status":"login"}}"#);
        let numbers =
            format!("WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count}) ");
        let cast = |kind: &str| if self.kind() == EngineKind::Postgres { format!("::{kind}") } else { String::new() };
        let (time, json, data_time) = (cast("timestamptz"), cast("json"), cast("timestamptz::timestamp"));
        let id = cast("uuid");
        self.execute(&format!(
            "INSERT INTO sessions (sid, user_id, ip_address, user_agent, expires_at, created_at, updated_at, last_seen_at)
             {numbers} SELECT '{prefix}-' || n, '{user}'{id}, '192.0.2.1', 'curl/8.5.0', '{expiry}'{time}, '{at}'{time},
             '{at}'{time}, '{at}'{time} FROM numbers;
             INSERT INTO user_sessions (sid, sess, expire)
             {numbers} SELECT '{prefix}-' || n, '{sess}'{json}, '{expiry}'{data_time} FROM numbers"
        ));
    }

    /// The number of this user's active sessions; both tables have to agree.
    pub fn active_of(&self, user: UserId) -> usize {
        let active = self.count("sessions", &format!("WHERE user_id = '{user}' AND status = 'active'"));
        let with_data = self.count(
            "sessions JOIN user_sessions ON user_sessions.sid = sessions.sid",
            &format!("WHERE user_id = '{user}' AND status = 'active'"),
        );
        assert_eq!(active, with_data, "both tables agree");
        active
    }

    /// All active sessions, as an operator lists them.
    pub fn list_all(&self) -> Vec<SessionRecord> {
        let all = Arc::new(Mutex::new(Vec::new()));
        let batches = Arc::clone(&all);
        let collect = move |batch| {
            batches.lock().unwrap().extend::<Vec<_>>(batch);
            true
        };
        wait(self.sessions().list(None, false, collect)).unwrap();
        std::mem::take(&mut all.lock().unwrap())
    }

    pub fn doctor(&self, repair: bool) -> Report {
        wait(self.sessions().doctor(repair)).unwrap()
    }

    /// The row in `sessions`.
    pub fn session(&self, id: SessionId) -> Value {
        let mut rows = self.rows("sessions", &format!("WHERE id = '{id}'"));
        assert_eq!(rows.len(), 1, "{rows:?}");
        rows.remove(0)
    }

    /// The row in `user_sessions`, if it exists.
    pub fn data(&self, sid: &Sid) -> Option<Value> {
        self.rows("user_sessions", &format!("WHERE sid = '{}'", sid.expose())).pop()
    }

    /// The text of the column `sess`.
    pub fn sess(&self, sid: &Sid) -> String {
        self.text(&format!("SELECT CAST(sess AS text) AS v FROM user_sessions WHERE sid = '{}'", sid.expose()))
    }

    /// Asserts that a session has ended, with this reason and time, and that its data is deleted.
    pub fn assert_ended(&self, started: &IssuedSession, reason: &str, at: Timestamp) {
        let session = self.session(started.id);
        assert_eq!(session["status"], "logged_out");
        assert_eq!(session["end_reason"], reason);
        assert_eq!(session["logged_out_at"], at.to_iso_micros());
        assert_eq!(self.data(&started.sid), None, "{reason} leaves data");
        assert!(!self.is_alive(&started.sid), "{reason} leaves the session alive");
    }

    /// Runs SQL that breaks a rule on purpose.
    pub fn break_with(&self, sql: &str) {
        self.broken.store(true, Ordering::SeqCst);
        self.execute(sql);
    }

    /// Runs SQL that breaks a rule on purpose, with the triggers disabled.
    pub fn break_unguarded(&self, sql: &str) {
        self.broken.store(true, Ordering::SeqCst);
        match self.kind() {
            EngineKind::Postgres => self.execute(&format!(
                "BEGIN; ALTER TABLE sessions DISABLE TRIGGER USER; ALTER TABLE user_sessions DISABLE TRIGGER USER; {sql};
                 ALTER TABLE sessions ENABLE TRIGGER USER; ALTER TABLE user_sessions ENABLE TRIGGER USER; COMMIT"
            )),
            EngineKind::Sqlite => {
                let triggers = "FROM sqlite_master WHERE type = 'trigger'";
                let drop = self.texts(&format!("SELECT 'DROP TRIGGER ' || name AS v {triggers}")).join("; ");
                let create = self.texts(&format!("SELECT sql AS v {triggers}")).join(";\n");
                self.execute(&format!("BEGIN; {drop}; {sql}; {create}; COMMIT"));
            }
        }
    }

    /// Makes every later write to the tables of sessions fail.
    pub fn forbid_writes(&self) {
        for table in ["sessions", "user_sessions"] {
            for event in ["INSERT", "UPDATE", "DELETE"] {
                let name = format!("test_{table}_{event}");
                self.execute(&match self.kind() {
                    EngineKind::Sqlite => format!(
                        "CREATE TRIGGER {name} BEFORE {event} ON {table} BEGIN SELECT RAISE(ABORT, 'a write'); END"
                    ),
                    EngineKind::Postgres => format!(
                        "CREATE OR REPLACE FUNCTION test_refuse() RETURNS trigger LANGUAGE plpgsql
                         AS $$ BEGIN RAISE EXCEPTION 'a write'; END $$;
                         CREATE TRIGGER {name} BEFORE {event} ON {table} EXECUTE FUNCTION test_refuse()"
                    ),
                });
            }
        }
    }
}

/// The patch of a request that found `live` and sets these keys.
pub fn setting(live: &LiveSession, values: &[(&str, Value)]) -> DataPatch {
    let others = live.data.entries().filter(|(key, _)| values.iter().all(|(name, _)| name != key));
    let added = values.iter().map(|(key, value)| (*key, value.to_string()));
    let after = others.map(|(key, text)| (key, text.to_owned())).chain(added);
    DataPatch::between(&live.data, after).unwrap()
}

/// The patch of a request that found `live` and removes this key.
pub fn removing(live: &LiveSession, removed: &str) -> DataPatch {
    let after = live.data.entries().filter(|(key, _)| *key != removed);
    DataPatch::between(&live.data, after).unwrap()
}

impl Deref for SessionFixture {
    type Target = TestApp;

    fn deref(&self) -> &TestApp {
        &self.app
    }
}

impl Drop for SessionFixture {
    fn drop(&mut self) {
        if !self.broken.load(Ordering::SeqCst) && !thread::panicking() {
            let report = self.doctor(false);
            assert!(report.breaches.is_empty(), "the test left {report:?}");
        }
    }
}
