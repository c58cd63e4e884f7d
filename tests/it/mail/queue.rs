//! The queue of mails, and the links in them

use std::{collections::BTreeSet, env, time::Duration};

use keyrack::{accounts::Password, clock::Clock};
use serde_json::{Value, json};

use super::{FROM, app_with_mail, mailed_app};
use crate::support::{
    CLOCK_START, EngineKind, MailServer, Program, SECRETS, TestApp, TestDatabase, mail_server, on_both_engines, wait,
};

const EMAIL: &str = "rajat.verma@example.com";
const NEW: &str = "seven hills, one river";

on_both_engines!(
    mail_is_sent_once_by_two_instances,
    mail_of_a_failed_transaction_is_not_sent,
    no_mail_is_queued_without_a_server,
    failed_mail_is_tried_again_and_given_up_after_a_day,
    refused_recipient_is_given_up_at_once,
    mail_of_a_killed_instance_is_sent_by_another_one,
    mails_survive_kills_of_the_server,
    serving_instance_sends_what_a_command_queues,
    link_of_other_secrets_is_not_mailed,
    link_is_mailed_after_secrets_were_rotated,
    link_that_is_no_longer_good_is_not_mailed,
    queue_holds_no_secret,
);

/// Queues a mail to this user.
fn ask_for_a_link(app: &TestApp, email: &str) -> String {
    let link = wait(app.keyrack.accounts().create_reset_link(&email.parse().unwrap(), None)).unwrap().unwrap();
    assert!(link.is_mailed);
    link.path()
}

fn send(app: &TestApp) -> usize {
    wait(app.keyrack.send_due_mails()).unwrap()
}

fn states(database: &TestDatabase) -> Vec<(bool, bool, i64)> {
    let rows = database.rows("mails", "ORDER BY created_at");
    rows.iter()
        .map(|row| (!row["sent_at"].is_null(), !row["given_up_at"].is_null(), row["attempts"].as_i64().unwrap()))
        .collect()
}

fn mail_is_sent_once_by_two_instances(engine: EngineKind) {
    let Some((app, server)) = mailed_app(engine) else { return };
    let other = app_with_mail(app.database(), app.clock.clone(), &server.url());
    for number in 0..20 {
        let email = format!("user{number}@example.com");
        app.add_user(&email);
        ask_for_a_link(&app, &email);
    }
    let sent = std::thread::scope(|scope| {
        let [one, two] = [&app, &other].map(|app| scope.spawn(|| send(app)));
        one.join().unwrap() + two.join().unwrap()
    });
    assert_eq!(sent, 20);
    let ids: BTreeSet<String> =
        server.mails().iter().map(|mail| mail.header("Message-ID").unwrap().to_owned()).collect();
    assert_eq!((server.mails().len(), ids.len()), (20, 20));
    assert!(states(app.database()).iter().all(|state| *state == (true, false, 1)));
    assert_eq!(send(&app) + send(&other), 0);
}

/// The link and its mail belong to one transaction, which fails at its event.
fn mail_of_a_failed_transaction_is_not_sent(engine: EngineKind) {
    let Some((app, server)) = mailed_app(engine) else { return };
    app.add_user(EMAIL);
    app.execute(match engine {
        EngineKind::Sqlite => "CREATE TRIGGER fail BEFORE INSERT ON mails BEGIN SELECT RAISE(ABORT, 'no room'); END",
        EngineKind::Postgres => "ALTER TABLE mails ADD CONSTRAINT fail CHECK (false)",
    });
    let asked = wait(app.keyrack.accounts().create_reset_link(&EMAIL.parse().unwrap(), None));
    assert!(asked.is_err());
    assert_eq!((app.count("mails", ""), app.count("account_links", "")), (0, 0));
    assert_eq!(app.count("security_events", "WHERE kind = 'link_created'"), 0);
    assert_eq!(send(&app), 0);
    assert!(server.mails().is_empty());
}

