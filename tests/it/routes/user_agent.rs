//! The `User-Agent` header, which is untrusted text, on the pages that show it.

use crate::support::{Answer, EngineKind, PASSWORD, TestApp, on_both_engines, raw};

on_both_engines!(
    user_agent_markup_is_escaped,
    user_agent_longer_than_512_characters_is_cut,
    user_agent_loses_misleading_characters,
    user_agent_missing_or_blank_shows_unknown_device,
);

/// Signs a device in with this user agent; returns the list that shows it, and the history after it was revoked.
fn pages_about(app: &TestApp, user_agent: &str) -> [Answer; 2] {
    app.add_user("rajat.verma@example.com");
    let mut device = app.browser().with_header("user-agent", user_agent);
    assert_eq!(device.sign_in("rajat.verma@example.com", PASSWORD).status, 303);
    pages(app)
}

fn pages(app: &TestApp) -> [Answer; 2] {
    let mut browser = app.signed_in("rajat.verma@example.com");
    let list = browser.get("/account/sessions");
    browser.post("/account/sessions/revoke-others", &[("csrf_token", &list.csrf_token())]);
    let history = browser.get("/account/sessions?show=ended");
    assert_eq!((list.status, history.status), (200, 200));
    [list, history]
}

/// The names of all HTML elements, in order.
fn elements(page: &Answer) -> Vec<&str> {
    let tags = page.body.split('<').skip(1);
    tags.map(|tag| tag.split([' ', '>', '\n']).next().unwrap()).collect()
}

fn user_agent_markup_is_escaped(engine: EngineKind) {
    let harmless = pages_about(&TestApp::new(engine), "plain words");
    for payload in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "' onmouseover='alert(1)",
        "</dd></dl></details><form action=//evil.example>",
        "{{ 7 * 7 }}${7*7}<%= 7 %>",
        "&lt;b&gt; &#60;b&#62; &amp;",
        "<!-- --><![CDATA[x]]>",
        "javascript:alert(1)",
        "curl/8.5.0 <svg/onload=alert(1)>",
    ] {
        let app = TestApp::new(engine);
        for (page, harmless) in pages_about(&app, payload).iter().zip(&harmless) {
            // Only the icon may differ: one of the payloads is recognised as a program.
            let count = |name: &str, page: &Answer| elements(page).iter().filter(|tag| **tag == name).count();
            for name in ["script", "img", "form", "b", "/dl", "/details", "!--", "input", "a"] {
                assert_eq!(count(name, page), count(name, harmless), "{name} of {payload}");
            }
            assert!(!page.body.contains(payload) || !payload.contains(['<', '"', '\'', '&']), "{payload}");
            let shown =
                page.body.split("<dd class=\"code\" dir=\"ltr\">").skip(1).map(|text| text.split_once('<').unwrap().0);
            let plain = |text: &str| {
                let text = text.replace("&#60;", "<").replace("&#62;", ">").replace("&#34;", "\"");
                text.replace("&#39;", "'").replace("&#38;", "&")
            };
            assert!(shown.map(plain).any(|text| text == payload), "{payload}: {}", page.body);
        }
    }
}

fn user_agent_longer_than_512_characters_is_cut(engine: EngineKind) {
    let app = TestApp::new(engine);
    let pages = pages_about(&app, &format!("curl/8.5.0 {}", "long".repeat(2500)));
    for page in pages {
        let shown =
            page.body.split("<dd class=\"code\" dir=\"ltr\">curl").nth(1).unwrap().split_once('<').unwrap().0.len();
        assert_eq!(shown + "curl".len(), 512);
    }
    assert_eq!(
        app.text("SELECT CAST(length(user_agent) AS text) AS v FROM sessions WHERE user_agent LIKE 'curl%'"),
        "512"
    );
}

fn user_agent_loses_misleading_characters(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    let mut browser = app.browser();
    let token = browser.get("/login").csrf_token();
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.extend_pairs([("email", "rajat.verma@example.com"), ("password", PASSWORD), ("csrf_token", &token)]);
    let (body, cookie) = (body.finish(), &browser.cookies["keyrack.csrf"]);
    let head = format!(
        "POST /login HTTP/1.1\r\nHost: x\r\nCookie: keyrack.csrf={cookie}\r\nContent-Length: {}\r\n\
         Connection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nUser-Agent: ",
        body.len()
    );
    let user_agent = "curl/8.5.0 caf\u{e9} \u{202e}txt.exe\u{2066}\u{200b}\t\u{feff}\u{1f512} ".as_bytes();
    let request = [head.as_bytes(), user_agent, b"\xff!\r\n\r\n", body.as_bytes()].concat();
    let answer = raw::exchange(app.address, &request);
    assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
    for page in pages(&app) {
        assert!(page.text().contains("curl 8"), "{}", page.text());
        assert!(page.body.contains(">curl/8.5.0 café txt.exe\u{1f512} \u{fffd}!<"), "{}", page.body);
    }
}

fn user_agent_missing_or_blank_shows_unknown_device(engine: EngineKind) {
    for user_agent in ["", "   "] {
        let app = TestApp::new(engine);
        for page in pages_about(&app, user_agent) {
            assert!(page.text().contains("Unknown device"), "{}", page.text());
        }
        assert_eq!(app.count("sessions", "WHERE user_agent IS NULL"), 1);
    }
}
