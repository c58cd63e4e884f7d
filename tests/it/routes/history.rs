//! `GET /account/sessions?show=ended`: the history of ended sessions.

use std::{collections::BTreeSet, time::Duration};

use crate::support::{Answer, Browser, EngineKind, TestApp, on_both_engines};

on_both_engines!(
    history_shows_fifty_per_page_newest_first,
    history_shows_sessions_with_equal_end_times_once_each,
    history_shows_each_end_reason_in_words,
    empty_history_says_so,
    history_with_invalid_cursor_shows_first_page,
);

/// Adds `count` ended sessions with the addresses 10.0.0.1, 10.0.0.2, …, each of which ended `step` after the last.
fn add_history(app: &TestApp, count: u32, step: Duration) -> Browser {
    let user = app.add_user("rajat.verma@example.com");
    for number in 1..=count {
        let ended = (app.clock.now() + step * number).to_iso_micros();
        app.execute(&format!(
            "INSERT INTO sessions (sid, user_id, status, ip_address, user_agent, expires_at, created_at, last_seen_at, \
             logged_out_at, end_reason) VALUES ('sid {number}', '{user}', 'logged_out', '10.0.0.{number}', \
             'curl/8.5.0', '2026-02-28T11:50:14.000000Z', '2026-01-20T11:50:14.000000Z', \
             '2026-01-20T11:50:14.000000Z', '{ended}', 'signed_out')"
        ));
    }
    app.advance(step * count + Duration::from_secs(60));
    app.signed_in("rajat.verma@example.com")
}

fn addresses(page: &Answer) -> Vec<u32> {
    let after = page.body.split("<bdi dir=\"ltr\">10.0.0.").skip(1);
    after.map(|text| text.split_once('<').unwrap().0.parse().unwrap()).collect()
}

fn link(page: &Answer, rel: &str) -> Option<String> {
    let (_, after) = page.body.split_once(&format!("rel=\"{rel}\" href=\""))?;
    Some(after.split_once('"').unwrap().0.replace("&#38;", "&"))
}

fn history_shows_fifty_per_page_newest_first(engine: EngineKind) {
    let app = TestApp::new(engine);
    let mut browser = add_history(&app, 105, Duration::from_secs(60));
    let first = browser.get("/account/sessions?show=ended");
    assert_eq!(addresses(&first), (56..=105).rev().collect::<Vec<_>>());
    assert_eq!(link(&first, "prev"), None);
    let second = browser.get(&link(&first, "next").unwrap());
    assert_eq!(addresses(&second), (6..=55).rev().collect::<Vec<_>>());
    let newer = browser.get(&link(&second, "prev").unwrap());
    assert_eq!(addresses(&newer), addresses(&first));
    let third = browser.get(&link(&second, "next").unwrap());
    assert_eq!(addresses(&third), [5, 4, 3, 2, 1]);
    assert_eq!(link(&third, "next"), None);
    assert!(link(&third, "prev").is_some());
}

fn history_shows_sessions_with_equal_end_times_once_each(engine: EngineKind) {
    let app = TestApp::new(engine);
    let mut browser = add_history(&app, 105, Duration::ZERO);
    let (mut seen, mut url) = (Vec::new(), Some("/account/sessions?show=ended".to_owned()));
    while let Some(page) = url.take().map(|url| browser.get(&url)) {
        seen.extend(addresses(&page));
        url = link(&page, "next");
    }
    assert_eq!(seen.len(), 105);
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), (1..=105).collect());
}

fn history_shows_each_end_reason_in_words(engine: EngineKind) {
    let app = TestApp::new(engine);
    let mut browser = add_history(&app, 9, Duration::from_secs(60));
    let reasons = [
        ("signed_out", "Signed out"),
        ("revoked", "Revoked from another device"),
        ("revoked_by_admin", "Revoked by an administrator"),
        ("password_changed", "Password changed"),
        ("idle_timeout", "Timed out after inactivity"),
        ("absolute_timeout", "Reached its time limit"),
        ("replaced", "Replaced by a newer sign-in"),
        ("account_disabled", "Account disabled"),
        ("<b>an unknown reason</b>", "Ended"),
    ];
    for (number, (word, _)) in (1..).zip(reasons) {
        app.execute(&format!("UPDATE sessions SET end_reason = '{word}' WHERE sid = 'sid {number}'"));
    }
    let page = browser.get("/account/sessions?show=ended");
    let shown: Vec<&str> = page.body.split("<p class=\"inline-facts\"><span>").skip(1).collect();
    let shown: Vec<&str> = shown.into_iter().map(|text| text.split_once('<').unwrap().0).collect();
    assert_eq!(shown, reasons.iter().rev().map(|(_, text)| *text).collect::<Vec<_>>());
}

fn empty_history_says_so(engine: EngineKind) {
    let app = TestApp::new(engine);
    let page = add_history(&app, 0, Duration::ZERO).get("/account/sessions?show=ended");
    assert!(page.text().contains("No sessions have ended yet."), "{}", page.text());
    assert_eq!((link(&page, "next"), link(&page, "prev")), (None, None));
}

fn history_with_invalid_cursor_shows_first_page(engine: EngineKind) {
    let app = TestApp::new(engine);
    let mut browser = add_history(&app, 3, Duration::from_secs(60));
    let id = "0f8fad5b-d9cb-469f-a165-70867728950e";
    for after in ["x", "1.x", ".", "'%20OR%201=1", "99999999999999999999.x", "%00"] {
        let page = browser.get(&format!("/account/sessions?show=ended&after={after}"));
        assert_eq!((page.status, addresses(&page).len()), (200, 3), "{after}");
    }
    for (after, count) in
        [(i64::MAX, 3), (i64::MIN, 3), (253_402_300_800_000_000, 3), (-1, 3), (0, 0), (253_402_300_799_999_999, 3)]
    {
        let page = browser.get(&format!("/account/sessions?show=ended&after={after}.{id}"));
        assert!(page.status == 200 && addresses(&page).len() == count, "{after}: {} {}", page.status, page.text());
    }
    assert_eq!(browser.get("/account/sessions?show=anything").status, 200);
}