fn no_mail_is_queued_without_a_server(engine: EngineKind) {
    let app = TestApp::new(engine);
    app.add_user(EMAIL);
    let link = wait(app.keyrack.accounts().create_reset_link(&EMAIL.parse().unwrap(), None)).unwrap().unwrap();
    assert!(!link.is_mailed && link.path().starts_with("/reset?token="));
    assert_eq!((app.count("mails", ""), app.count("account_links", "")), (0, 1));
    assert!(wait(app.keyrack.accounts().create_reset_link(&"x@example.com".parse().unwrap(), None)).unwrap().is_none());
}

/// An invitation, whose link is good for longer than a mail is tried.
fn failed_mail_is_tried_again_and_given_up_after_a_day(engine: EngineKind) {
    let Some((app, mut server)) = mailed_app(engine) else { return };
    server.kill();
    let user = keyrack::accounts::InvitedUser {
        email: EMAIL.parse().unwrap(),
        user_name: None,
        first_name: None,
        last_name: None,
        role: None,
    };
    wait(app.keyrack.accounts().invite(user, None)).unwrap();
    let mut pauses = Vec::new();
    for _ in 0..100 {
        let before = states(app.database())[0].2;
        assert_eq!(send(&app), 0);
        let (_, is_given_up, attempts) = states(app.database())[0];
        if attempts > before {
            pauses.push(app.clock.now().since(CLOCK_START).as_secs());
        }
        if is_given_up {
            break;
        }
        let next = app.text("SELECT CAST(next_attempt_at AS text) AS v FROM mails");
        app.clock.advance(Duration::from_secs(if attempts < 3 { 10 } else { 300 }));
        assert!(!next.is_empty());
    }
    let day = 24 * 60 * 60;
    while !states(app.database())[0].1 {
        app.clock.advance(Duration::from_secs(60 * 60));
        send(&app);
        assert!(app.clock.now().since(CLOCK_START).as_secs() <= day + 3600, "{pauses:?}");
    }
    assert!(pauses.len() >= 5 && pauses[0] == 0, "{pauses:?}");
    assert_eq!(app.count("security_events", "WHERE kind = 'mail_given_up'"), 1);
    assert!(app.text("SELECT last_error AS v FROM mails").contains("no connection to the server"));
    server.start_again();
    app.clock.advance(Duration::from_secs(60 * 60));
    assert_eq!(send(&app), 0);
}

fn refused_recipient_is_given_up_at_once(engine: EngineKind) {
    if !mail_server::is_available() {
        return;
    }
    let refuse = json!({
        EMAIL: "550 5.1.1 No such user",
        "later@example.com": "450 4.2.0 Greylisted",
        "rule@example.com": "554 5.7.1 Relay access denied",
    });
    let server = MailServer::with(&json!({ "refuse": refuse }));
    let database = TestDatabase::new(engine);
    let app = app_with_mail(&database, Clock::fixed(CLOCK_START), &server.url());
    for email in [EMAIL, "later@example.com", "rule@example.com", "other@example.com"] {
        app.add_user(email);
        ask_for_a_link(&app, email);
    }
    assert_eq!(send(&app), 1);
    let state = |email: &str| {
        database.text(&format!(
        "SELECT CASE WHEN given_up_at IS NOT NULL THEN 'given up' WHEN sent_at IS NOT NULL THEN 'sent' ELSE 'waiting' END \
         AS v FROM mails WHERE address = '{email}'"
    ))
    };
    assert_eq!(
        [EMAIL, "later@example.com", "rule@example.com", "other@example.com"].map(state),
        ["given up", "waiting", "waiting", "sent"]
    );
    let listed = Program::new(&database).json(&["mail", "list", "--failed", "--json"]);
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed:#}");
    assert_eq!(listed[0]["last_error"], "the server refused the recipient: 550 5.1.1 No such user");
    let table = Program::new(&database).done(&["mail", "list"]);
    assert!(table.contains("given up") && table.contains("450 4.2.0 Greylisted"), "{table}");
}

