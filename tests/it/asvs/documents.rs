//! V6.1 and V7.1: what the documents say is what the program does

use std::{num::NonZeroU32, time::Duration};

use keyrack::{
    accounts::{CreateUserError, NewUser, Password, PasswordPolicyError, Role},
    config::Config,
    sessions::Policy,
};

use super::{DEVICES, EMAIL};
use crate::support::{EngineKind, SECRETS, TestApp, on_both_engines, wait};

on_both_engines!(
    asvs_6_1_2_documented_words_of_user_and_site_are_refused,
    asvs_6_2_11_documented_words_are_refused_on_the_pages,
    asvs_7_1_2_documented_session_limit_is_enforced,
);

const DOCUMENT: &str = include_str!("../../../docs/authentication.md");

/// The rows of the table below this heading, without its head.
fn table(heading: &str) -> Vec<Vec<&'static str>> {
    let (_, section) = DOCUMENT.split_once(&format!("## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| ")).skip(1);
    let rows: Vec<_> = rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect();
    assert!(!rows.is_empty(), "{heading}");
    rows
}

/// Whose words the document's examples consist of.
const ACCOUNT: &str = "rajat.verma@firma.example";
const SITE: &str = "http://keys.northwind.org";

/// The documented words: what each is, and passwords that mostly consist of it.
fn examples() -> Vec<(&'static str, Vec<&'static str>)> {
    let rows = table("Words that passwords must not consist of").into_iter();
    rows.map(|row| (row[0], row[1].split('`').skip(1).step_by(2).collect())).collect()
}

fn account(email: &str, names: [&str; 3], password: &str) -> NewUser {
    let [user_name, first_name, last_name] = names.map(|name| Some(name.to_owned()));
    NewUser {
        email: email.parse().unwrap(),
        user_name,
        first_name,
        last_name,
        role: Role::User,
        password: Password::new(password),
    }
}

fn asvs_6_1_2_documented_words_of_user_and_site_are_refused(engine: EngineKind) {
    let site = TestApp::with(engine, |config| config.public_url = SITE.parse().unwrap());
    let elsewhere = TestApp::new(engine);
    let kinds: Vec<&str> = examples().iter().map(|(kind, _)| *kind).collect();
    let expected = ["the email address", "its part before the @", "its domain", "the names", "the host of this site"];
    assert_eq!(kinds, expected);
    let examples = examples();
    let examples = examples.iter().flat_map(|(kind, passwords)| passwords.iter().map(move |password| (kind, password)));
    for (number, (kind, password)) in examples.enumerate() {
        let user = account(ACCOUNT, ["elodie77", "Rajat", "Verma"], password);
        let refused = wait(site.keyrack.accounts().create(user)).unwrap_err();
        let is_own = matches!(refused, CreateUserError::Password(PasswordPolicyError::OwnName));
        assert!(is_own, "{kind}: {password:?}: {refused}");
        let stranger = account(&format!("ana{number}@example.com"), ["ana", "Ana", "Silva"], password);
        let accepted = wait(elsewhere.keyrack.accounts().create(stranger));
        assert!(accepted.is_ok(), "{kind}: {password:?} is nothing to other users: {accepted:?}");
    }
}

fn asvs_6_2_11_documented_words_are_refused_on_the_pages(engine: EngineKind) {
    let app = TestApp::with(engine, |config| config.public_url = SITE.parse().unwrap());
    let link = super::setup_link(&app).unwrap();
    let token = link.rsplit_once('=').unwrap().1;
    for (kind, passwords) in examples() {
        for password in passwords {
            let names = [("user_name", "elodie77"), ("first_name", "Rajat"), ("last_name", "Verma")];
            let fields = [("token", token), ("email", ACCOUNT), ("password", password), ("password_again", password)];
            let refused = app.browser().post_from(&link, "/setup", &[&fields[..], &names].concat());
            assert_eq!(refused.status, 422, "{kind}: {password}");
            assert!(refused.text().contains("mostly consists of your own name"), "{password}: {}", refused.text());
        }
    }
    let own_password = "lamp otter violin gravel";
    wait(app.keyrack.accounts().create(account(ACCOUNT, ["elodie77", "Rajat", "Verma"], own_password))).unwrap();
    let mut browser = app.browser();
    assert_eq!(browser.sign_in(ACCOUNT, own_password).status, 303);
    for (kind, passwords) in examples() {
        for password in passwords {
            let refused = super::change_password(&mut browser, own_password, password);
            assert_eq!(refused.status, 422, "{kind}: {password}");
            assert!(refused.text().contains("mostly consists of your own name"), "{password}: {}", refused.text());
        }
    }
}

/// A duration as the document has it, such as "14 days".
fn in_words(length: Duration) -> String {
    match length.as_secs() {
        minutes if minutes < 3600 => format!("{} minutes", minutes / 60),
        hours if hours <= 24 * 3600 => format!("{} hours", hours / 3600),
        days => format!("{} days", days / (24 * 3600)),
    }
}

#[test]
fn asvs_7_1_1_documented_lifetimes_equal_the_defaults() {
    let config = Config::new("sqlite:any.db".parse().unwrap(), SECRETS.parse().unwrap());
    let timeouts = config.policy.timeouts;
    let rows = table("How long a session lasts");
    let expected = [
        ("sign-in", in_words(timeouts.idle), in_words(timeouts.absolute)),
        ("sign-in with “Keep me signed in”", in_words(timeouts.remember_idle), in_words(timeouts.remember_absolute)),
        ("session of an Express application", "its cookie’s `maxAge`, else 24 hours".to_owned(), "none".to_owned()),
    ];
    assert_eq!(rows.len(), expected.len());
    for (row, (kind, idle, absolute)) in rows.iter().zip(expected) {
        assert_eq!((row[0], row[1], row[2]), (kind, &*idle, &*absolute));
    }
    let window = format!("A proof is recent for {}", in_words(config.reauth_window));
    assert!(DOCUMENT.contains(&window), "{window}");
    for reason in ["NIST SP 800-63B-4", "AAL1", "AAL2", "`KEYRACK_IDLE_TIMEOUT`"] {
        assert!(DOCUMENT.contains(reason), "{reason}");
    }
}

fn asvs_7_1_2_documented_session_limit_is_enforced(engine: EngineKind) {
    let default = Policy::default().max_sessions.unwrap();
    let text = DOCUMENT.split_whitespace().collect::<Vec<_>>().join(" ");
    for sentence in [
        format!("A user may have {default} live sessions (`KEYRACK_MAX_SESSIONS`)."),
        "A sign-in beyond that ends the one that was used least recently;".to_owned(),
    ] {
        assert!(text.contains(&sentence), "{sentence}");
    }

    let app = TestApp::with(engine, |config| config.policy.max_sessions = NonZeroU32::new(3));
    app.add_user(EMAIL);
    let mut browsers: Vec<_> = (0..3).map(|_| app.signed_in(EMAIL)).collect();
    for used in [0, 2, 1] {
        app.advance(Duration::from_secs(300));
        assert!(browsers[used].is_signed_in());
    }
    app.advance(Duration::from_secs(300));
    let mut latest = app.signed_in(EMAIL);
    let alive: Vec<bool> = browsers.iter_mut().map(crate::support::Browser::is_signed_in).collect();
    assert_eq!((alive, latest.is_signed_in()), (vec![false, true, true], true));
    assert_eq!(app.count("sessions", "WHERE end_reason = 'replaced'"), 1);
    assert_eq!(browsers[0].get(DEVICES).status, 303);
}
