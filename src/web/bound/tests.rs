use serde_json::json;

use super::*;

fn bound(setting: config::BoundSessions, url: &str, domain: Option<&str>) -> BoundSessions {
    let origins = ["https://app.example.com".parse().unwrap()];
    BoundSessions::new(setting, domain, &url.parse().unwrap(), &origins, &"the newest secret of all".parse().unwrap())
}

#[test]
fn browsers_are_asked_over_https_and_on_localhost() {
    let (auto, off) = (config::BoundSessions::Auto, config::BoundSessions::Off);
    let now = Timestamp::from_micros(1_769_600_000_000_000);
    for (setting, url, domain, is_on) in [
        (auto, "https://keys.example.com", None, true),
        (auto, "http://localhost:8080", None, true),
        (auto, "http://keys.example.com", None, false),
        (auto, "http://127.0.0.1:8080", None, false),
        (auto, "https://keys.example.com", Some("example.com"), false),
        (off, "https://keys.example.com", None, false),
    ] {
        let registration = bound(setting, url, domain).registration(SessionId::random(), now);
        assert_eq!(registration.is_some(), is_on, "{url} {domain:?}");
        if let Some(value) = registration {
            let challenge = value.strip_prefix("(ES256 RS256);path=\"/session/bind\";challenge=\"").unwrap();
            let challenge = challenge.strip_suffix('"').unwrap();
            assert!(challenge.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)), "{value}");
        }
    }
}

#[test]
fn instructions_name_the_session_and_its_cookie() {
    let id = SessionId::random();
    let exclude = |path: &str| json!({ "type": "exclude", "domain": "keys.example.com", "path": path });
    assert_eq!(
        bound(config::BoundSessions::Auto, "https://keys.example.com", None).instructions(id),
        json!({
            "session_identifier": id.to_string(),
            "refresh_url": "/session/refresh",
            "scope": {
                "origin": "https://keys.example.com",
                "include_site": false,
                "scope_specification": [exclude("/static"), exclude("/healthz"), exclude("/readyz")],
            },
            "credentials": [{
                "type": "cookie",
                "name": "__Host-keyrack.bound",
                "attributes": "Path=/; Secure; HttpOnly; SameSite=Lax",
            }],
            "allowed_refresh_initiators": ["keys.example.com", "app.example.com"],
        })
    );
}
