//! Express as a database role that has privileges on its own table only, and another `search_path`.

use serde_json::json;

use super::pair::Pair;
use crate::support::{
    TestDatabase,
    express::{Express, with_express},
};

with_express!(peer_role_needs_privileges_on_user_sessions_only);

/// A role of one database. Roles belong to the whole server, so it is dropped with the value.
struct Role<'a> {
    database: &'a TestDatabase,
    name: String,
}

impl<'a> Role<'a> {
    fn new(database: &'a TestDatabase) -> Self {
        let name = format!("{}_peer", database.url().rsplit('/').next().unwrap().split('?').next().unwrap());
        database.execute(&format!("CREATE ROLE {name}"));
        Self { database, name }
    }
}

impl Drop for Role<'_> {
    fn drop(&mut self) {
        let name = &self.name;
        let _ = self.database.try_execute(&format!("DROP OWNED BY {name}; DROP ROLE {name}"));
    }
}

fn peer_role_needs_privileges_on_user_sessions_only() {
    let mut pair = Pair::new();
    let database = pair.app.database();
    let url = database.url().to_owned();
    let role = Role::new(database);
    // Tables of the same names that come first in its search_path, and must not be used.
    database.execute(&format!(
        "CREATE SCHEMA elsewhere;
         CREATE TABLE elsewhere.users (LIKE users);
         CREATE TABLE elsewhere.sessions (LIKE sessions);
         CREATE TABLE elsewhere.replaced_sids (LIKE replaced_sids);
         GRANT USAGE ON SCHEMA public, elsewhere TO {0};
         GRANT ALL ON ALL TABLES IN SCHEMA elsewhere TO {0};
         GRANT SELECT, INSERT, UPDATE, DELETE ON user_sessions TO {0}",
        role.name
    ));
    let separator = if url.contains('?') { '&' } else { '?' };
    let url = format!("{url}{separator}options=-c%20role%3D{}%20-c%20search_path%3Delsewhere", role.name);
    pair.express = Express::with(&url, &json!({"store": {"schemaName": "public"}}));

    let mut person = pair.signed_in_at_express();
    person.assert_signed_in_at_both(pair.user);
    person.set_at_express(&json!({"cart": 1}));
    database.execute(
        "UPDATE sessions SET created_at = now() - interval '1 hour', last_seen_at = now() - interval '1 hour';
         UPDATE user_sessions SET expire = expire - interval '1 hour'",
    );
    person.at_express().get("/ping");
    assert_eq!(pair.app.count("sessions", "WHERE last_seen_at > now() - interval '1 minute'"), 1);
    let sid = person.sid();
    person.sign_out_at_express("deleting userId");
    assert_eq!(pair.app.count("sessions", "WHERE status = 'active'"), 0);
    person.post_to_express("/sign-in", &[("user", &pair.user.to_string())]);
    assert_eq!(pair.session(&sid, "status"), "active");
    person.sign_out_at_express("destroy");
    assert_eq!(pair.session(&sid, "end_reason"), "signed_out");
    let mut keyracks = pair.signed_in_at_keyrack();
    keyracks.assert_signed_in_at_both(pair.user);
    database.execute(
        "UPDATE sessions SET created_at = now() - interval '1 day', last_seen_at = now() - interval '1 day'
         WHERE status = 'active'; UPDATE user_sessions SET expire = now() - interval '1 hour'",
    );
    pair.prune();
    assert_eq!(pair.session(&keyracks.sid(), "status"), "logged_out");
    for table in ["users", "sessions", "replaced_sids"] {
        assert_eq!(database.count(&format!("elsewhere.{table}"), ""), 0);
    }
    // The role really has no privileges on Keyrack's tables.
    let peeking = format!("SET ROLE {}; SELECT FROM public.sessions", role.name);
    assert!(database.try_execute(&peeking).unwrap_err().to_string().contains("permission denied"));
    pair.app.assert_sound();
}
