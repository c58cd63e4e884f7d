//! The cookies that Keyrack sets, and how it treats those that it receives.

use crate::support::{
    Answer, Browser, EngineKind, PASSWORD, SECRETS, TestApp,
    cookies::{parts, signed},
    on_both_engines,
};

on_both_engines!(
    cookies_have_exactly_the_expected_attributes,
    cookies_over_https_are_secure_and_have_host_prefix,
    configured_cookie_name_is_used_unchanged,
    cookie_domain_is_set_on_session_cookies_and_in_data,
    ordinary_requests_set_no_cookie,
    cookie_signed_with_old_secret_is_accepted_and_resigned,
    tampered_or_malformed_cookie_is_rejected,
    duplicate_session_cookies_are_rejected,
    twin_of_session_cookie_is_deleted_at_sign_in,
    twin_of_session_cookie_is_deleted_by_every_answer,
    twins_of_a_host_cookie_are_deleted,
    sign_in_with_planted_twin_ends_the_planted_session,
    foreign_cookies_are_ignored,
);

/// Signs in, revokes, signs out, and collects every `Set-Cookie`: name, attributes, whether it has a value.
fn cookies_of_a_visit(app: &TestApp) -> Vec<(String, Vec<String>, bool)> {
    let mut cookies = Vec::new();
    let mut collect = |answer: Answer| {
        for cookie in answer.set_cookies() {
            let (name, value, attributes) = parts(&cookie);
            cookies.push((name, attributes, !value.is_empty()));
        }
        answer
    };
    app.add_user("rajat.verma@example.com");
    let mut browser = app.browser();
    let token = collect(browser.get("/login")).csrf_token();
    let fields = [("email", "rajat.verma@example.com"), ("password", PASSWORD), ("csrf_token", &token)];
    collect(browser.post("/login", &fields));
    let token = collect(browser.get("/account/sessions")).csrf_token();
    collect(browser.post("/account/sessions/revoke-others", &[("csrf_token", &token)]));
    collect(browser.get("/account/sessions"));
    collect(browser.post("/logout", &[("csrf_token", &token)]));
    cookies
}

fn expected(prefix: &str, session: &str, secure: &[&str]) -> Vec<(String, Vec<String>, bool)> {
    let with = |more: &[&str]| {
        let mut all: Vec<String> = ["HttpOnly", "Path=/", "SameSite=Lax"].map(str::to_owned).to_vec();
        all.extend(more.iter().chain(secure).map(|text| (*text).to_owned()));
        all.sort();
        all
    };
    let removal = ["Max-Age=0", "Expires"];
    vec![
        (format!("{prefix}keyrack.csrf"), with(&[]), true),
        (session.to_owned(), with(&[]), true),
        (format!("{prefix}keyrack.browser"), with(&["Max-Age=34560000"]), true),
        (format!("{prefix}keyrack.done"), with(&["Max-Age=60"]), true),
        (format!("{prefix}keyrack.done"), with(&removal[..1]), false),
        (session.to_owned(), with(&removal), false),
    ]
}

/// Removes the time from `Expires` attributes, which differs between runs, and sorts the attributes.
fn without_times(cookies: Vec<(String, Vec<String>, bool)>) -> Vec<(String, Vec<String>, bool)> {
    let plain = |attribute: String| match attribute.split_once('=') {
        Some(("Expires", _)) => "Expires".to_owned(),
        _ => attribute,
    };
    let sorted = |attributes: Vec<String>| {
        let mut attributes: Vec<String> = attributes.into_iter().map(plain).collect();
        attributes.sort();
        attributes
    };
    cookies.into_iter().map(|(name, attributes, set)| (name, sorted(attributes), set)).collect()
}

fn cookies_have_exactly_the_expected_attributes(engine: EngineKind) {
    let app = TestApp::new(engine);
    assert_eq!(without_times(cookies_of_a_visit(&app)), expected("", "keyrack.sid", &[]));
}

fn cookies_over_https_are_secure_and_have_host_prefix(engine: EngineKind) {
    let app = TestApp::with(engine, |config| config.public_url = "https://keyrack.example".parse().unwrap());
    assert_eq!(without_times(cookies_of_a_visit(&app)), expected("__Host-", "__Host-keyrack.sid", &["Secure"]));
    let mut browser = app.browser();
    browser.sign_in("rajat.verma@example.com", PASSWORD);
    let data = &app.rows("user_sessions", "")[0]["sess"]["cookie"];
    assert_eq!((&data["secure"], &data["httpOnly"]), (&true.into(), &true.into()));
    // Without the prefix, another host of the same domain could have set the cookie.
    let value = browser.cookies["__Host-keyrack.sid"].clone();
    assert!(!app.browser().with_cookie("keyrack.sid", &value).is_signed_in());
    assert!(browser.is_signed_in());
}

