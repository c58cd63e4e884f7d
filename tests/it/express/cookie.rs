//! The signed cookie that both servers write and read.

use serde_json::json;

use super::pair::{COOKIE, Pair};
use crate::support::{Browser, SECRETS, cookies, express::with_express};

with_express!(
    signature_matches_cookie_signature_package,
    cookie_without_percent_encoding_is_accepted,
    cookie_with_invalid_signature_is_ignored_by_both,
    cookie_under_old_secret_is_signed_again_for_both,
    both_set_same_cookie_attributes,
);

fn signature_matches_cookie_signature_package() {
    let pair = Pair::new();
    let mut browser = Browser::new(pair.express.address);
    let real = |browser: &mut Browser, value: &str, secret: &str| {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("value", value)
            .append_pair("secret", secret)
            .finish();
        browser.get(&format!("/sign?{query}")).json().as_str().unwrap().to_owned()
    };
    let vector = real(&mut browser, "hello", "tobiiscool");
    assert_eq!(vector, "hello.DGDUkGlIkCzPz+C0B064FNgHdEjox7ch8tOBGslZ5QI");
    // Keyrack's signature is the package's.
    for _ in 0..5 {
        let person = pair.signed_in_at_keyrack();
        let signed = real(&mut browser, &person.sid(), SECRETS);
        let encoded = format!("s:{signed}").replace(':', "%3A").replace('+', "%2B").replace('/', "%2F");
        assert_eq!(person.browser.cookies[COOKIE], encoded);
    }
    // Sids of other generators.
    for sid in ["sess:abc123xyz789def456", "with.dots.in", "ünïcode", "a b"] {
        let signed = real(&mut browser, sid, SECRETS);
        let keyracks = cookies::signed(sid, SECRETS).replace("%3A", ":").replace("%2B", "+").replace("%2F", "/");
        assert_eq!(keyracks, format!("s:{signed}"));
    }
}

fn cookie_without_percent_encoding_is_accepted() {
    let pair = Pair::new();
    let mut person = pair.signed_in_at_express();
    let encoded = &person.browser.cookies[COOKIE];
    let plain = encoded.replace("%3A", ":").replace("%2B", "+").replace("%2F", "/");
    assert_ne!(&plain, encoded);
    person.browser.cookies.insert(COOKIE.to_owned(), plain);
    person.assert_signed_in_at_both(pair.user);
}

fn cookie_with_invalid_signature_is_ignored_by_both() {
    let pair = Pair::new();
    let mut person = pair.signed_in_at_keyrack();
    let sid = person.sid();
    for value in
        [cookies::signed(&sid, "a secret of another application"), sid.clone(), format!("s:{sid}"), String::new()]
    {
        person.browser.cookies.insert(COOKIE.to_owned(), value);
        assert!(!person.is_signed_in_at_keyrack());
        assert!(!person.is_signed_in_at_express());
    }
    person.browser.cookies.insert(COOKIE.to_owned(), cookies::signed(&sid, SECRETS));
    person.assert_signed_in_at_both(pair.user);
}

fn cookie_under_old_secret_is_signed_again_for_both() {
    let new = "a secret that came later";
    let both = format!("{new},{SECRETS}");
    let options = json!({"secrets": [new, SECRETS]});
    let pair = Pair::with_keyrack(&options, |config| config.secrets = both.parse().unwrap());
    // An Express application that knows only the old secret, on the same database.
    let before = crate::support::express::Express::start(pair.app.url());
    let mut person = pair.person();
    person.browser.visit(before.address).post("/sign-in", &[("user", &pair.user.to_string()), ("regenerate", "on")]);
    let sid = person.sid();
    let old = cookies::signed(&sid, SECRETS);
    assert_eq!(person.browser.cookies[COOKIE], old);

    // Express accepts the old cookie and leaves it; Keyrack signs it again.
    assert!(person.is_signed_in_at_express());
    assert_eq!(person.browser.cookies[COOKIE], old);
    person.assert_signed_in_at_both(pair.user);
    assert_eq!(person.browser.cookies[COOKIE], cookies::signed(&sid, new));
    person.assert_signed_in_at_both(pair.user);

    // An Express application that knows only the new secret accepts it.
    let after = crate::support::express::Express::with(pair.app.url(), &json!({"secrets": [new]}));
    let session = person.browser.visit(after.address).get("/session").json();
    assert_eq!((&session["userId"], &session["sid"]), (&json!(pair.user), &json!(sid)));
    let mut stale = pair.person();
    stale.browser.cookies.insert(COOKIE.to_owned(), old);
    assert_eq!(stale.browser.visit(after.address).get("/session").json().get("userId"), None);
}

/// With different domains, a browser would keep two cookies of the same name and send both.
fn both_set_same_cookie_attributes() {
    let options = json!({"session": {"cookie": {"domain": "example.org"}}});
    let pair = Pair::with_keyrack(&options, |config| config.cookie_domain = Some("example.org".to_owned()));
    let mut person = pair.person();
    let fields = [("user", pair.user.to_string()), ("regenerate", "on".to_owned())];
    let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
    let express = cookies::parts(&person.at_express().post("/sign-in", &fields).set_cookies()[0]);
    let keyrack = cookies::parts(&person.at_keyrack().post("/app/renew", &[]).set_cookies()[0]);
    assert_eq!(express.0, keyrack.0);
    for attribute in ["Domain=example.org", "Path=/", "HttpOnly", "SameSite=Lax"] {
        for (_, _, attributes) in [&express, &keyrack] {
            assert!(attributes.iter().any(|found| found == attribute), "{attribute} in {attributes:?}");
        }
    }
    person.assert_signed_in_at_both(pair.user);
    let mut keyracks = pair.signed_in_at_keyrack();
    assert_eq!(keyracks.session_at_express()["cookie"]["domain"], "example.org");
}
