//! Every page in each of its states, compared with its snapshot.
//!
//! Errors that need a special state have their snapshot where that state is made: `errors.rs`, `outage.rs`,
//! `request_limits.rs` and `sign_in_overload.rs`.

use std::time::Duration;

use keyrack::config::Registration;

use super::{
    email_change::{NEW_EMAIL, PAGE, ask, mailed_link, press},
    register::{self, PAGE as REGISTER},
    second_factor::add_factor,
    snapshot::assert_snapshot,
};
use crate::support::{
    Answer, Browser, EngineKind, MailServer, PASSWORD, TestApp, mail_server, on_both_engines, wait, wait_until,
};

on_both_engines!(
    login_pages_match_snapshots,
    setup_pages_match_snapshots,
    link_pages_match_snapshots,
    forgot_pages_match_snapshots,
    address_pages_match_snapshots,
    registration_pages_match_snapshots,
    notice_pages_match_snapshots,
    device_pages_match_snapshots,
    session_pages_match_snapshots,
    history_pages_match_snapshots,
    second_factor_pages_match_snapshots,
    redirects_match_snapshots,
    error_pages_match_snapshots,
);

const EMAIL: &str = "rajat.verma@example.com";
const WRONG: &str = "not the password at all";
const MINUTE: Duration = Duration::from_secs(60);

const PHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                     Version/18.5 Mobile/15E148 Safari/604.1";

fn login_pages_match_snapshots(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    let mut browser = app.browser();
    assert_snapshot("login", &browser.get("/login"));
    let next = "/account/sessions?show=ended";
    assert_snapshot("login-with-next", &browser.get(&format!("/login?next={next}")));
    let fields = [("email", EMAIL), ("password", WRONG), ("remember", "on"), ("next", next)];
    let mut fail = || browser.post_from("/login", "/login", &fields);
    assert_snapshot("login-wrong-password", &fail());
    for _ in 0..9 {
        assert_eq!(fail().status, 401);
    }
    assert_snapshot("login-throttled", &fail());
}

fn setup_pages_match_snapshots(engine: EngineKind) {
    let app = TestApp::new(engine);
    let link = wait(app.keyrack.setup_link()).unwrap().unwrap();
    let path = link.strip_prefix(&app.origin()).unwrap();
    let token = path.split_once("token=").unwrap().1;
    let mut browser = app.browser();
    assert_snapshot("setup", &browser.get(path));
    let mut submit = |email: &str, user_name: &str, first_name: &str, last_name: &str, passwords: [&str; 2]| {
        let fields = [
            ("token", token),
            ("email", email),
            ("user_name", user_name),
            ("first_name", first_name),
            ("last_name", last_name),
            ("password", passwords[0]),
            ("password_again", passwords[1]),
        ];
        browser.post_from(path, "/setup", &fields)
    };
    let long = "n".repeat(65);
    let errors = submit("not an address", &long, " ", &long, ["too short", "something else"]);
    assert_snapshot("setup-every-field-wrong", &errors);
    let mut with_password = |password: &str| submit(EMAIL, "rajat", "Rajat", "Verma", [password, password]);
    assert_snapshot("setup-common-password", &with_password("passwordpassword"));
    assert_snapshot("setup-own-name-as-password", &with_password("rajat verma 1985"));
    assert_snapshot("setup-long-password", &with_password(&"long ".repeat(52)));
    assert_snapshot("setup-created", &with_password(PASSWORD));
}

fn link_pages_match_snapshots(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    let make = || wait(app.keyrack.accounts().create_reset_link(&EMAIL.parse().unwrap(), None)).unwrap().unwrap();
    let (link, void) = (make().path(), make().path());
    let token = link.split_once("token=").unwrap().1;
    let mut browser = app.browser();
    let without_token = |answer: Answer| Answer { body: answer.body.replace(token, "[link token]"), ..answer };
    assert_snapshot("reset", &without_token(browser.get(&link)));
    let mut set = |password: &str, again: &str| {
        let fields = [("token", token), ("password", password), ("password_again", again)];
        without_token(browser.post_from(&link, "/reset", &fields))
    };
    assert_snapshot("reset-every-field-wrong", &set("too short", "something else"));
    app.clock.advance(MINUTE);
    assert_snapshot("reset-done", &set("seven hills, one river", "seven hills, one river"));
    app.clock.advance(MINUTE);
    assert_snapshot("reset-used", &app.browser().get(&link));
    assert_snapshot("reset-void", &app.browser().get(&void));
    assert_snapshot("invitation-unknown", &app.browser().get("/invite?token=none"));
    assert_snapshot("forgot-no-mail", &app.browser().get("/forgot"));
}

