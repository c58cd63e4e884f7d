//! What a refused or failed sign-in waits for must not tell whether the account exists.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use keyrack::accounts::Password;

use super::throttle::{WRONG, behind_proxy, fail_sign_ins, from_network};
use crate::support::{EngineKind, PASSWORD, TestApp, WriteLock, on_both_engines, wait, wait_until};

on_both_engines!(refusals_do_not_wait_for_the_database, failures_of_all_kinds_wait_for_the_database);

/// The kinds of failed sign-ins, each by its account, and whether it is given the right password.
const KINDS: [(&str, bool); 8] = [
    ("known@example.com", false),
    ("unknown@example.com", false),
    ("no-address-at-all", false),
    ("disabled@example.com", true),
    ("passwordless@example.com", false),
    ("outdated-hash@example.com", false),
    ("one-time@example.com", false),
    ("used-up@example.com", false),
];

/// A server with the accounts of all kinds.
fn app(engine: EngineKind, timeout: Duration) -> TestApp {
    let app = TestApp::with(engine, |config| {
        behind_proxy(config);
        config.database.timeout = timeout;
        config.database.pool_size = 20;
    });
    let accounts = app.keyrack.accounts();
    for (email, _) in KINDS.iter().filter(|(email, _)| email.contains('@') && !email.starts_with("unknown")) {
        app.add_user(email);
        if email.starts_with("one-time") || email.starts_with("used-up") {
            let email = email.parse().unwrap();
            wait(accounts.set_one_time_password(&email, Password::new(PASSWORD))).unwrap().unwrap();
        }
    }
    wait(accounts.disable(&"disabled@example.com".parse().unwrap())).unwrap().unwrap();
    app.execute(
        "UPDATE users SET password_hash = NULL WHERE email = 'passwordless@example.com';
         UPDATE users SET password_hash =
             '$argon2id$v=19$m=16,t=1,p=1$a2V5cmFja2RlY295c2FsdA$bm9ib2R5J3MgcGFzc3dvcmQsIG5vIG9uZSBrbm93cyE'
         WHERE email = 'outdated-hash@example.com';
         UPDATE one_time_passwords SET used_at = password_changed_at
         WHERE user_id IN (SELECT id FROM users WHERE email = 'used-up@example.com')",
    );
    app
}

/// Sends one sign-in of each kind at the same time, each from another network. Returns their statuses once all are
/// answered; `meanwhile` is called with the number of answers so far, and runs until it returns.
fn sign_in_all(app: &TestApp, meanwhile: impl FnOnce(&AtomicUsize)) -> Vec<u16> {
    let answered = AtomicUsize::new(0);
    let mut networks = 100..;
    let forms = KINDS.map(|(email, has_password)| {
        let mut browser = from_network(app, networks.next().unwrap());
        let token = browser.get("/login").csrf_token();
        (browser, token, email, if has_password { PASSWORD } else { WRONG })
    });
    thread::scope(|scope| {
        let sent = forms.map(|(mut browser, token, email, password)| {
            let answered = &answered;
            scope.spawn(move || {
                let fields = [("email", email), ("password", password), ("csrf_token", &*token)];
                let status = browser.post("/login", &fields).status;
                answered.fetch_add(1, Ordering::SeqCst);
                status
            })
        });
        meanwhile(&answered);
        sent.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// They would wait for ten minutes.
fn refusals_do_not_wait_for_the_database(engine: EngineKind) {
    let app = app(engine, Duration::from_secs(600));
    for (place, (email, _)) in KINDS.iter().enumerate() {
        fail_sign_ins(&mut from_network(&app, place), email, 10);
    }
    for table in ["security_events", "sign_in_failures"] {
        let lock = WriteLock::take(&app, table);
        let statuses = sign_in_all(&app, |answered| wait_until(|| answered.load(Ordering::SeqCst) == KINDS.len()));
        assert_eq!(statuses, [429; KINDS.len()]);
        lock.release();
        wait(app.keyrack.accounts().refusals_stored(Duration::from_secs(60))).unwrap();
        let stored = app.count("security_events", "WHERE kind = 'sign_in_throttled'");
        assert_eq!(stored, KINDS.len() - 2, "one for each account, and none for the others");
    }
}

/// On PostgreSQL, all of them are seen waiting for the lock before it is released. SQLite shows no one who waits for its
/// lock, so there all have to give up.
fn failures_of_all_kinds_wait_for_the_database(engine: EngineKind) {
    match engine {
        EngineKind::Sqlite => {
            let app = app(engine, Duration::from_secs(2));
            let lock = WriteLock::take(&app, "");
            assert_eq!(sign_in_all(&app, |_| ()), [503; KINDS.len()]);
            lock.release();
        }
        EngineKind::Postgres => {
            let app = app(engine, Duration::from_secs(600));
            for table in ["security_events", "sign_in_failures"] {
                let lock = WriteLock::take(&app, table);
                let waiting = format!("WHERE NOT granted AND relation = '{table}'::regclass");
                let statuses = sign_in_all(&app, |answered| {
                    wait_until(|| app.count("pg_locks", &waiting) == KINDS.len());
                    assert_eq!(answered.load(Ordering::SeqCst), 0, "{table}");
                    lock.release();
                });
                assert_eq!(statuses, [401; KINDS.len()], "{table}");
            }
        }
    }
}
