//! Several instances on one database.

use std::time::Duration;

use keyrack::clock::Clock;
use serde_json::json;

use super::reauth::reauthenticate;
use crate::support::{CLOCK_START, EngineKind, PASSWORD, TestApp, TestDatabase, on_both_engines};

on_both_engines!(
    session_is_shared_by_instances_and_ended_on_both,
    revoking_on_other_instance_leaves_tables_as_in_seed,
    restart_keeps_live_sessions_and_revives_none,
    stored_hash_gets_the_raised_cost_at_the_next_sign_in,
);

fn start_two_instances(database: &TestDatabase) -> (TestApp, TestApp) {
    let clock = Clock::fixed(CLOCK_START);
    let proxies = |config: &mut keyrack::config::Config| config.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    (TestApp::over(database, clock.clone(), proxies), TestApp::over(database, clock, proxies))
}

fn session_is_shared_by_instances_and_ended_on_both(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let (first, second) = start_two_instances(&database);
    first.add_user("rajat.verma@example.com");
    let mut here = first.signed_in("rajat.verma@example.com");
    let mut there = here.at(second.address);
    assert!(there.is_signed_in());
    assert_eq!(here.session_id(), there.session_id());
    // A form of one instance is valid on the other.
    let token = here.get("/account/sessions").csrf_token();
    assert_eq!(there.post("/account/sessions/revoke-others", &[("csrf_token", &token)]).status, 303);
    let mut other = second.signed_in("rajat.verma@example.com");
    let path = format!("/account/sessions/{}/revoke", here.session_id());
    assert_eq!(other.post_from("/account/sessions", &path, &[]).status, 303);
    assert!(!here.is_signed_in(), "the instance that did not revoke it rejects the next request");
    assert!(!there.is_signed_in());
    let mut again = second.signed_in("rajat.verma@example.com");
    let mut copy = again.at(first.address);
    assert!(copy.is_signed_in());
    again.sign_out();
    assert!(!copy.is_signed_in());
}

const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                      Chrome/120.0.0.0 Safari/537.36";

fn revoking_on_other_instance_leaves_tables_as_in_seed(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let (first, second) = start_two_instances(&database);
    let user = first.add_user("rajat.verma@example.com");
    let mut chrome = first.browser().with_header("user-agent", CHROME).with_header("x-forwarded-for", "192.168.1.100");
    assert_eq!(chrome.sign_in("rajat.verma@example.com", PASSWORD).status, 303);
    let (id, sid) = (chrome.session_id(), chrome.sid());
    let mut firefox = second.signed_in("rajat.verma@example.com");
    for browser in [&mut chrome, &mut firefox] {
        let page = browser.get("/account/sessions").text();
        assert!(page.contains("Chrome 120 on Windows") && page.contains("Firefox 140 on Linux"), "{page}");
        assert!(page.contains("2 active sessions"), "{page}");
    }
    first.clock.advance(Duration::from_secs(40 * 60 + 31));
    let path = format!("/account/sessions/{id}/revoke");
    let asked = firefox.post_from("/account/sessions", &path, &[]);
    assert_eq!(reauthenticate(&mut firefox, asked.location(), PASSWORD).status, 303);
    assert!(firefox.get("/account/sessions").text().contains("Signed out Chrome 120 on Windows."));
    let answer = chrome.get("/account/sessions");
    assert_eq!((answer.status, answer.location()), (303, "/login?next=%2Faccount%2Fsessions"));
    assert_eq!(chrome.get("/api/session").status, 401);

    let mut rows = database.rows("sessions", &format!("WHERE id = '{id}'"));
    let form = rows[0].as_object_mut().unwrap().remove("form_id").unwrap();
    assert_eq!(form.as_str().map(str::len), Some(36), "{form}");
    let expected = json!({
        "id": id,
        "sid": sid,
        "user_id": user.to_string(),
        "status": "logged_out",
        "ip_address": "192.168.1.100",
        "user_agent": CHROME,
        "expires_at": "2026-01-29T11:50:14.000000Z",
        "created_at": "2026-01-28T11:50:14.000000Z",
        "updated_at": "2026-01-28T12:30:45.000000Z",
        "logged_out_at": "2026-01-28T12:30:45.000000Z",
        "last_seen_at": "2026-01-28T11:50:14.000000Z",
        "end_reason": "revoked",
        "remembered": false,
        "data_kept": false,
        "authorised_by": "password",
        "ended_by": "user",
        "ended_by_name": firefox.session_id(),
        "ended_from": "127.0.0.1",
        "authenticated_at": "2026-01-28T11:50:14.000000Z",
        "must_change_password": false,
        "client_hints": null,
        "name": null,
        "from_new_browser": false,
        "last_ip_address": null,
        "addresses": null,
        "bound_key": null,
        "bound_from": null,
        "bound_challenge_at": null,
    });
    assert_eq!(rows, [expected]);
    let left = database.rows("user_sessions", "");
    let expected = json!({
        "sid": firefox.sid(),
        "sess": {
            "cookie": {
                "originalMaxAge": 86_400_000,
                "expires": "2026-01-29T11:50:14.000Z",
                "secure": false,
                "httpOnly": true,
                "path": "/",
                "sameSite": "lax",
            },
            "userId": user.to_string(),
            "email": "rajat.verma@example.com",
            "role": "user",
            "status": "login",
        },
        "expire": "2026-01-29T11:50:14.000000Z",
    });
    assert_eq!(left, [expected], "only the data of the other session is left");
}

fn restart_keeps_live_sessions_and_revives_none(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let clock = Clock::fixed(CLOCK_START);
    let first = TestApp::over(&database, clock.clone(), |_| ());
    first.add_user("rajat.verma@example.com");
    let (alive, mut ended) = (first.signed_in("rajat.verma@example.com"), first.signed_in("rajat.verma@example.com"));
    let copy = ended.clone();
    ended.sign_out();
    first.stop();
    let second = TestApp::over(&database, clock, |_| ());
    assert!(alive.at(second.address).is_signed_in());
    assert!(!copy.at(second.address).is_signed_in());
}

fn stored_hash_gets_the_raised_cost_at_the_next_sign_in(engine: EngineKind) {
    const RAISED: &str = "m=16,t=2,p=1";
    let database = TestDatabase::new(engine);
    let clock = Clock::fixed(CLOCK_START);
    let before = TestApp::over(&database, clock.clone(), |_| ());
    before.add_user("rajat.verma@example.com");
    let stored = || database.text("SELECT password_hash AS v FROM users");
    let first = stored();
    assert!(first.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{first}");
    before.signed_in("rajat.verma@example.com");
    assert_eq!(stored(), first, "its cost is the configured one");
    let after = TestApp::over(&database, clock, |config| config.hash_cost = RAISED.parse().unwrap());
    assert_eq!(after.browser().sign_in("rajat.verma@example.com", "not the password at all").status, 401);
    assert_eq!(stored(), first, "a wrong password proves nothing");
    let mut browser = after.signed_in("rajat.verma@example.com");
    assert!(stored().starts_with(&format!("$argon2id$v=19${RAISED}$")), "{}", stored());
    assert!(browser.is_signed_in() && after.signed_in("rajat.verma@example.com").is_signed_in());
}
