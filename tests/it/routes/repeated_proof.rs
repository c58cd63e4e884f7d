//! A form with the user's password that is sent twice, as by a double click without JavaScript: the browser drops the first
//! answer, and both answers are the same.

use std::{sync::Barrier, thread, time::Duration};

use crate::support::{Answer, Browser, EngineKind, PASSWORD, TestApp, on_both_engines};

on_both_engines!(
    reauth_form_sent_twice_is_answered_twice,
    reauth_form_sent_at_once_is_answered_each_time,
    reauth_form_sent_again_later_is_refused,
    pending_revocation_sent_twice_is_answered_twice,
    pending_end_of_others_sent_twice_is_answered_twice,
    pending_end_of_others_sent_at_once_is_answered_each_time,
    repeated_pending_change_spares_sessions_that_started_since,
    password_form_sent_twice_is_answered_twice,
    password_form_sent_at_once_is_answered_each_time,
    password_form_sent_twice_keeps_other_devices,
    password_form_sent_again_with_other_password_is_refused,
    former_sid_is_worth_nothing_without_the_password,
    former_sid_is_worth_nothing_at_other_routes,
);

const EMAIL: &str = "rajat.verma@example.com";
const DEVICES: &str = "/account/sessions";
const OTHERS: &str = "/account/sessions/revoke-others";
const PASSWORD_PAGE: &str = "/account/password";
const NEW: &str = "five herons by the weir";
const SECOND: Duration = Duration::from_secs(1);
const WINDOW: Duration = Duration::from_secs(10 * 60);

/// An app with a user, and two signed-in browsers, whose proofs have grown old.
fn two_browsers(engine: EngineKind) -> (TestApp, Browser, Browser) {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    let (browser, phone) = (app.signed_in(EMAIL), app.signed_in(EMAIL));
    app.advance(WINDOW + SECOND);
    (app, browser, phone)
}

/// A form that is open in a browser.
struct OpenForm {
    browser: Browser,
    path: &'static str,
    fields: Vec<(String, String)>,
}

impl OpenForm {
    fn open(browser: &mut Browser, page: &str, path: &'static str, typed: &[(&str, &str)]) -> Self {
        let shown = browser.get(page);
        assert_eq!(shown.status, 200, "{}", shown.body);
        let mut fields: Vec<_> = typed.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        for name in ["next", "change"] {
            if shown.body.contains(&format!("name=\"{name}\" value=\"")) {
                let value = shown.between(&format!("name=\"{name}\" value=\""), "\"");
                fields.push((name.to_owned(), value.replace("&#38;", "&")));
            }
        }
        fields.push(("csrf_token".to_owned(), shown.csrf_token()));
        Self { browser: browser.clone(), path, fields }
    }

    /// Asks for a change that needs a proof, and opens the form that asks for the password.
    fn of_change(browser: &mut Browser, change: &str) -> Self {
        let asked = browser.post_from(DEVICES, change, &[]);
        assert!(asked.status == 303 && asked.location().starts_with("/reauth?"), "{asked:?}");
        Self::open(browser, asked.location(), "/reauth", &[("password", PASSWORD)])
    }

    fn of_password(browser: &mut Browser, new: &str, further: &[(&str, &str)]) -> Self {
        let typed = [&[("current_password", PASSWORD), ("password", new), ("password_again", new)], further].concat();
        Self::open(browser, PASSWORD_PAGE, PASSWORD_PAGE, &typed)
    }

    /// Sends it from a copy of a browser.
    fn send_from(&self, browser: &Browser) -> (Answer, Browser) {
        let mut browser = browser.clone();
        let fields: Vec<_> = self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        (browser.post(self.path, &fields), browser)
    }

    /// Sends it as the browser was when it opened the form.
    fn send(&self) -> (Answer, Browser) {
        self.send_from(&self.browser)
    }

    /// Sends it three times: again before the browser got the first answer, and again after that.
    fn send_thrice(&self, app: &TestApp) -> Vec<(Answer, Browser)> {
        let first = self.send();
        app.clock.advance(SECOND);
        let dropped = self.send();
        app.clock.advance(SECOND);
        let with_cookie = self.send_from(&first.1);
        vec![first, dropped, with_cookie]
    }

    /// Sends it several times at once, to two instances.
    fn send_at_once(&self, app: &TestApp) -> Vec<(Answer, Browser)> {
        let second = TestApp::over(app.database(), app.clock.clone(), |_| ());
        let ready = Barrier::new(4);
        thread::scope(|scope| {
            let senders = [app, &second, app, &second].map(|instance| {
                let (browser, ready) = (self.browser.at(instance.address), &ready);
                scope.spawn(move || {
                    ready.wait();
                    self.send_from(&browser)
                })
            });
            let answers = senders.into_iter().map(|sender| sender.join().unwrap());
            answers.map(|(answer, browser)| (answer, browser.at(app.address))).collect()
        })
    }
}

