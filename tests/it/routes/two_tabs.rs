//! Two tabs of one browser that sign in at the same moment, each by a form of its own.

use std::{sync::Barrier, thread, time::Duration};

use crate::support::{Browser, EngineKind, PASSWORD, TestApp, on_both_engines};

on_both_engines!(
    both_tabs_get_the_session_that_is_alive,
    tabs_that_race_on_two_instances_get_one_live_session,
    tab_after_five_seconds_gives_the_session_a_new_sid,
    copied_browser_cookie_gets_no_share_in_the_session,
    tab_that_differs_gives_the_session_a_new_sid,
    wrong_password_in_the_second_tab_gets_no_session,
    live_session_of_a_tab_is_renewed_and_not_joined,
);

const EMAIL: &str = "rajat.verma@example.com";
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

fn app_with_user(engine: EngineKind) -> TestApp {
    let app = TestApp::with(engine, |config| config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]);
    app.add_user(EMAIL);
    app
}

/// A tab with its own form, in a browser that has lost the cookie of its session.
struct Tab {
    browser: Browser,
    token: String,
}

impl Tab {
    fn open(browser: &Browser) -> Self {
        let mut browser = browser.clone();
        let token = browser.get("/login").csrf_token();
        Self { browser, token }
    }

    fn sign_in(mut self) -> Browser {
        let fields = [("email", EMAIL), ("password", PASSWORD), ("csrf_token", self.token.as_str())];
        assert_eq!(self.browser.post("/login", &fields).status, 303);
        self.browser
    }
}

/// A known browser that has lost the cookie of its session, which is alive, as browsers do that are closed.
fn closed_browser(app: &TestApp) -> Browser {
    let mut browser = app.signed_in(EMAIL);
    app.advance(HOUR);
    browser.cookies.remove("keyrack.sid").expect("it was signed in");
    // Gives it the visitor's cookie.
    browser.get("/login");
    browser
}

fn sign_ins(app: &TestApp) -> usize {
    app.count("security_events", "WHERE kind = 'signed_in'")
}

fn both_tabs_get_the_session_that_is_alive(engine: EngineKind) {
    let app = app_with_user(engine);
    let browser = closed_browser(&app);
    let before = sign_ins(&app);
    let (one, other) = (Tab::open(&browser), Tab::open(&browser));
    assert_ne!(one.token, other.token);
    let mut one = one.sign_in();
    app.clock.advance(4 * SECOND);
    let mut other = other.sign_in();
    // The browser keeps the cookie of either answer.
    assert_eq!(one.sid(), other.sid());
    assert!(one.is_signed_in() && other.is_signed_in());
    assert_eq!(app.count("sessions", ""), 1);
    assert_eq!(sign_ins(&app), before + 2, "each sign-in has its event");
    assert_eq!(one.sign_out().status, 303);
    assert!(!other.is_signed_in());
    app.assert_sound();
}

fn tabs_that_race_on_two_instances_get_one_live_session(engine: EngineKind) {
    let app = app_with_user(engine);
    let second = TestApp::over(app.database(), app.clock.clone(), |config| {
        config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    });
    let mut browser = closed_browser(&app);
    for round in 0..6 {
        // In every other round, the browser's session has ended.
        if round % 2 == 1 {
            app.execute("UPDATE sessions SET status = 'logged_out' WHERE status = 'active'");
        }
        app.advance(HOUR);
        browser.cookies.remove("keyrack.sid");
        browser.get("/login");
        let instances = [&app, &second, &app, &second];
        let tabs = instances.map(|instance| Tab::open(&browser.at(instance.address)));
        let start = Barrier::new(tabs.len());
        let signed_in: Vec<Browser> = thread::scope(|scope| {
            let race = |tab: Tab| {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    tab.sign_in()
                })
            };
            let tabs = tabs.map(race);
            tabs.into_iter().map(|tab| tab.join().unwrap()).collect()
        });
        for mut tab in signed_in.iter().cloned() {
            assert!(tab.is_signed_in(), "round {round}");
            assert_eq!(tab.sid(), signed_in[0].sid());
        }
        assert_eq!(app.count("sessions", "WHERE status = 'active'"), 1);
        browser = signed_in[0].clone();
    }
    app.assert_sound();
}

