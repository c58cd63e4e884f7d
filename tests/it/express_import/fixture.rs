//! Databases that an Express application has used without Keyrack.

use crate::{
    schema::parity::CONNECT_PG_SIMPLE_TABLE,
    support::{EngineKind, Program, TestDatabase},
};

pub const USER: &str = "550e8400-e29b-41d4-a716-446655440000";
pub const NO_ABSOLUTE_EXPIRY: &str = "9999-12-31T23:59:59.999999Z";

/// A table of users with the columns that the seed's queries name.
pub const USERS: &str = "
    CREATE TABLE users (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        email varchar(255) NOT NULL UNIQUE,
        user_name varchar(64),
        first_name varchar(64),
        last_name varchar(64)
    );
    INSERT INTO users (id, email, first_name)
    VALUES ('550e8400-e29b-41d4-a716-446655440000', 'rajat.verma@example.com', 'Rajat');";

/// The seed's table of sessions.
pub const SESSIONS: &str = "
    CREATE TABLE sessions (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        sid varchar NOT NULL UNIQUE,
        user_id uuid NOT NULL REFERENCES users (id),
        status varchar(16) NOT NULL DEFAULT 'active',
        ip_address varchar(45),
        user_agent text,
        expires_at timestamptz NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        logged_out_at timestamptz
    );";

/// A database with these tables; `None` if PostgreSQL is not available.
pub fn database(tables: &[&str]) -> Option<TestDatabase> {
    if !EngineKind::Postgres.is_available() {
        return None;
    }
    let database = TestDatabase::blank(EngineKind::Postgres);
    for sql in tables {
        database.execute(sql);
    }
    Some(database)
}

/// A database with all three tables.
pub fn all_tables() -> Option<TestDatabase> {
    database(&[CONNECT_PG_SIMPLE_TABLE, USERS, SESSIONS])
}

/// Writes a sign-in as Express does. Times in minutes from now: of the sign-in, of its row's expiry, of its data's
/// expiry.
pub fn sign_in(database: &TestDatabase, sid: &str, at: i32, expires_at: i32, expire: i32) {
    database.execute(&format!(
        "INSERT INTO sessions (sid, user_id, ip_address, expires_at, created_at, updated_at) VALUES ('{sid}', '{USER}',
             '192.168.1.100', now() + interval '1 minute' * {expires_at}, now() + interval '1 minute' * {at},
             now() + interval '1 minute' * {at})"
    ));
    insert_data(database, sid, expire, &sess(USER));
}

/// Writes session data as Express does.
pub fn insert_data(database: &TestDatabase, sid: &str, expire: i32, sess: &str) {
    database.execute(&format!(
        "INSERT INTO user_sessions (sid, sess, expire)
         VALUES ('{sid}', '{sess}', now() + interval '1 minute' * {expire})"
    ));
}

pub fn sess(user: &str) -> String {
    let cookie =
        r#"{"originalMaxAge":86400000,"expires":"2999-01-29T11:50:14.000Z","secure":false,"httpOnly":true,"path":"/"}"#;
    format!(r#"{{"cookie":{cookie},"userId":"{user}","status":"login"}}"#)
}

/// Imports the database by `keyrack migrate`, and returns its standard output.
pub fn import(database: &TestDatabase) -> String {
    let finished = Program::new(database).run(&["migrate"]);
    assert_eq!(finished.status, 0, "{finished:?}");
    finished.out
}
