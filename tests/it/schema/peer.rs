//! Another program on the same tables: the statements of connect-pg-simple, and plain SQL.

use keyrack::clock::Timestamp;

use crate::support::{EngineKind, TestDatabase};

pub const USER: &str = "550e8400-e29b-41d4-a716-446655440000";

/// A database with a user, to which other programs write.
pub struct Peer(pub TestDatabase);

impl Peer {
    pub fn new(engine: EngineKind) -> Self {
        let database = TestDatabase::new(engine);
        database.adopt_peers();
        database.execute(&format!("INSERT INTO users (id, email) VALUES ('{USER}', 'rajat.verma@example.com')"));
        Self(database)
    }

    /// A time as a SQL literal. PostgreSQL converts it by the connection's time zone, which is UTC here.
    pub fn time(&self, at: Timestamp) -> String {
        match self.0.kind() {
            EngineKind::Postgres => format!("to_timestamp({}.0)", at.as_micros() / 1_000_000),
            EngineKind::Sqlite => format!("'{}'", at.to_iso_micros()),
        }
    }

    /// Inserts a session of the user into both tables.
    pub fn sign_in(&self, sid: &str, expire: Timestamp, expires_at: Timestamp) {
        let (expire, expires_at) = (self.time(expire), self.time(expires_at));
        self.0.execute(&format!(
            "INSERT INTO sessions (sid, user_id, expires_at) VALUES ('{sid}', '{USER}', {expires_at});
             INSERT INTO user_sessions (sid, sess, expire)
             VALUES ('{sid}', '{{\"userId\":\"{USER}\",\"status\":\"login\"}}', {expire})"
        ));
    }

    /// connect-pg-simple's `set`. Returns whether a row was written.
    pub fn set(&self, sid: &str, sess: &str, expire: Timestamp) -> bool {
        !self.0.texts(&self.set_statement(sid, sess, expire)).is_empty()
    }

    pub fn set_statement(&self, sid: &str, sess: &str, expire: Timestamp) -> String {
        let expire = self.time(expire);
        format!(
            r#"INSERT INTO "user_sessions" (sess, expire, sid) SELECT '{sess}', {expire}, '{sid}' WHERE true
               ON CONFLICT (sid) DO UPDATE SET sess='{sess}', expire={expire} RETURNING sid AS v"#
        )
    }

    /// connect-pg-simple's `touch`. Returns whether a row was changed.
    pub fn touch(&self, sid: &str, expire: Timestamp) -> bool {
        let expire = self.time(expire);
        let sql = format!(r#"UPDATE "user_sessions" SET expire = {expire} WHERE sid = '{sid}' RETURNING sid AS v"#);
        !self.0.texts(&sql).is_empty()
    }

    pub fn destroy(&self, sid: &str) {
        self.0.execute(&format!(r#"DELETE FROM "user_sessions" WHERE sid = '{sid}'"#));
    }

    pub fn prune(&self, now: Timestamp) {
        let now = self.time(now);
        self.0.execute(&format!(r#"DELETE FROM "user_sessions" WHERE expire < {now}"#));
    }

    /// Ends a session by plain SQL that does not set Keyrack's columns.
    pub fn end(&self, sid: &str) {
        self.0.execute(&format!("UPDATE sessions SET status = 'logged_out' WHERE sid = '{sid}'"));
    }

    /// One column of the session with this sid.
    pub fn session(&self, sid: &str, column: &str) -> String {
        let rows = self.0.rows("sessions", &format!("WHERE sid = '{sid}'"));
        assert_eq!(rows.len(), 1);
        rows[0][column].as_str().unwrap_or("NULL").to_owned()
    }

    pub fn has_data(&self, sid: &str) -> bool {
        self.0.count("user_sessions", &format!("WHERE sid = '{sid}'")) == 1
    }
}
