//! Changes of a user's role and address reach the data of their live sessions, where Express reads them.

use keyrack::{accounts::Role, clock::Clock, sessions::IssuedSession};
use serde_json::{Value, json};

use super::session_fixture::{DAY, EMAIL, SessionFixture, setting};
use crate::support::{EngineKind, Program, on_both_engines, wait};

on_both_engines!(
    new_role_reaches_data_of_live_sessions_at_once,
    new_address_reaches_data_of_live_sessions_at_once,
    change_of_role_keeps_other_keys_and_ends_nothing,
    change_of_role_leaves_what_is_not_keyracks_alone,
    change_of_role_by_command_answers_in_words,
    save_in_flight_keeps_new_role,
);

fn value(fixture: &SessionFixture, issued: &IssuedSession, key: &str) -> Value {
    serde_json::from_str::<Value>(&fixture.sess(&issued.sid)).unwrap()[key].clone()
}

fn new_role_reaches_data_of_live_sessions_at_once(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let (one, other) = (fixture.sign_in(), fixture.sign_in());
    let stranger = fixture.add_user("asha.verma@example.com");
    let of_stranger = fixture.sign_in_as(stranger);
    for (role, expected) in [(Role::Admin, "admin"), (Role::User, "user")] {
        assert!(wait(fixture.keyrack.accounts().set_role(&EMAIL.parse().unwrap(), role)).unwrap());
        for issued in [&one, &other] {
            assert_eq!(value(&fixture, issued, "role"), expected);
            assert_eq!(fixture.resume(&issued.sid).unwrap().user.role, expected);
        }
        assert_eq!(value(&fixture, &of_stranger, "role"), "user");
    }
    fixture.execute("UPDATE users SET role = 'admin'");
    for issued in [&one, &other, &of_stranger] {
        assert_eq!(value(&fixture, issued, "role"), "admin");
    }
    assert!(!wait(fixture.keyrack.accounts().set_role(&"no@example.com".parse().unwrap(), Role::User)).unwrap());
}

fn new_address_reaches_data_of_live_sessions_at_once(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let issued = fixture.sign_in();
    fixture.execute("UPDATE users SET email = 'r.\"v\"@example.com', role = 'admin'");
    assert_eq!(value(&fixture, &issued, "email"), "r.\"v\"@example.com");
    assert_eq!(value(&fixture, &issued, "role"), "admin");
    assert!(fixture.is_alive(&issued.sid));
}

fn change_of_role_keeps_other_keys_and_ends_nothing(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let (issued, ended) = (fixture.sign_in(), fixture.sign_in());
    wait(fixture.sessions().sign_out(&ended.sid)).unwrap();
    let before = fixture.sess(&issued.sid);
    // Numbers, order, nested keys of the same names, and characters that PostgreSQL's JSON operators reject.
    let more = r#","n":1.0,"big":12345678901234567890123,"nested":{"role":"user","email":"x"},"a":"\ud800 \u0000 \\u0000 é","é\n":[1,{"b":2}]}"#;
    let sess = format!("{}{more}", before.strip_suffix('}').unwrap());
    fixture.execute(&format!("UPDATE user_sessions SET sess = '{sess}'"));
    fixture.execute("UPDATE users SET role = 'admin'");
    assert_eq!(fixture.sess(&issued.sid), sess.replacen(r#""role":"user""#, r#""role":"admin""#, 1));
    assert_eq!(fixture.session(ended.id)["status"], "logged_out");
    assert_eq!(fixture.data(&ended.sid), None);
    assert!(fixture.is_alive(&issued.sid));
}

fn change_of_role_leaves_what_is_not_keyracks_alone(engine: EngineKind) {
    for own in ["\"editor\"", "17", "null", "[\"user\"]", "{\"role\":\"user\"}"] {
        let fixture = SessionFixture::new(engine);
        let issued = fixture.sign_in();
        let sess = fixture.sess(&issued.sid).replace(r#""role":"user""#, &format!(r#""role":{own}"#));
        fixture.break_unguarded(&format!("UPDATE user_sessions SET sess = '{sess}'"));
        fixture.execute("UPDATE users SET role = 'admin'");
        assert_eq!(value(&fixture, &issued, "role"), serde_json::from_str::<Value>(own).unwrap());
    }
    // What is no JSON object fails no change of a user.
    for broken in ["17", "\"x\"", "[]", "null"] {
        let fixture = SessionFixture::new(engine);
        let issued = fixture.sign_in();
        fixture.break_unguarded(&format!("UPDATE user_sessions SET sess = '{broken}'"));
        fixture.execute("UPDATE users SET role = 'admin'");
        assert_eq!(fixture.sess(&issued.sid), broken);
    }
}

fn change_of_role_by_command_answers_in_words(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let issued = fixture.sign_in();
    let program = Program::new(fixture.database());
    let changed = program.done(&["user", "set-role", EMAIL, "admin"]);
    assert_eq!(changed, format!("{EMAIL} is now an administrator.\n"));
    assert_eq!(value(&fixture, &issued, "role"), "admin");
    program.run(&["user", "set-role", "no@example.com", "user"]).assert_refused(1, &["no user no@example.com"]);
    program.run(&["user", "set-role", EMAIL, "root"]).assert_refused(2, &["root"]);
}

fn save_in_flight_keeps_new_role(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let issued = fixture.sign_in();
    let live = fixture.resume(&issued.sid).unwrap();
    let before = fixture.sess(&issued.sid);
    fixture.execute("UPDATE users SET role = 'admin'");
    fixture.save(&issued.sid, setting(&live, &[("theme", json!("dark"))])).unwrap();
    assert_eq!((value(&fixture, &issued, "role"), value(&fixture, &issued, "theme")), ("admin".into(), "dark".into()));
    if engine == EngineKind::Postgres {
        // A peer writes the whole document, as it read it before the change.
        let late = before.strip_suffix('}').unwrap().to_owned() + r#","cart":[1]}"#;
        fixture.execute(&format!("UPDATE user_sessions SET sess = '{late}'"));
        assert_eq!((value(&fixture, &issued, "role"), value(&fixture, &issued, "cart")), ("admin".into(), json!([1])));
    }
}

/// Express's own sessions, and data that is a JSON string, as connect-pg-simple accepts it.
#[test]
fn new_role_reaches_sessions_that_express_started() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let fixture = SessionFixture::with(EngineKind::Postgres, |config| config.clock = Clock::System);
    fixture.database().adopt_peers();
    let expire = (Clock::System.now() + DAY).to_iso_micros();
    let sess = format!(r#"{{"cookie":{{}},"userId":"{}","role":"user"}}"#, fixture.user);
    for (sid, text) in [("object", sess.clone()), ("string", json!(sess).to_string())] {
        fixture.execute(&format!("INSERT INTO user_sessions VALUES ('{sid}', '{text}', '{expire}')"));
    }
    fixture.execute("UPDATE users SET role = 'admin'");
    let roles = fixture.texts("SELECT sess ->> 'role' AS v FROM user_sessions");
    assert_eq!(roles, ["admin", "admin"]);
}