fn tab_after_five_seconds_gives_the_session_a_new_sid(engine: EngineKind) {
    let app = app_with_user(engine);
    let browser = closed_browser(&app);
    let (one, other) = (Tab::open(&browser), Tab::open(&browser));
    let mut one = one.sign_in();
    app.clock.advance(6 * SECOND);
    let mut other = other.sign_in();
    assert!(!one.is_signed_in() && other.is_signed_in());
    assert_eq!(app.count("sessions", ""), 1);
}

/// The thief has the password and the cookie by which the account knows the browser, in the owner's network.
fn copied_browser_cookie_gets_no_share_in_the_session(engine: EngineKind) {
    let app = app_with_user(engine);
    let browser = closed_browser(&app);
    let cookie = browser.cookies["keyrack.browser"].clone();
    let thief = || Tab::open(&app.browser().with_cookie("keyrack.browser", &cookie));
    let mut owner = Tab::open(&browser).sign_in();
    let mut stolen = thief().sign_in();
    assert!(!owner.is_signed_in() && stolen.is_signed_in(), "the owner notices");
    assert_ne!(owner.sid(), stolen.sid());
    // Nor does the owner get the sid that the thief has.
    let mut owner = Tab::open(&browser).sign_in();
    assert!(!stolen.is_signed_in() && owner.is_signed_in());
    app.assert_sound();
}

fn tab_that_differs_gives_the_session_a_new_sid(engine: EngineKind) {
    let app = app_with_user(engine);
    let browser = closed_browser(&app);
    let differing: [fn(Tab) -> Browser; 3] = [
        |mut tab| {
            tab.browser = tab.browser.with_header("x-forwarded-for", "203.0.113.9");
            tab.sign_in()
        },
        |mut tab| {
            tab.browser = tab
                .browser
                .with_header("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/1 Firefox/141.0");
            tab.sign_in()
        },
        |mut tab| {
            let token = tab.token.clone();
            let fields = [("email", EMAIL), ("password", PASSWORD), ("remember", "on"), ("csrf_token", &token)];
            assert_eq!(tab.browser.post("/login", &fields).status, 303);
            tab.browser
        },
    ];
    for sign_in in differing {
        let mut one = Tab::open(&browser).sign_in();
        let mut other = sign_in(Tab::open(&browser));
        assert_ne!(one.sid(), other.sid());
        assert!(!one.is_signed_in() && other.is_signed_in());
    }
}

fn wrong_password_in_the_second_tab_gets_no_session(engine: EngineKind) {
    let app = app_with_user(engine);
    let browser = closed_browser(&app);
    let (one, mut other) = (Tab::open(&browser), Tab::open(&browser));
    let mut one = one.sign_in();
    let token = other.token.clone();
    let fields = [("email", EMAIL), ("password", "not the password at all"), ("csrf_token", token.as_str())];
    assert_eq!(other.browser.post("/login", &fields).status, 401);
    assert!(!other.browser.cookies.contains_key("keyrack.sid") && one.is_signed_in());
}

/// A sign-in with a session's cookie always gives it a new sid, so that a planted one is dead.
fn live_session_of_a_tab_is_renewed_and_not_joined(engine: EngineKind) {
    let app = app_with_user(engine);
    let browser = closed_browser(&app);
    let mut planted = app.signed_in(EMAIL);
    let mut one = Tab::open(&browser).sign_in();
    let mut tab = Tab::open(&browser);
    tab.browser.cookies.insert("keyrack.sid".to_owned(), planted.cookies["keyrack.sid"].clone());
    let mut other = tab.sign_in();
    assert!(!planted.is_signed_in(), "the planted sid is dead");
    assert!(one.is_signed_in() && other.is_signed_in());
    assert_ne!(one.sid(), other.sid());
    app.assert_sound();
}