/// Its lease says how long others leave the mail alone.
fn mail_of_a_killed_instance_is_sent_by_another_one(engine: EngineKind) {
    let Some((app, server)) = mailed_app(engine) else { return };
    app.add_user(EMAIL);
    ask_for_a_link(&app, EMAIL);
    // What an instance leaves that has claimed the mail and was killed.
    let until = (CLOCK_START + Duration::from_secs(240)).to_iso_micros();
    app.execute(&format!(
        "UPDATE mails SET attempts = 1, attempt_id = '11111111-1111-4111-8111-111111111111', next_attempt_at = '{until}'"
    ));
    assert_eq!(send(&app), 0);
    app.clock.advance(Duration::from_secs(241));
    assert_eq!(send(&app), 1);
    assert_eq!(server.mails().len(), 1);
    assert_eq!(states(app.database()), [(true, false, 2)]);
}

/// SMTP can't tell whether a mail was accepted if the server dies between its answer and the client's reading it. Such a mail
/// is the last one of the server's run, and comes again with the same id.
/// The suite kills it so many times that it takes seconds; `KEYRACK_TEST_MAIL_KILLS=100` has it killed so often.
fn mails_survive_kills_of_the_server(engine: EngineKind) {
    let Some((app, mut server)) = mailed_app(engine) else { return };
    let kills = env::var("KEYRACK_TEST_MAIL_KILLS").map_or(12, |kills| kills.parse().unwrap());
    let mails_to_send = 2 * kills;
    for number in 0..mails_to_send {
        let email = format!("user{number}@example.com");
        app.add_user(&email);
        ask_for_a_link(&app, &email);
    }
    for kill in 0..kills {
        std::thread::scope(|scope| {
            let sending = scope.spawn(|| send(&app));
            // After two mails more, or a moment later: any step may be interrupted.
            let seen = server.mails().len();
            let mut rounds = 0;
            while !sending.is_finished() && (server.mails().len() < (seen + 1).min(mails_to_send) || rounds < kill % 7)
            {
                rounds += 1;
            }
            server.kill();
            sending.join().unwrap();
        });
        server.start_again();
        app.clock.advance(Duration::from_secs(11));
    }
    for _ in 0..30 {
        send(&app);
        app.clock.advance(Duration::from_secs(60));
    }
    let mails = server.mails();
    let ids: Vec<&str> = mails.iter().map(|mail| mail.header("Message-ID").unwrap()).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), mails_to_send, "none is lost");
    assert!(states(app.database()).iter().all(|(sent, given_up, _)| *sent && !given_up));
    for (place, mail) in mails.iter().enumerate() {
        let is_repeated = ids[place + 1..].contains(&ids[place]);
        let is_last_of_run = mails.get(place + 1).is_none_or(|next| next.run > mail.run);
        assert!(!is_repeated || is_last_of_run, "{} came twice, and the server had answered", ids[place]);
    }
}

fn serving_instance_sends_what_a_command_queues(engine: EngineKind) {
    if !mail_server::is_available() {
        return;
    }
    let server = MailServer::start();
    let database = TestDatabase::new(engine);
    let program = Program::new(&database)
        .with("KEYRACK_SMTP_URL", &server.url())
        .with("KEYRACK_MAIL_FROM", FROM)
        .with("KEYRACK_SECRETS", SECRETS)
        .with("KEYRACK_PUBLIC_URL", "http://127.0.0.1:1")
        .with("KEYRACK_LOG", "debug");
    let mut serving = program.serve();
    let printed = program.json(&["user", "invite", EMAIL, "--first-name", "Rajat", "--json"]);
    assert_eq!((printed["email"].as_str(), printed["mailed"].as_bool()), (Some(EMAIL), Some(true)));
    serving.err.wait_for("mail sent");
    let mail = server.mails().remove(0);
    assert_eq!(mail.header("Subject"), Some("Your account at Keyrack"));
    assert_eq!(format!("http://127.0.0.1:1{}", mail.link()), printed["url"].as_str().unwrap());
    assert_eq!(program.json(&["mail", "list", "--json"])[0]["state"], "sent");
    let again = program.done(&["user", "invite", EMAIL]);
    assert!(again.starts_with(&format!("Invited {EMAIL}. The link works once, until ")), "{again}");
    serving.err.wait_for("mail sent");
    let token = mail.link().split_once("token=").unwrap().1.to_owned();
    let log = serving.stop();
    assert!(!format!("{log:?}").contains(&token), "the log has a token");
    let unknown = program.run(&["user", "reset-link", "unknown@example.com"]);
    unknown.assert_refused(1, &["no user unknown@example.com"]);
    let without_url = program.clone().with("KEYRACK_PUBLIC_URL", "").run(&["user", "invite", EMAIL]);
    without_url.assert_stderr_contains(&["KEYRACK_PUBLIC_URL is not set, so the link assumes", "http://127.0.0.1:"]);
    program.done(&["user", "disable", EMAIL]);
    for command in [["user", "invite", EMAIL], ["user", "reset-link", EMAIL]] {
        program.run(&command).assert_refused(1, &["is disabled", "keyrack user enable"]);
    }
}