fn configured_cookie_name_is_used_unchanged(engine: EngineKind) {
    for (url, secure) in [("http://keyrack.example", &[][..]), ("https://keyrack.example", &["Secure"])] {
        let app = TestApp::with(engine, |config| {
            config.public_url = url.parse().unwrap();
            config.cookie_name = Some("connect.sid".to_owned());
        });
        let prefix = if secure.is_empty() { "" } else { "__Host-" };
        assert_eq!(without_times(cookies_of_a_visit(&app)), expected(prefix, "connect.sid", secure));
    }
}

/// A removal without the domain would not remove the cookie, and a cookie without it would exist beside the first.
fn cookie_domain_is_set_on_session_cookies_and_in_data(engine: EngineKind) {
    let app = TestApp::with(engine, |config| {
        config.cookie_name = Some("connect.sid".to_owned());
        config.cookie_domain = Some("keyrack.example".to_owned());
    });
    let cookies = cookies_of_a_visit(&app);
    let of_session: Vec<_> = cookies.iter().filter(|(name, ..)| name == "connect.sid").collect();
    assert_eq!(of_session.len(), 2);
    for (name, attributes, _) in &cookies {
        let has_domain = attributes.iter().any(|attribute| attribute == "Domain=keyrack.example");
        assert_eq!(has_domain, name == "connect.sid", "{name} {attributes:?}");
    }
    app.browser().sign_in("rajat.verma@example.com", PASSWORD);
    assert_eq!(app.rows("user_sessions", "")[0]["sess"]["cookie"]["domain"], "keyrack.example");
}

fn ordinary_requests_set_no_cookie(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    let mut browser = app.signed_in("rajat.verma@example.com");
    app.advance(std::time::Duration::from_secs(90));
    for path in ["/account/sessions", "/account/sessions?show=ended", "/api/session", "/login", "/", "/nowhere"] {
        assert_eq!(browser.get(path).set_cookies(), Vec::<String>::new(), "{path}");
    }
    let mut visitor = app.browser();
    visitor.get("/login");
    for path in ["/login", "/account/sessions", "/api/session", "/healthz", "/static/keyrack.css"] {
        assert_eq!(visitor.get(path).set_cookies(), Vec::<String>::new(), "{path}");
    }
}

fn cookie_signed_with_old_secret_is_accepted_and_resigned(engine: EngineKind) {
    const OLD: &str = "a secret that was in use before";
    let secrets = format!("{SECRETS},{OLD}");
    let app = TestApp::with(engine, |config| config.secrets = secrets.parse().unwrap());
    app.add_user("rajat.verma@example.com");
    for remember in ["", "on"] {
        let mut browser = app.browser();
        let fields = [("email", "rajat.verma@example.com"), ("password", PASSWORD), ("remember", remember)];
        browser.post_from("/login", "/login", &fields);
        let (sid, current) = (browser.sid(), browser.cookies["keyrack.sid"].clone());
        browser.cookies.insert("keyrack.sid".to_owned(), signed(&sid, OLD));
        let answer = browser.get("/api/session");
        assert_eq!((answer.status, answer.set_cookies().len()), (200, 1));
        assert_eq!(browser.cookies["keyrack.sid"], current, "the same sid under the newest secret");
        assert_eq!(answer.set_cookies()[0].contains("; Max-Age=2592000"), remember == "on");
        assert_eq!(browser.get("/api/session").set_cookies(), Vec::<String>::new(), "signed only once");
        let mut forgotten = browser.clone().with_cookie("keyrack.sid", &signed(&sid, "a secret of another server"));
        assert!(!forgotten.is_signed_in());
    }
    // An unknown sid is rejected although an old secret has signed it.
    let answer = app.browser().with_cookie("keyrack.sid", &signed("dead", OLD)).get("/api/session");
    assert_eq!((answer.status, answer.set_cookies()), (401, vec![]));
}

fn tampered_or_malformed_cookie_is_rejected(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    let mut browser = app.signed_in("rajat.verma@example.com");
    let value = browser.cookies["keyrack.sid"].clone();
    let unescaped = value.replace("%3A", ":").replace("%2B", "+").replace("%2F", "/");
    for good in [&value, &unescaped] {
        for index in 0..good.len() {
            let mut bytes = good.clone().into_bytes();
            bytes[index] ^= if bytes[index] == b'=' || bytes[index] == b':' { 2 } else { 1 };
            let Ok(flipped) = String::from_utf8(bytes) else { continue };
            // A percent escape in lower case means the same byte.
            let decoded =
                |text: &str| text.to_ascii_lowercase().replace("%3a", ":").replace("%2b", "+").replace("%2f", "/");
            let mut forged = app.browser().with_cookie("keyrack.sid", &flipped);
            let answer = forged.get("/api/session");
            assert_eq!((answer.status, answer.set_cookies()), (401, vec![]), "{index} of {}", decoded(&flipped));
        }
    }
    let long = "a".repeat(5000);
    for garbage in ["", "s:", "s%3A", "s%3A.", "s%3Ax.y", "%", "%zz", "\"\"", "j:{}", &unescaped[2..], &long] {
        let answer = app.browser().with_cookie("keyrack.sid", garbage).get("/account/sessions");
        assert_eq!((answer.status, answer.set_cookies()), (303, vec![]), "{garbage}");
    }
    assert!(app.browser().with_cookie("keyrack.sid", &unescaped).is_signed_in(), "peers may send it unescaped");
    assert!(browser.is_signed_in());
}