fn forgot_pages_match_snapshots(engine: EngineKind) {
    let app = TestApp::with(engine, |config| config.mail = Some(crate::mail::settings("smtp://127.0.0.1:1")));
    let mut browser = app.browser();
    assert_snapshot("forgot", &browser.get("/forgot"));
    assert_snapshot("forgot-invalid", &browser.post_from("/forgot", "/forgot", &[("email", "rajat")]));
    assert_snapshot("forgot-answer", &browser.post_from("/forgot", "/forgot", &[("email", EMAIL)]));
    assert_snapshot("forgot-sent", &browser.get("/forgot?sent=on"));
    assert_snapshot("reset-unknown", &browser.get("/reset?token=none"));
}

fn address_pages_match_snapshots(engine: EngineKind) {
    let Some((app, server)) = crate::mail::mailed_app(engine) else { return };
    app.add_user(EMAIL);
    let mut browser = app.signed_in(EMAIL);
    assert_snapshot("email-change", &browser.get("/account/email"));
    assert_snapshot("email-change-same", &browser.post_from(PAGE, PAGE, &[("email", EMAIL)]));
    assert_snapshot("email-change-answer", &ask(&app, &mut browser, NEW_EMAIL));
    assert_snapshot("email-change-sent", &browser.get("/account/email?sent=on"));
    assert_snapshot("security-email-pending", &browser.get("/account/security"));
    assert_snapshot("email-change-pending", &browser.get("/account/email"));
    let link = mailed_link(&app, &server, NEW_EMAIL);
    assert_snapshot("verify", &app.browser().get(&link));
    assert_eq!(press(&mut app.browser(), &link).status, 303);
    assert_snapshot("verify-done", &app.browser().get("/verify?done=on"));
    assert_snapshot("verify-restore", &app.browser().get(&mailed_link(&app, &server, EMAIL)));
    assert_snapshot("verify-unknown", &app.browser().get("/verify?token=none"));
}

fn registration_pages_match_snapshots(engine: EngineKind) {
    let Some(server) = mail_server::is_available().then(MailServer::start) else { return };
    let with = |registration| {
        let app = TestApp::with(engine, |config| {
            config.mail = Some(crate::mail::settings(&server.url()));
            config.registration = registration;
        });
        app.add_user("admin@example.com");
        app
    };
    let closed = with(Registration::Off).browser().get(REGISTER);
    assert_snapshot("register-closed", &closed);
    let app = with(Registration::Open);
    let mut browser = app.browser();
    assert_snapshot("register", &browser.get(REGISTER));
    assert_snapshot("register-invalid", &browser.post_from(REGISTER, REGISTER, &[("email", "rajat")]));
    assert_snapshot("register-answer", &register::ask(&app, &mut browser, EMAIL));
    assert_snapshot("register-sent", &browser.get("/register?sent=on"));
    wait(app.keyrack.send_due_mails()).unwrap();
    let link = server.mails().into_iter().rfind(|mail| mail.to == [EMAIL]).unwrap().link();
    let token = link.split_once("token=").unwrap().1;
    let without_token = |answer: Answer| Answer { body: answer.body.replace(token, "[link token]"), ..answer };
    assert_snapshot("register-proof", &without_token(browser.get(&link)));
    let mut create = |first_name: &str, passwords: [&str; 2]| {
        let fields = [("token", token), ("first_name", first_name), ("password", passwords[0])];
        let fields: Vec<_> = fields.into_iter().chain([("password_again", passwords[1])]).collect();
        browser.post_from(&link, "/verify", &fields)
    };
    assert_snapshot("register-every-field-wrong", &without_token(create(" ", ["too short", "something else"])));
    assert_snapshot("register-created", &create("Rajat", ["seven hills, one river"; 2]));
    assert_snapshot("register-used", &app.browser().get(&link));
}