fn link_of_other_secrets_is_not_mailed(engine: EngineKind) {
    let Some((app, server)) = mailed_app(engine) else { return };
    app.add_user(EMAIL);
    ask_for_a_link(&app, EMAIL);
    let other = TestApp::over(app.database(), app.clock.clone(), |config| {
        config.secrets = "another secret of another instance".parse().unwrap();
        config.mail = Some(super::settings(&server.url()));
    });
    assert_eq!(send(&other), 0);
    assert!(server.mails().is_empty());
    assert!(app.text("SELECT last_error AS v FROM mails").contains("made with other secrets"));
}

fn link_is_mailed_after_secrets_were_rotated(engine: EngineKind) {
    let Some((app, server)) = mailed_app(engine) else { return };
    app.add_user(EMAIL);
    let path = ask_for_a_link(&app, EMAIL);
    let rotated = TestApp::over(app.database(), app.clock.clone(), |config| {
        config.secrets = format!("an even newer secret,{SECRETS}").parse().unwrap();
        config.mail = Some(super::settings(&server.url()));
    });
    assert_eq!(send(&rotated), 1);
    assert_eq!(server.mails()[0].link(), path);
    assert_eq!(rotated.browser().get(&path).status, 200);
}

fn link_that_is_no_longer_good_is_not_mailed(engine: EngineKind) {
    let Some((app, server)) = mailed_app(engine) else { return };
    let accounts = app.keyrack.accounts();
    for email in ["changed@example.com", "disabled@example.com", "enabled@example.com", "expired@example.com"] {
        app.add_user(email);
        ask_for_a_link(&app, email);
    }
    wait(accounts.set_password(&"changed@example.com".parse().unwrap(), Password::new(NEW))).unwrap();
    wait(accounts.disable(&"disabled@example.com".parse().unwrap())).unwrap();
    wait(accounts.disable(&"enabled@example.com".parse().unwrap())).unwrap();
    wait(accounts.enable(&"enabled@example.com".parse().unwrap())).unwrap();
    app.execute("UPDATE account_links SET expires_at = created_at WHERE user_id = (SELECT id FROM users WHERE email = 'expired@example.com')");
    assert_eq!(send(&app), 0);
    assert!(server.mails().is_empty());
    let reasons = app.texts("SELECT address || ': ' || last_error AS v FROM mails ORDER BY address");
    assert_eq!(
        reasons,
        [
            "changed@example.com: its link was made void",
            "disabled@example.com: its account was disabled",
            "enabled@example.com: its link was made void",
            "expired@example.com: its link has expired",
        ]
    );
}

/// Not in any column, in any encoding of it that a search would find.
fn queue_holds_no_secret(engine: EngineKind) {
    let Some((app, _server)) = mailed_app(engine) else { return };
    app.add_user(EMAIL);
    let path = ask_for_a_link(&app, EMAIL);
    let token = path.split_once("token=").unwrap().1;
    let rows: Vec<Value> =
        ["mails", "account_links", "security_events"].iter().flat_map(|table| app.rows(table, "")).collect();
    let text = json!(rows).to_string();
    assert!(rows.len() >= 3 && !text.contains(token), "{text}");
    assert!(!text.contains(&token[22..]), "{text}");
}