fn duplicate_session_cookies_are_rejected(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    let browser = app.signed_in("rajat.verma@example.com");
    let value = browser.cookies["keyrack.sid"].clone();
    for second in [value.as_str(), "planted", ""] {
        for values in [format!("{value}; keyrack.sid={second}"), format!("{second}; keyrack.sid={value}")] {
            let mut both: Browser = app.browser().with_cookie("keyrack.sid", &values);
            assert!(!both.is_signed_in(), "{second}");
        }
        // In a second header line, as HTTP/2 proxies may send it.
        let second = format!("keyrack.sid={second}");
        let answer = browser.clone().send("GET", "/api/session", None, &[("cookie", &second)]);
        assert_eq!(answer.status, 401, "{second}");
    }
    assert!(browser.clone().is_signed_in());
}

/// An application under the same host name as others, with a cookie name that they may use, too.
fn neighbour(engine: EngineKind) -> TestApp {
    let app = TestApp::with(engine, |config| {
        config.cookie_name = Some("connect.sid".to_owned());
        config.public_url = "http://keys.example.com".parse().unwrap();
    });
    app.add_user("rajat.verma@example.com");
    app
}

/// A browser without a session in which the sign-in form was opened, before another site plants a cookie, and what is
/// typed into the form.
fn opened_form(app: &TestApp) -> (Browser, [(&'static str, String); 3]) {
    let mut browser = app.browser().with_header("host", "keys.example.com");
    let token = browser.get("/login").csrf_token();
    let typed = |text: &str| text.to_owned();
    let email = typed("rajat.verma@example.com");
    (browser, [("email", email), ("password", typed(PASSWORD)), ("csrf_token", token)])
}

fn as_fields<'a>(fields: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    fields.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

fn twin_of_session_cookie_is_deleted_at_sign_in(engine: EngineKind) {
    const NOTICE: &str = "Another site of this domain has set a cookie with the same name as Keyrack’s";
    let app = neighbour(engine);
    let mut browser = app.browser().with_header("host", "keys.example.com");
    assert_eq!(browser.sign_in("rajat.verma@example.com", PASSWORD).status, 303);
    assert!(!browser.get("/account/sessions").text().contains(NOTICE));
    for _ in 0..3 {
        let own = browser.cookies["connect.sid"].clone();
        let old = browser.clone();
        let twins = format!("planted; connect.sid={own}");
        let page = browser.clone().with_cookie("connect.sid", &twins).get("/login");
        assert!(page.text().contains(NOTICE));
        let (mut twice, fields) = opened_form(&app);
        twice = twice.with_cookie("connect.sid", &twins);
        let answer = twice.post("/login", &as_fields(&fields));
        let set = answer.set_cookies();
        let set = set.iter().map(|cookie| parts(cookie)).filter(|(name, ..)| name != "keyrack.browser");
        let set: Vec<_> = set.collect();
        let (last, removals) = set.split_last().unwrap();
        assert!(last.0 == "connect.sid" && !last.1.is_empty(), "{last:?}");
        for (domain, path) in [(None, "/login"), (Some("keys.example.com"), "/"), (Some("example.com"), "/login")] {
            assert!(has_removal(removals, domain, path), "{domain:?} {path}: {removals:?}");
        }
        assert!(twice.is_signed_in(), "its jar has one cookie again");
        assert!(!old.clone().is_signed_in(), "the session has a new sid");
        assert_eq!(app.count("sessions", ""), 1, "no further session");
        browser = twice;
    }
}

/// Name, value and attributes of a cookie.
type SetCookie = (String, String, Vec<String>);

/// Whether one of the cookies makes a browser delete `connect.sid` of this domain and path.
fn has_removal(cookies: &[SetCookie], domain: Option<&str>, path: &str) -> bool {
    cookies.iter().any(|(name, value, attributes)| {
        let has = |text: &str| attributes.iter().any(|attribute| attribute == text);
        let found = attributes.iter().find_map(|attribute| attribute.strip_prefix("Domain="));
        name == "connect.sid"
            && value.is_empty()
            && found == domain
            && has(&format!("Path={path}"))
            && has("Max-Age=0")
            && has("HttpOnly")
            && has("SameSite=Lax")
    })
}

/// Another site of the domain plants a cookie that is sent to some pages only, the sign-in page not among them. The
/// person would be sent from one to the other for as long as it is there.
fn twin_of_session_cookie_is_deleted_by_every_answer(engine: EngineKind) {
    let app = neighbour(engine);
    let mut browser = app.browser().with_header("host", "keys.example.com");
    assert_eq!(browser.sign_in("rajat.verma@example.com", PASSWORD).status, 303);
    let own = browser.cookies["connect.sid"].clone();
    for (path, status) in [("/account/sessions", 303), ("/api/session", 401), ("/login", 200), ("/nowhere", 404)] {
        for planted in ["garbage", ""] {
            let mut twice = browser.clone().with_cookie("connect.sid", &format!("{planted}; connect.sid={own}"));
            let answer = twice.get(path);
            assert_eq!(answer.status, status, "{path}: a request with two cookies is not signed in");
            let set: Vec<_> = answer.set_cookies().iter().map(|cookie| parts(cookie)).collect();
            let parent = path.rsplit_once('/').unwrap().0;
            for domain in [None, Some("keys.example.com"), Some("example.com")] {
                for path in [path, &format!("{parent}/")] {
                    let is_own = domain.is_none() && path == "/";
                    assert_eq!(has_removal(&set, domain, path), !is_own, "{domain:?} {path}: {set:?}");
                }
            }
            let length: usize = answer.set_cookies().iter().map(String::len).sum();
            assert!(length < 2500, "nginx refuses responses with headers of more than 4 kB: {length}");
            assert!(!twice.cookies.values().any(|value| value == "garbage"));
        }
    }
    assert!(browser.is_signed_in(), "its own cookie was left alone");
    // The form was opened with two cookies; when it is sent, one is left.
    let form = browser.clone().with_cookie("connect.sid", &format!("x; connect.sid={own}")).get("/login");
    let fields = [("email", "rajat.verma@example.com"), ("password", PASSWORD), ("csrf_token", &form.csrf_token())];
    let answer = browser.post("/login", &fields);
    assert_eq!(answer.status, 303, "{}", answer.text());
    assert_eq!(app.count("sessions", ""), 1);
}

/// Browsers never send two, so one of them is forged by something between the browser and Keyrack.
fn twins_of_a_host_cookie_are_deleted(engine: EngineKind) {
    let app = TestApp::with(engine, |config| config.public_url = "https://keyrack.example".parse().unwrap());
    app.add_user("rajat.verma@example.com");
    let mut browser = app.browser();
    browser.sign_in("rajat.verma@example.com", PASSWORD);
    let own = browser.cookies["__Host-keyrack.sid"].clone();
    let mut twice = browser.with_cookie("__Host-keyrack.sid", &format!("x; __Host-keyrack.sid={own}"));
    let answer = twice.get("/account/sessions");
    assert_eq!(answer.status, 303);
    let (name, value, attributes) = parts(&answer.set_cookies()[0]);
    assert_eq!((name.as_str(), value.as_str()), ("__Host-keyrack.sid", ""));
    assert!(attributes.contains(&"Path=/".to_owned()) && attributes.contains(&"Secure".to_owned()), "{attributes:?}");
}

fn sign_in_with_planted_twin_ends_the_planted_session(engine: EngineKind) {
    let app = neighbour(engine);
    app.add_user("attacker@example.com");
    let mut attacker = app.browser();
    attacker.sign_in("attacker@example.com", PASSWORD);
    let planted = attacker.cookies["connect.sid"].clone();
    let mut own = app.browser();
    own.sign_in("rajat.verma@example.com", PASSWORD);
    let own = own.cookies["connect.sid"].clone();
    let (victim, fields) = opened_form(&app);
    let mut victim = victim.with_cookie("connect.sid", &format!("{planted}; connect.sid={own}"));
    assert_eq!(victim.post("/login", &as_fields(&fields)).status, 303);
    assert!(!attacker.is_signed_in(), "the planted session has ended");
    assert_eq!(victim.get("/api/session").json()["user"]["email"], "rajat.verma@example.com");
    assert_eq!(app.count("sessions", "WHERE status = 'active'"), 1);
    app.assert_sound();
}

fn foreign_cookies_are_ignored(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user("rajat.verma@example.com");
    let browser = app.signed_in("rajat.verma@example.com");
    let value = browser.cookies["keyrack.sid"].clone();
    let mut among_others = browser.with_cookie("a", "1; b=\"2\"; =; c; keyrack-inner=forged; Keyrack.sid=x");
    assert!(among_others.is_signed_in());
    let mut inner = app.browser().with_cookie("keyrack-inner", &value);
    assert!(!inner.is_signed_in());
}