fn notice_pages_match_snapshots(engine: EngineKind) {
    let Some((app, server)) = crate::mail::mailed_app(engine) else { return };
    app.add_user(EMAIL);
    // What happens from now on is told.
    wait(app.keyrack.accounts().queue_notices()).unwrap();
    app.signed_in(EMAIL);
    app.clock.advance(MINUTE);
    app.signed_in(EMAIL);
    wait_until(|| {
        wait(app.keyrack.accounts().queue_notices()).unwrap();
        app.count("mails", "") > 0
    });
    wait(app.keyrack.send_due_mails()).unwrap();
    let link = server.mails().remove(0).link();
    let token = link.split_once("token=").unwrap().1;
    let mut browser = app.browser();
    let without_token = |answer: Answer| Answer { body: answer.body.replace(token, "[link token]"), ..answer };
    assert_snapshot("notice", &without_token(browser.get(&link)));
    let done = browser.post_from(&link, "/not-me", &[("token", token)]);
    assert_snapshot("notice-done", &without_token(done));
    assert_snapshot("notice-used", &without_token(browser.get(&link)));
    assert_snapshot("notice-unknown", &browser.get("/not-me?token=none"));
}

fn device_pages_match_snapshots(engine: EngineKind) {
    let app = TestApp::with(engine, |config| config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]);
    let user = app.add_user(EMAIL);
    let mut browser = app.signed_in(EMAIL);
    let list = |browser: &mut Browser| browser.get("/account/sessions");
    assert_snapshot("devices-one", &list(&mut browser));

    app.advance(5 * MINUTE);
    let mut phone = app.browser().with_header("user-agent", PHONE).with_header("x-forwarded-for", "2001:db8::1");
    let fields = [("email", EMAIL), ("password", PASSWORD), ("remember", "on")];
    assert_eq!(phone.post_from("/login", "/login", &fields).status, 303);
    let phone_id = phone.session_id();
    assert_snapshot("devices-two", &list(&mut browser));

    app.advance(50 * MINUTE);
    let mut program = app.browser().with_header("user-agent", "curl/8.5.0").with_header("x-forwarded-for", "192.0.2.7");
    assert_eq!(program.sign_in(EMAIL, PASSWORD).status, 303);
    app.advance(MINUTE);
    add_peer_session(&app, &user.to_string());
    assert_snapshot("devices-four", &list(&mut browser));

    let revoke = format!("/account/sessions/{phone_id}/revoke");
    assert_eq!(browser.post_from("/account/sessions", &revoke, &[]).status, 303);
    assert_snapshot("devices-after-revoke", &list(&mut browser));
    for snapshot in ["devices-after-revoking-others", "devices-after-revoking-none"] {
        browser.post_from("/account/sessions", "/account/sessions/revoke-others", &[]);
        assert_snapshot(snapshot, &list(&mut browser));
    }
}

fn session_pages_match_snapshots(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    let mut browser = app.signed_in(EMAIL);
    app.advance(MINUTE);
    let mut phone = app.browser().with_header("user-agent", PHONE);
    assert_eq!(phone.sign_in(EMAIL, PASSWORD).status, 303);
    let path = format!("/account/sessions/{}", phone.session_id());
    let mut post = |action: &str, fields: &[(&str, &str)]| {
        let answer = browser.post_from("/account/sessions", &format!("{path}/{action}"), fields);
        if answer.status == 303 { browser.get(answer.location()) } else { answer }
    };
    assert_snapshot("session-name-rejected", &post("name", &[("name", &"n".repeat(65))]));
    assert_snapshot("session-named", &post("name", &[("name", "My phone")]));
    app.advance(MINUTE);
    app.signed_in(EMAIL);
    assert_snapshot("session-reported", &post("report", &[]));
    assert_snapshot(
        "session-not-me",
        &browser.get(&format!("/account/sessions/{}/not-me", browser.clone().session_id())),
    );
    assert_snapshot("session-unknown", &browser.get("/account/sessions/550e8400-e29b-41d4-a716-446655440000"));
}

