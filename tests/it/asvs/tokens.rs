//! V7.2: the session identifier

use std::time::Duration;

use super::{DEVICES, EMAIL, REVOKE_OTHERS, app_with_user, two_browsers};
use crate::{
    routes::reauth::{WINDOW, reauthenticate},
    support::{EngineKind, PASSWORD, on_both_engines},
};

on_both_engines!(
    asvs_7_2_1_cookie_with_any_byte_changed_is_rejected,
    asvs_7_2_2_sid_outside_a_signed_cookie_does_not_sign_in,
    asvs_7_2_3_each_sign_in_gets_a_long_sid_of_its_own,
    asvs_7_2_4_sign_in_replaces_the_sid,
    asvs_7_2_4_reauthentication_replaces_the_sid,
);

fn asvs_7_2_1_cookie_with_any_byte_changed_is_rejected(engine: EngineKind) {
    let app = app_with_user(engine);
    let browser = app.signed_in(EMAIL);
    let value = browser.cookies["keyrack.sid"].clone();
    let rows = (app.rows("sessions", ""), app.rows("user_sessions", ""));
    for place in 0..value.len() {
        let mut bytes = value.clone().into_bytes();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        let answer = browser.clone().with_cookie("keyrack.sid", &changed).get("/api/session");
        assert_eq!((answer.status, answer.set_cookies()), (401, vec![]), "byte {place}");
        assert!(!answer.body.contains(EMAIL));
    }
    for length in [0, 1, value.len() / 2, value.len() - 1] {
        browser.clone().with_cookie("keyrack.sid", &value[..length]).get(DEVICES).assert_not_signed_in();
    }
    assert_eq!((app.rows("sessions", ""), app.rows("user_sessions", "")), rows);
    assert!(browser.clone().is_signed_in());
}

fn asvs_7_2_2_sid_outside_a_signed_cookie_does_not_sign_in(engine: EngineKind) {
    let app = app_with_user(engine);
    let browser = app.signed_in(EMAIL);
    let (sid, cookie) = (browser.sid(), browser.cookies["keyrack.sid"].clone());
    let mut visitor = app.browser();
    for value in [&sid, &cookie] {
        for path in [
            format!("{DEVICES}?sid={value}"),
            format!("{DEVICES}?keyrack.sid={value}"),
            format!("{DEVICES};keyrack.sid={value}"),
        ] {
            let answer = visitor.get(&path);
            assert!(answer.status == 303 || answer.status == 404, "{path}: {}", answer.status);
        }
        for header in ["Bearer", "Basic", "Token"] {
            let header = format!("{header} {value}");
            for (name, path) in [("authorization", "/api/session"), ("authorization", DEVICES), ("x-api-key", DEVICES)]
            {
                visitor.send("GET", path, None, &[(name, &header)]).assert_not_signed_in();
            }
        }
    }
    let (_, signature) = cookie.rsplit_once('.').unwrap();
    let of_another_sid = app.signed_in(EMAIL).cookies["keyrack.sid"].rsplit_once('.').unwrap().1.to_owned();
    let zeroes = "A".repeat(43);
    for unsigned in [
        sid.clone(),
        format!("s%3A{sid}"),
        format!("s%3A{sid}."),
        format!("s%3A{sid}.{sid}"),
        format!("s%3A{sid}.{zeroes}"),
        format!("s%3A{sid}.{of_another_sid}"),
        format!("{sid}.{signature}"),
    ] {
        assert!(!app.browser().with_cookie("keyrack.sid", &unsigned).is_signed_in(), "{unsigned}");
    }
    assert!(app.browser().with_cookie("keyrack.sid", &format!("s%3A{sid}.{signature}")).is_signed_in());
}

/// How evenly the characters are distributed is tested beside the type `Sid`.
fn asvs_7_2_3_each_sign_in_gets_a_long_sid_of_its_own(engine: EngineKind) {
    let app = app_with_user(engine);
    let mut sids: Vec<String> = (0..50).map(|_| app.signed_in(EMAIL).sid()).collect();
    for sid in &sids {
        let bits = 6 * sid.len();
        assert!(bits >= 192 && sid.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{sid}");
    }
    sids.sort();
    sids.dedup();
    assert_eq!(sids.len(), 50);
}

fn asvs_7_2_4_sign_in_replaces_the_sid(engine: EngineKind) {
    let app = app_with_user(engine);
    let mut browser = app.signed_in(EMAIL);
    let (id, mut copy) = (browser.session_id(), browser.clone());
    // As if another tab had opened the form before this browser signed in.
    let mut visitor = app.browser();
    let token = visitor.get("/login").csrf_token();
    browser.cookies.extend(visitor.cookies);
    app.advance(Duration::from_secs(3600));
    let fields = [("email", EMAIL), ("password", PASSWORD), ("csrf_token", &token)];
    assert_eq!(browser.post("/login", &fields).status, 303);
    assert_ne!(browser.sid(), copy.sid());
    assert_eq!(browser.session_id(), id, "it is the same device in the list");
    assert!(browser.is_signed_in() && !copy.is_signed_in());
    assert_eq!((app.count("sessions", ""), app.count("user_sessions", "")), (1, 1));
}

fn asvs_7_2_4_reauthentication_replaces_the_sid(engine: EngineKind) {
    let (app, mut browser, _) = two_browsers(engine);
    let (id, mut copy) = (browser.session_id(), browser.clone());
    app.advance(WINDOW + Duration::from_secs(1));
    let done = reauthenticate(&mut browser, "/reauth?next=%2Faccount%2Fsessions%3Fshow%3Dended", PASSWORD);
    assert_eq!((done.status, done.location()), (303, "/account/sessions?show=ended"));
    assert_ne!(browser.sid(), copy.sid());
    assert!(browser.is_signed_in() && !copy.is_signed_in());
    let session = browser.get("/api/session").json()["session"].clone();
    assert_eq!((&session["id"], &session["authenticated_at"]), (&id.into(), &"2026-01-28T12:00:20.000Z".into()));
    assert_eq!(browser.post_from(DEVICES, REVOKE_OTHERS, &[]).location(), DEVICES, "the proof is recent now");
}
