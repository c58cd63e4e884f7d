//! Start: a sign-in.

use keyrack::{
    error::Error,
    sessions::{Client, DataPatch, NewSession, UserId},
};
use serde_json::{Value, json};

use super::session_fixture::{DAY, EMAIL, HOUR, MINUTE, SessionFixture, setting};
use crate::support::{EngineKind, PASSWORD, on_both_engines};

on_both_engines!(
    a_sign_in_writes_both_tables_in_the_documents_shape,
    a_remembered_sign_in_says_so,
    over_https_the_cookie_is_recorded_as_secure,
    what_the_application_adds_stands_beside_the_own_keys,
    a_sign_in_over_http_records_the_device,
    every_sign_in_has_a_sid_of_its_own,
    an_unknown_user_starts_nothing,
    a_signed_in_browser_keeps_its_session_under_a_new_sid,
    a_sign_in_on_anothers_browser_ends_their_session,
    a_sid_that_is_dead_already_starts_a_session_of_its_own,
    signing_in_again_over_http_leaves_one_session,
);

fn a_sign_in_writes_both_tables_in_the_documents_shape(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let user_agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 \
                      Safari/537.36";
    let client = Client::new(Some("192.168.1.100".parse().unwrap()), Some(user_agent));
    let started = rack.start(NewSession { client, ..rack.new_session() }).unwrap();
    assert_eq!(started.max_age, None, "the cookie goes when the browser is closed");
    let session = json!({
        "id": started.id,
        "sid": started.sid.expose(),
        "user_id": rack.user,
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
    });
    assert_eq!(rack.rows("sessions", ""), [session]);
    let sess = format!(
        concat!(
            r#"{{"cookie":{{"originalMaxAge":86400000,"expires":"2026-01-29T11:50:14.000Z","secure":false,"#,
            r#""httpOnly":true,"path":"/","sameSite":"lax"}},"#,
            r#""userId":"{}","email":"rajat.verma@example.com","role":"user","status":"login"}}"#
        ),
        rack.user
    );
    assert_eq!(rack.sess(&started.sid), sess);
    let data = json!({
        "sid": started.sid.expose(),
        "sess": serde_json::from_str::<Value>(&sess).unwrap(),
        "expire": "2026-01-29T11:50:14.000000Z",
    });
    assert_eq!(rack.rows("user_sessions", ""), [data]);
}

fn a_remembered_sign_in_says_so(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let started = rack.start(NewSession { remember: true, ..rack.new_session() }).unwrap();
    assert_eq!(started.max_age, Some(DAY * 30));
    let (session, data) = (rack.session(started.id), rack.data(&started.sid).unwrap());
    assert_eq!(session["remembered"], true);
    assert_eq!(session["expires_at"], (rack.now() + DAY * 30).to_iso_micros());
    assert_eq!(data["expire"], (rack.now() + DAY * 14).to_iso_micros());
    assert_eq!(data["sess"]["cookie"]["originalMaxAge"], json!(14_u64 * 86_400_000));
    assert_eq!(data["sess"]["cookie"]["expires"], (rack.now() + DAY * 14).to_iso_millis());
}

fn over_https_the_cookie_is_recorded_as_secure(engine: EngineKind) {
    let rack = SessionFixture::with(engine, |config| config.public_url = "https://keys.example.com".parse().unwrap());
    let started = rack.sign_in();
    assert_eq!(rack.data(&started.sid).unwrap()["sess"]["cookie"]["secure"], true);
}

