//! Start: a sign-in.

use keyrack::{
    error::Error,
    sessions::{Client, DataPatch, NewSession, UserId},
};
use serde_json::{Value, json};

use super::session_fixture::{DAY, EMAIL, HOUR, MINUTE, SessionFixture, setting};
use crate::support::{EngineKind, PASSWORD, on_both_engines};

on_both_engines!(
    sign_in_writes_both_tables,
    remembered_sign_in_gets_longer_limits_and_max_age,
    https_cookie_is_recorded_as_secure,
    application_data_cannot_override_keyrack_keys,
    http_sign_in_records_the_device,
    each_sign_in_gets_its_own_sid,
    unknown_user_cannot_start_a_session,
    signing_in_again_rotates_the_session,
    sign_in_as_another_user_ends_the_previous_session,
    sign_in_with_ended_sid_starts_a_new_session,
    signing_in_again_over_http_leaves_one_session,
);

fn sign_in_writes_both_tables(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let user_agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 \
                      Safari/537.36";
    let client = Client::new(Some("192.168.1.100".parse().unwrap()), Some(user_agent));
    let started = fixture.start(NewSession { client, ..fixture.new_session() }).unwrap();
    assert_eq!(started.max_age, None, "the browser deletes the cookie when it is closed");
    let session = json!({
        "id": started.id,
        "sid": started.sid.expose(),
        "user_id": fixture.user,
        "status": "active",
        "ip_address": "192.168.1.100",
        "user_agent": user_agent,
        "expires_at": "2026-01-29T11:50:14.000000Z",
        "created_at": "2026-01-28T11:50:14.000000Z",
        "updated_at": "2026-01-28T11:50:14.000000Z",
        "logged_out_at": null,
        "last_seen_at": "2026-01-28T11:50:14.000000Z",
        "end_reason": null,
        "remembered": false,
        "data_kept": false,
        "authorised_by": "application",
        "ended_by": null,
        "ended_by_name": null,
        "ended_from": null,
        "authenticated_at": "2026-01-28T11:50:14.000000Z",
        "must_change_password": false,
        "form_id": null,
        "client_hints": null,
        "name": null,
        "from_new_browser": false,
        "last_ip_address": null,
        "addresses": null,
        "bound_key": null,
        "bound_from": null,
        "bound_challenge_at": null,
    });
    assert_eq!(fixture.rows("sessions", ""), [session]);
    let sess = format!(
        concat!(
            r#"{{"cookie":{{"originalMaxAge":86400000,"expires":"2026-01-29T11:50:14.000Z","secure":false,"#,
            r#""httpOnly":true,"path":"/","sameSite":"lax"}},"#,
            r#""userId":"{}","email":"rajat.verma@example.com","role":"user","status":"login"}}"#
        ),
        fixture.user
    );
    assert_eq!(fixture.sess(&started.sid), sess);
    let data = json!({
        "sid": started.sid.expose(),
        "sess": serde_json::from_str::<Value>(&sess).unwrap(),
        "expire": "2026-01-29T11:50:14.000000Z",
    });
    assert_eq!(fixture.rows("user_sessions", ""), [data]);
}

fn remembered_sign_in_gets_longer_limits_and_max_age(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let started = fixture.start(NewSession { remember: true, ..fixture.new_session() }).unwrap();
    assert_eq!(started.max_age, Some(DAY * 30));
    let (session, data) = (fixture.session(started.id), fixture.data(&started.sid).unwrap());
    assert_eq!(session["remembered"], true);
    assert_eq!(session["expires_at"], (fixture.now() + DAY * 30).to_iso_micros());
    assert_eq!(data["expire"], (fixture.now() + DAY * 14).to_iso_micros());
    assert_eq!(data["sess"]["cookie"]["originalMaxAge"], json!(14_u64 * 86_400_000));
    assert_eq!(data["sess"]["cookie"]["expires"], (fixture.now() + DAY * 14).to_iso_millis());
}

fn https_cookie_is_recorded_as_secure(engine: EngineKind) {
    let fixture =
        SessionFixture::with(engine, |config| config.public_url = "https://keys.example.com".parse().unwrap());
    let started = fixture.sign_in();
    assert_eq!(fixture.data(&started.sid).unwrap()["sess"]["cookie"]["secure"], true);
}