/// Adds a session as an Express peer would: without an absolute expiry, an address or a user agent.
fn add_peer_session(app: &TestApp, user: &str) {
    let (started, idle_end) = (app.clock.now(), app.clock.now() + 30 * MINUTE);
    let sess = format!(r#"{{"cookie":{{"originalMaxAge":1800000}},"userId":"{user}"}}"#);
    app.execute(&format!(
        "INSERT INTO sessions (sid, user_id, status, expires_at, created_at, last_seen_at)
         VALUES ('peer', '{user}', 'active', '9999-12-31T23:59:59.999999Z', '{0}', '{0}');
         INSERT INTO user_sessions (sid, sess, expire) VALUES ('peer', '{sess}', '{1}')",
        started.to_iso_micros(),
        idle_end.to_iso_micros(),
    ));
}

fn history_pages_match_snapshots(engine: EngineKind) {
    let app = TestApp::new(engine);
    let user = app.add_user(EMAIL).to_string();
    let mut browser = app.signed_in(EMAIL);
    let mut page = |query: &str| browser.get(&format!("/account/sessions?show=ended{query}"));
    assert_snapshot("history-empty", &page(""));

    add_ended_session(&app, &user, 1, "signed_out", "'192.0.2.7', 'curl/8.5.0'");
    add_ended_session(&app, &user, 2, "revoked", &format!("'2001:db8::1', '{PHONE}'"));
    add_ended_session(&app, &user, 3, "idle_timeout", "NULL, NULL");
    assert_snapshot("history", &page(""));

    for minute in 4..=105 {
        add_ended_session(&app, &user, minute, "absolute_timeout", "NULL, NULL");
    }
    let older = page("").between("rel=\"next\" href=\"/account/sessions?show=ended", "\"").replace("&#38;", "&");
    let middle = page(&older);
    let links = middle.between("<nav class=\"pagination\"", "</nav>");
    assert_snapshot("history-pagination", &Answer { body: links, ..middle });
    let past_the_end = page("&after=0.0f8fad5b-d9cb-469f-a165-70867728950e");
    assert_snapshot("history-past-the-end", &past_the_end);
}

/// Adds a session that began a day before the start of the clock, and ended `minute` minutes after its beginning.
fn add_ended_session(app: &TestApp, user: &str, minute: u32, reason: &str, address_and_user_agent: &str) {
    let began = app.clock.now() - Duration::from_secs(24 * 3600);
    app.execute(&format!(
        "INSERT INTO sessions (sid, user_id, status, end_reason, ip_address, user_agent, expires_at, created_at, \
         last_seen_at, logged_out_at) VALUES ('ended {minute}', '{user}', 'logged_out', '{reason}', \
         {address_and_user_agent}, '{0}', '{1}', '{1}', '{2}')",
        app.clock.now().to_iso_micros(),
        began.to_iso_micros(),
        (began + MINUTE * minute).to_iso_micros(),
    ));
}

/// Without those that show a secret, which is another one each time.
fn second_factor_pages_match_snapshots(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    assert_snapshot("security", &app.signed_in(EMAIL).get("/account/security"));
    let mut owner = add_factor(&app, EMAIL).browser;
    assert_snapshot("security-app", &owner.get("/account/security"));
    let mut browser = app.browser();
    assert_snapshot("redirect-to-second", &browser.sign_in(EMAIL, PASSWORD));
    assert_snapshot("second", &browser.get("/login/second"));
    assert_snapshot("second-recovery", &browser.get("/login/second?with=recovery"));
    assert_snapshot("second-wrong", &browser.post_from("/login/second", "/login/second", &[("code", "000000")]));
}

fn redirects_match_snapshots(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    let mut browser = app.browser();
    assert_snapshot("redirect-home", &browser.get("/"));
    assert_snapshot("redirect-not-signed-in", &browser.get("/account/sessions?show=ended"));
    assert_snapshot("redirect-form-not-signed-in", &browser.post("/account/sessions/revoke-others", &[]));
    assert_snapshot("redirect-after-sign-in", &browser.sign_in(EMAIL, PASSWORD));
    assert_snapshot("redirect-already-signed-in", &browser.get("/login"));
    let phone = app.signed_in(EMAIL).session_id();
    let revoke = format!("/account/sessions/{phone}/revoke");
    assert_snapshot("redirect-after-revoke", &browser.post_from("/account/sessions", &revoke, &[]));
    let others = "/account/sessions/revoke-others";
    assert_snapshot("redirect-after-revoking-others", &browser.post_from("/account/sessions", others, &[]));
    assert_snapshot("redirect-after-sign-out", &browser.sign_out());
}

fn error_pages_match_snapshots(engine: EngineKind) {
    let app = TestApp::new(engine);
    let mut browser = app.browser();
    assert_snapshot("error-400", &browser.get("/login?next=1&next=2"));
    assert_snapshot("error-403-no-cookie", &browser.post("/login", &[]));
    let mut visitor = app.browser();
    visitor.get("/login");
    assert_snapshot("error-403", &visitor.post("/login", &[]));
    assert_snapshot("error-404", &browser.get("/nowhere"));
    assert_snapshot("error-405", &browser.send("DELETE", "/login", None, &[]));
    assert_snapshot("error-413", &browser.post("/login", &[("email", &"x".repeat(20_000))]));
}
