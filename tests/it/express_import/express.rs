//! A database that Express has used alone.

use crate::{
    schema::parity::PEERS_TABLE,
    support::{EngineKind, Program, TestDatabase},
};

pub const USER: &str = "550e8400-e29b-41d4-a716-446655440000";
pub const NO_ABSOLUTE_EXPIRY: &str = "9999-12-31T23:59:59.999999Z";

/// The users of an application: the columns that the seed's queries name.
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

/// The seed's table.
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

/// A database with these tables; `None` where there is no PostgreSQL.
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

/// All three of them.
pub fn whole() -> Option<TestDatabase> {
    database(&[PEERS_TABLE, USERS, SESSIONS])
}

/// What Express has written for a sign-in, in minutes from now: when it was, when its row ends, when its data does.
pub fn sign_in(database: &TestDatabase, sid: &str, at: i32, expires_at: i32, expire: i32) {
    database.execute(&format!(
        "INSERT INTO sessions (sid, user_id, ip_address, expires_at, created_at, updated_at) VALUES ('{sid}', '{USER}',
             '192.168.1.100', now() + interval '1 minute' * {expires_at}, now() + interval '1 minute' * {at},
             now() + interval '1 minute' * {at})"
    ));
    data(database, sid, expire, &sess(USER));
}

/// Only its data.
pub fn data(database: &TestDatabase, sid: &str, expire: i32, sess: &str) {
    database.execute(&format!(
        "INSERT INTO user_sessions (sid, sess, expire) VALUES ('{sid}', '{sess}', now() + interval '1 minute' * {expire})"
    ));
}

pub fn sess(user: &str) -> String {
    format!(
        r#"{{"cookie":{{"originalMaxAge":86400000,"expires":"2999-01-29T11:50:14.000Z","secure":false,"httpOnly":true,"path":"/"}},"userId":"{user}","status":"login"}}"#
    )
}

/// Takes it over, and returns what was said on standard output.
pub fn take_over(database: &TestDatabase) -> String {
    let finished = Program::new(database).run(&["migrate"]);
    assert_eq!(finished.status, 0, "{finished:?}");
    finished.out
}