fn application_data_cannot_override_keyrack_keys(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let entries = [("cart", r#"[1,{"ü":null}]"#), ("userId", r#""another user""#), ("role", r#""admin""#)];
    let data = DataPatch::beside_sign_in(entries).unwrap();
    let started = fixture.start(NewSession { data, ..fixture.new_session() }).unwrap();
    let sess = fixture.data(&started.sid).unwrap()["sess"].clone();
    assert_eq!(sess["cart"], json!([1, {"ü": null}]));
    assert_eq!((&sess["userId"], &sess["role"]), (&json!(fixture.user), &json!("user")));
    let live = fixture.resume(&started.sid).unwrap();
    assert!(live.data.entries().all(|(key, _)| key != "cookie"));
    assert!(live.data.entries().any(|entry| entry == entries[0]));
}

fn http_sign_in_records_the_device(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let mut browser = fixture.signed_in(EMAIL);
    let session = &fixture.rows("sessions", "")[0];
    assert_eq!(session["id"], browser.session_id());
    assert_eq!(session["sid"], browser.sid());
    assert_eq!(session["ip_address"], "127.0.0.1");
    assert_eq!(session["user_agent"], "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0");
    assert_eq!(session["created_at"], fixture.now().to_iso_micros());
    assert_eq!(fixture.rows("user_sessions", "")[0]["sid"], browser.sid());
}

fn each_sign_in_gets_its_own_sid(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let (first, second) = (fixture.sign_in(), fixture.sign_in());
    assert_ne!(first.id, second.id);
    assert_ne!(first.sid, second.sid);
    assert!(fixture.is_alive(&first.sid) && fixture.is_alive(&second.sid));
}

fn unknown_user_cannot_start_a_session(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let refused = fixture.start(NewSession { user_id: UserId::random(), ..fixture.new_session() });
    assert!(matches!(refused, Err(Error::SessionEnded)), "{refused:?}");
    assert_eq!(fixture.count("sessions", "") + fixture.count("user_sessions", ""), 0);
}

fn signing_in_again_rotates_the_session(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let first = fixture.sign_in();
    let live = fixture.resume(&first.sid).unwrap();
    fixture.save(&first.sid, setting(&live, &[("cart", json!([7]))])).unwrap();
    let before = fixture.session(first.id);
    fixture.clock.advance(HOUR);

    let client = Client::new(Some("10.0.0.9".parse().unwrap()), Some("Another browser"));
    let again = NewSession { previous_sid: Some(first.sid.clone()), remember: true, client, ..fixture.new_session() };
    let second = fixture.start(again).unwrap();
    assert_eq!(second.id, first.id);
    assert!(!fixture.is_alive(&first.sid) && fixture.is_alive(&second.sid));

    let after = fixture.session(first.id);
    assert_eq!(after["created_at"], before["created_at"]);
    assert_eq!(fixture.text("SELECT sid AS v FROM replaced_sids"), first.sid.expose());
    assert_eq!((&after["ip_address"], &after["user_agent"]), (&json!("10.0.0.9"), &json!("Another browser")));
    assert_eq!(after["remembered"], true);
    assert_eq!(after["expires_at"], (fixture.now() + DAY * 30).to_iso_micros());
    for name in ["updated_at", "last_seen_at"] {
        assert_eq!(after[name], fixture.now().to_iso_micros(), "{name}");
    }
    let data = fixture.data(&second.sid).unwrap();
    assert_eq!(data["sess"]["cart"], json!([7]), "the user keeps the data");
    assert_eq!(data["sess"]["cookie"]["expires"], (fixture.now() + DAY * 14).to_iso_millis());
    assert_eq!(data["expire"], (fixture.now() + DAY * 14).to_iso_micros());
    assert_eq!(fixture.count("sessions", "") + fixture.count("user_sessions", ""), 2);
}

fn sign_in_as_another_user_ends_the_previous_session(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let theirs = fixture.sign_in();
    let live = fixture.resume(&theirs.sid).unwrap();
    fixture.save(&theirs.sid, setting(&live, &[("cart", json!(["theirs"]))])).unwrap();
    let other = fixture.add_user("other@example.com");
    fixture.clock.advance(MINUTE);
    let previous_sid = Some(theirs.sid.clone());
    let own = fixture.start(NewSession { user_id: other, previous_sid, ..fixture.new_session() }).unwrap();
    assert_ne!(own.id, theirs.id);
    fixture.assert_ended(&theirs, "signed_out", fixture.now());
    let live = fixture.resume(&own.sid).unwrap();
    assert_eq!(live.user.id, other);
    assert!(live.data.entries().all(|(key, _)| key != "cart"), "no data of the other user is kept");
}

fn sign_in_with_ended_sid_starts_a_new_session(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let first = fixture.sign_in();
    let ended_at = fixture.now();
    sign_out(&fixture, &first);
    fixture.clock.advance(MINUTE);
    let second = fixture.start(NewSession { previous_sid: Some(first.sid.clone()), ..fixture.new_session() }).unwrap();
    assert_ne!(second.id, first.id);
    fixture.assert_ended(&first, "signed_out", ended_at);
    assert!(fixture.is_alive(&second.sid));
}

fn sign_out(fixture: &SessionFixture, started: &keyrack::sessions::IssuedSession) {
    let ended = crate::support::wait(fixture.sessions().sign_out(&started.sid)).unwrap();
    assert_eq!(ended, Some(started.id));
}

fn signing_in_again_over_http_leaves_one_session(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let mut browser = fixture.signed_in(EMAIL);
    let (old, id) = (browser.clone(), browser.session_id());
    // A second tab still shows a form from before.
    let form = browser.get("/account/sessions").csrf_token();
    let answer = browser.post("/login", &[("email", EMAIL), ("password", PASSWORD), ("csrf_token", &form)]);
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert_ne!(browser.sid(), old.sid());
    assert_eq!(browser.session_id(), id);
    assert!(!old.clone().is_signed_in());
    assert_eq!(fixture.count("sessions", "") + fixture.count("user_sessions", ""), 2);
}