fn what_the_application_adds_stands_beside_the_own_keys(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let wanted = [("cart", r#"[1,{"ü":null}]"#), ("userId", r#""somebody else""#), ("role", r#""admin""#)];
    let data = DataPatch::beside_sign_in(wanted).unwrap();
    let started = rack.start(NewSession { data, ..rack.new_session() }).unwrap();
    let sess = rack.data(&started.sid).unwrap()["sess"].clone();
    assert_eq!(sess["cart"], json!([1, {"ü": null}]));
    assert_eq!((&sess["userId"], &sess["role"]), (&json!(rack.user), &json!("user")));
    let live = rack.resume(&started.sid).unwrap();
    assert!(live.data.entries().all(|(key, _)| key != "cookie"));
    assert!(live.data.entries().any(|entry| entry == wanted[0]));
}

fn a_sign_in_over_http_records_the_device(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let mut browser = rack.signed_in(EMAIL);
    let session = &rack.rows("sessions", "")[0];
    assert_eq!(session["id"], browser.session_id());
    assert_eq!(session["sid"], browser.sid());
    assert_eq!(session["ip_address"], "127.0.0.1");
    assert_eq!(session["user_agent"], "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0");
    assert_eq!(session["created_at"], rack.now().to_iso_micros());
    assert_eq!(rack.rows("user_sessions", "")[0]["sid"], browser.sid());
}

fn every_sign_in_has_a_sid_of_its_own(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let (first, second) = (rack.sign_in(), rack.sign_in());
    assert_ne!(first.id, second.id);
    assert_ne!(first.sid, second.sid);
    assert!(rack.is_alive(&first.sid) && rack.is_alive(&second.sid));
}

fn an_unknown_user_starts_nothing(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let refused = rack.start(NewSession { user_id: UserId::random(), ..rack.new_session() });
    assert!(matches!(refused, Err(Error::SessionEnded)), "{refused:?}");
    assert_eq!(rack.count("sessions", "") + rack.count("user_sessions", ""), 0);
}

fn a_signed_in_browser_keeps_its_session_under_a_new_sid(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let first = rack.sign_in();
    let live = rack.resume(&first.sid).unwrap();
    rack.save(&first.sid, setting(&live, &[("cart", json!([7]))])).unwrap();
    let before = rack.session(first.id);
    rack.clock.advance(HOUR);

    let client = Client::new(Some("10.0.0.9".parse().unwrap()), Some("Another browser"));
    let again = NewSession { presented: Some(first.sid.clone()), remember: true, client, ..rack.new_session() };
    let second = rack.start(again).unwrap();
    assert_eq!(second.id, first.id);
    assert!(!rack.is_alive(&first.sid) && rack.is_alive(&second.sid));

    let after = rack.session(first.id);
    assert_eq!(after["created_at"], before["created_at"]);
    assert_eq!(rack.text("SELECT sid AS v FROM replaced_sids"), first.sid.expose());
    assert_eq!((&after["ip_address"], &after["user_agent"]), (&json!("10.0.0.9"), &json!("Another browser")));
    assert_eq!(after["remembered"], true);
    assert_eq!(after["expires_at"], (rack.now() + DAY * 30).to_iso_micros());
    for name in ["updated_at", "last_seen_at"] {
        assert_eq!(after[name], rack.now().to_iso_micros(), "{name}");
    }
    let data = rack.data(&second.sid).unwrap();
    assert_eq!(data["sess"]["cart"], json!([7]), "its data is its user's own");
    assert_eq!(data["sess"]["cookie"]["expires"], (rack.now() + DAY * 14).to_iso_millis());
    assert_eq!(data["expire"], (rack.now() + DAY * 14).to_iso_micros());
    assert_eq!(rack.count("sessions", "") + rack.count("user_sessions", ""), 2);
}

fn a_sign_in_on_anothers_browser_ends_their_session(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let theirs = rack.sign_in();
    let live = rack.resume(&theirs.sid).unwrap();
    rack.save(&theirs.sid, setting(&live, &[("cart", json!(["theirs"]))])).unwrap();
    let other = rack.add_user("other@example.com");
    rack.clock.advance(MINUTE);
    let presented = Some(theirs.sid.clone());
    let own = rack.start(NewSession { user_id: other, presented, ..rack.new_session() }).unwrap();
    assert_ne!(own.id, theirs.id);
    rack.assert_ended(&theirs, "signed_out", rack.now());
    let live = rack.resume(&own.sid).unwrap();
    assert_eq!(live.user.id, other);
    assert!(live.data.entries().all(|(key, _)| key != "cart"), "nothing of theirs comes along");
}

fn a_sid_that_is_dead_already_starts_a_session_of_its_own(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let first = rack.sign_in();
    let ended_at = rack.now();
    keyrack_ends(&rack, &first);
    rack.clock.advance(MINUTE);
    let second = rack.start(NewSession { presented: Some(first.sid.clone()), ..rack.new_session() }).unwrap();
    assert_ne!(second.id, first.id);
    rack.assert_ended(&first, "signed_out", ended_at);
    assert!(rack.is_alive(&second.sid));
}

fn keyrack_ends(rack: &SessionFixture, started: &keyrack::sessions::Started) {
    let ended = crate::support::wait(rack.sessions().sign_out(&started.sid)).unwrap();
    assert_eq!(ended, Some(started.id));
}

fn signing_in_again_over_http_leaves_one_session(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let mut browser = rack.signed_in(EMAIL);
    let (old, id) = (browser.clone(), browser.session_id());
    // A second tab, whose form of before still stands there.
    let form = browser.get("/account/sessions").csrf_token();
    let answer = browser.post("/login", &[("email", EMAIL), ("password", PASSWORD), ("csrf_token", &form)]);
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert_ne!(browser.sid(), old.sid());
    assert_eq!(browser.session_id(), id);
    assert!(!old.clone().is_signed_in());
    assert_eq!(rack.count("sessions", "") + rack.count("user_sessions", ""), 2);
}