/// Asserts that each answer leads to `location`, that the page there shows the notice, and that all carry one sid, which is
/// alive.
fn assert_same(answers: &[(Answer, Browser)], location: &str, notice: &str) {
    for (answer, browser) in answers {
        assert_eq!((answer.status, answer.location()), (303, location), "{}", answer.body);
        assert_eq!(browser.sid(), answers[0].1.sid());
        let shown = browser.clone().get(location);
        assert!(shown.status == 200 && shown.text().contains(notice), "{}", shown.text());
        assert!(browser.clone().is_signed_in());
    }
}

fn events(app: &TestApp, kind: &str) -> usize {
    app.count("security_events", &format!("WHERE kind = '{kind}'"))
}

fn reauth_form_sent_twice_is_answered_twice(engine: EngineKind) {
    let (app, mut browser, _) = two_browsers(engine);
    let mut before = browser.clone();
    let page = "/reauth?next=%2Faccount%2Fsessions%3Fshow%3Dended";
    let form = OpenForm::open(&mut browser, page, "/reauth", &[("password", PASSWORD)]);
    assert_same(&form.send_thrice(&app), "/account/sessions?show=ended", "");
    assert!(!before.is_signed_in(), "the former sid has ended");
    assert_eq!((events(&app, "proof_given"), events(&app, "session_rotated")), (1, 1));
    assert_eq!((events(&app, "form_refused"), app.count("replaced_sids", "")), (0, 1));
    app.assert_sound();
}

fn reauth_form_sent_at_once_is_answered_each_time(engine: EngineKind) {
    let (app, mut browser, _) = two_browsers(engine);
    for _ in 0..5 {
        let form = OpenForm::open(&mut browser, "/reauth", "/reauth", &[("password", PASSWORD)]);
        let answers = form.send_at_once(&app);
        assert_same(&answers, DEVICES, "");
        browser = answers[3].1.clone();
        app.clock.advance(6 * SECOND);
    }
    assert_eq!((events(&app, "proof_given"), app.count("replaced_sids", "")), (5, 5));
    app.assert_sound();
}

fn reauth_form_sent_again_later_is_refused(engine: EngineKind) {
    let (app, mut browser, _) = two_browsers(engine);
    let form = OpenForm::open(&mut browser, "/reauth", "/reauth", &[("password", PASSWORD)]);
    let (_, renewed) = form.send();
    app.clock.advance(5 * SECOND + Duration::from_micros(1));
    let (answer, _) = form.send();
    assert_eq!((answer.status, answer.location()), (303, "/login?next=%2Faccount%2Fsessions"));
    let (answer, _) = form.send_from(&renewed);
    assert_eq!(answer.status, 403, "the token is the former sid's");
    assert!(renewed.clone().is_signed_in());
}

fn pending_revocation_sent_twice_is_answered_twice(engine: EngineKind) {
    for at_once in [false, true] {
        let (app, mut browser, mut phone) = two_browsers(engine);
        let id = phone.session_id();
        let form = OpenForm::of_change(&mut browser, &format!("/account/sessions/{id}/revoke"));
        let answers = if at_once { form.send_at_once(&app) } else { form.send_thrice(&app) };
        assert_same(&answers, DEVICES, "Signed out Firefox");
        assert!(!phone.is_signed_in());
        assert_eq!(events(&app, "session_ended"), 1);
    }
}

fn pending_end_of_others_sent_twice_is_answered_twice(engine: EngineKind) {
    let (app, mut browser, mut phone) = two_browsers(engine);
    let form = OpenForm::of_change(&mut browser, OTHERS);
    assert_same(&form.send_thrice(&app), DEVICES, "Signed out 1 other device.");
    assert!(!phone.is_signed_in());
    assert_eq!(events(&app, "session_ended"), 1);
    app.assert_sound();
}

/// Any of the requests may be the one that ends the session. Several rounds: which one it is differs.
fn pending_end_of_others_sent_at_once_is_answered_each_time(engine: EngineKind) {
    let (app, mut browser, mut phone) = two_browsers(engine);
    for round in 1..=10 {
        let form = OpenForm::of_change(&mut browser, OTHERS);
        let answers = form.send_at_once(&app);
        assert_same(&answers, DEVICES, "Signed out 1 other device.");
        assert!(!phone.is_signed_in());
        assert_eq!(events(&app, "session_ended"), round);
        browser = answers[round % 4].1.clone();
        phone = app.signed_in(EMAIL);
        app.advance(WINDOW + SECOND);
    }
    app.assert_sound();
}

fn repeated_pending_change_spares_sessions_that_started_since(engine: EngineKind) {
    let (app, mut browser, _) = two_browsers(engine);
    let form = OpenForm::of_change(&mut browser, OTHERS);
    let first = form.send();
    app.clock.advance(SECOND);
    let mut later = app.signed_in(EMAIL);
    let second = form.send();
    assert_same(&[first, second], DEVICES, "Signed out 1 other device.");
    assert!(later.is_signed_in());
}

fn password_form_sent_twice_is_answered_twice(engine: EngineKind) {
    let (app, mut browser, mut phone) = two_browsers(engine);
    let form = OpenForm::of_password(&mut browser, NEW, &[]);
    assert_same(&form.send_thrice(&app), DEVICES, "Your password was changed. Signed out 1 other device.");
    assert!(!phone.is_signed_in());
    assert_eq!((events(&app, "password_changed"), app.count("sign_in_failures", "")), (1, 0));
    assert_eq!(app.browser().sign_in(EMAIL, NEW).status, 303);
    app.assert_sound();
}

fn password_form_sent_at_once_is_answered_each_time(engine: EngineKind) {
    let (app, mut browser, mut phone) = two_browsers(engine);
    let form = OpenForm::of_password(&mut browser, NEW, &[]);
    assert_same(&form.send_at_once(&app), DEVICES, "Your password was changed. Signed out 1 other device.");
    assert!(!phone.is_signed_in());
    assert_eq!((events(&app, "password_changed"), app.count("sign_in_failures", "")), (1, 0));
    app.assert_sound();
}

fn password_form_sent_twice_keeps_other_devices(engine: EngineKind) {
    let (app, mut browser, mut phone) = two_browsers(engine);
    let form = OpenForm::of_password(&mut browser, NEW, &[("keep_others", "on")]);
    assert_same(&form.send_thrice(&app), DEVICES, "Your other devices are still signed in.");
    assert!(phone.is_signed_in());
}

fn password_form_sent_again_with_other_password_is_refused(engine: EngineKind) {
    let (app, mut browser, _) = two_browsers(engine);
    let form = OpenForm::of_password(&mut browser, NEW, &[]);
    let other = OpenForm::of_password(&mut browser, "six herons by the weir", &[]);
    let (_, renewed) = form.send();
    for sender in [&browser, &renewed] {
        let (answer, _) = other.send_from(sender);
        assert_eq!((answer.status, answer.set_cookies()), (409, vec![]), "{}", answer.body);
        assert!(answer.text().contains("This form was not used: your password was changed"), "{}", answer.text());
    }
    assert_eq!(app.browser().sign_in(EMAIL, NEW).status, 303);
    assert_eq!(events(&app, "password_changed"), 1);
}

fn former_sid_is_worth_nothing_without_the_password(engine: EngineKind) {
    let (app, mut browser, _) = two_browsers(engine);
    let form = OpenForm::open(&mut browser, "/reauth", "/reauth", &[("password", PASSWORD)]);
    let wrong = OpenForm::open(&mut browser, "/reauth", "/reauth", &[("password", "not the password at all")]);
    let copy = browser.clone();
    let (_, mut renewed) = form.send();
    let (answer, _) = wrong.send_from(&copy);
    assert_eq!((answer.status, answer.set_cookies()), (401, vec![]), "{}", answer.body);
    assert_eq!(app.count("sign_in_failures", "WHERE in_a_row = 1"), 1, "it counts");
    // Nor without a token.
    let answer = copy.clone().post("/reauth", &[("password", PASSWORD)]);
    assert_eq!((answer.status, answer.set_cookies()), (403, vec![]));
    assert!(renewed.is_signed_in() && !copy.clone().is_signed_in());
    // The sid of an ended session is not a former one.
    renewed.sign_out();
    let (answer, _) = form.send_from(&copy);
    assert_eq!((answer.status, answer.location()), (303, "/login?next=%2Faccount%2Fsessions"));
}

fn former_sid_is_worth_nothing_at_other_routes(engine: EngineKind) {
    let (_app, mut browser, mut phone) = two_browsers(engine);
    let token = browser.get(DEVICES).csrf_token();
    let form = OpenForm::open(&mut browser, "/reauth", "/reauth", &[("password", PASSWORD)]);
    let mut copy = browser.clone();
    let (_, mut renewed) = form.send();
    for path in ["/reauth", PASSWORD_PAGE, DEVICES, "/logout"] {
        copy.get(path).assert_not_signed_in();
    }
    let revoke = format!("/account/sessions/{}/revoke", phone.session_id());
    for path in [OTHERS, &revoke] {
        copy.post(path, &[("csrf_token", &token)]).assert_not_signed_in();
        assert_eq!(renewed.clone().post(path, &[("csrf_token", &token)]).status, 403, "{path}");
    }
    let header = [("x-csrf-token", token.as_str())];
    assert_eq!(copy.send("POST", "/api/sessions/revoke-others", None, &header).status, 401);
    assert!(renewed.is_signed_in() && phone.is_signed_in());
}
