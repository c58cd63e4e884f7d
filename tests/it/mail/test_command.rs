//! `keyrack mail test`

use serde_json::json;

use crate::support::{EngineKind, MailServer, Program, TestDatabase, mail_server};

const TO: &str = "rajat.verma@example.com";
const PASSWORD: &str = "p@ss:w/rd";
const PASSWORD_IN_URL: &str = "p%40ss%3Aw%2Frd";

fn program<'a>(database: &'a TestDatabase, url: &str) -> Program<'a> {
    Program::new(database).with("KEYRACK_SMTP_URL", url).with("KEYRACK_MAIL_FROM", "keyrack@example.org")
}

#[test]
fn mail_test_prints_each_step_and_sends_the_mail() {
    if !mail_server::is_available() {
        return;
    }
    let database = TestDatabase::blank(EngineKind::Sqlite);
    let server = MailServer::start();
    let program = program(&database, &server.url())
        .with("KEYRACK_NAME", "Northwind")
        .with("KEYRACK_LANGUAGES", "de")
        .with("KEYRACK_PUBLIC_URL", "https://keys.example.org");
    let printed = program.done(&["mail", "test", TO]);
    let port = server.port;
    let expected = format!(
        "127.0.0.1 has the address 127.0.0.1.\nConnected to smtp://127.0.0.1:{port}.\nThe connection is not encrypted.\n\
         Not signed in, since KEYRACK_SMTP_URL names no user.\n\
         The server accepted the mail to rajat.verma@example.com: 250 2.0.0 accepted\n"
    );
    assert_eq!(printed, expected);
    let [mail] = &server.mails()[..] else { panic!("{:?}", server.mails()) };
    assert_eq!((mail.from.as_str(), &mail.to[..]), ("keyrack@example.org", &[TO.to_owned()][..]));
    assert_eq!(mail.hello, "keys.example.org");
    assert_eq!(mail.header("From"), Some("Northwind <keyrack@example.org>"));
    assert_eq!(mail.header("Subject"), Some("Testmail von Northwind"));
    assert_eq!(mail.header("Auto-Submitted"), Some("auto-generated"));
    assert!(mail.decoded().contains("Wenn Sie das lesen k=C3=B6nnen, kann Northwind Mails verschicken."), "{mail:?}");
    assert!(mail.decoded().contains("<html lang=\"de\" dir=\"ltr\">"), "{mail:?}");
}

#[test]
fn starttls_is_required_and_certificates_are_checked() {
    let options = json!({ "user": "keyrack@example.org", "pass": PASSWORD });
    if !mail_server::is_available() {
        return;
    }
    let Some((server, authority)) = MailServer::with_certificate(&options) else { return };
    let database = TestDatabase::blank(EngineKind::Sqlite);
    let test = |host: &str, parameters: &str, authority: Option<&str>| {
        let user = format!("keyrack%40example.org:{PASSWORD_IN_URL}");
        let program = program(&database, &format!("smtp://{user}@{host}:{}{parameters}", server.port));
        let program = authority.map_or(program.clone(), |authority| program.with("SSL_CERT_FILE", authority));
        program.run(&["mail", "test", TO])
    };
    let authority = authority.to_str().unwrap();
    let sent = test("localhost", "?tls=starttls", Some(authority));
    assert_eq!(sent.status, 0, "{sent:?}");
    assert!(sent.out.contains("encrypted (STARTTLS)") && sent.out.contains("Signed in as keyrack@example.org."));
    assert_eq!(server.mails()[0].user.as_deref(), Some("keyrack@example.org"));
    assert!(server.mails()[0].secure);
    // Of an unknown authority, and of another host.
    for refused in [test("localhost", "?tls=starttls", None), test("127.0.0.1", "?tls=starttls", Some(authority))] {
        assert_eq!(refused.status, 1, "{refused:?}");
        refused.assert_stderr_contains(&["could not be encrypted", "certificate verify failed"]);
    }
    assert_eq!(server.mails().len(), 1);
}

/// The answer to STARTTLS and what follows it come in one packet. Read as encrypted, it would be the answer to the next
/// command, and each later answer that of the command before.
#[test]
fn answer_injected_before_tls_breaks_the_connection_off() {
    if !mail_server::is_available() {
        return;
    }
    let inject = "250-evil.example\r\n250 SIZE 1\r\n";
    let Some((server, authority)) = MailServer::with_certificate(&json!({ "inject": inject })) else { return };
    let database = TestDatabase::blank(EngineKind::Sqlite);
    let url = format!("smtp://localhost:{}?tls=starttls", server.port);
    let program = program(&database, &url).with("SSL_CERT_FILE", authority.to_str().unwrap());
    let refused = program.run(&["mail", "test", TO]);
    assert_eq!(refused.status, 1, "{refused:?}");
    refused.assert_stderr_contains(&["the connection could not be encrypted"]);
    assert!(server.mails().is_empty());
}

#[test]
fn server_without_starttls_gets_neither_password_nor_mail() {
    if !mail_server::is_available() {
        return;
    }
    let database = TestDatabase::blank(EngineKind::Sqlite);
    let server = MailServer::with(&json!({ "startTls": false, "user": "keyrack", "pass": PASSWORD }));
    let url = format!("smtp://keyrack:{PASSWORD_IN_URL}@localhost:{}?tls=starttls", server.port);
    let refused = program(&database, &url).run(&["mail", "test", TO]);
    assert_eq!(refused.status, 1, "{refused:?}");
    refused.assert_stderr_contains(&["could not be encrypted", "does not offer STARTTLS"]);
    assert!(server.mails().is_empty());
}

#[test]
fn smtps_is_encrypted_from_the_first_byte() {
    if !mail_server::is_available() {
        return;
    }
    let Some((server, authority)) = MailServer::with_certificate(&json!({ "secure": true })) else { return };
    let database = TestDatabase::blank(EngineKind::Sqlite);
    let program = program(&database, &format!("smtps://localhost:{}", server.port));
    let trusting = program.clone().with("SSL_CERT_FILE", authority.to_str().unwrap());
    assert!(trusting.done(&["mail", "test", TO]).contains("encrypted (TLS)"));
    assert!(server.mails()[0].secure);
    program.run(&["mail", "test", TO]).assert_stderr_contains(&["certificate verify failed"]);
}

#[test]
fn each_refusal_is_named_by_its_step_without_secrets() {
    if !mail_server::is_available() {
        return;
    }
    let database = TestDatabase::blank(EngineKind::Sqlite);
    let refuse = json!({ TO: "550 5.1.1 No such user" });
    let server = MailServer::with(&json!({ "user": "keyrack", "pass": "another", "refuse": refuse }));
    let test = |url: &str| program(&database, url).run(&["mail", "test", TO]);
    let wrong = test(&format!("smtp://keyrack:{PASSWORD_IN_URL}@127.0.0.1:{}", server.port));
    assert_eq!(wrong.status, 1);
    wrong.assert_stderr_contains(&["the server refused user and password: 535"]);
    assert!(!format!("{wrong:?}").contains("p@ss"), "{wrong:?}");
    let refused = test(&format!("smtp://keyrack:another@127.0.0.1:{}", server.port));
    refused.assert_stderr_contains(&["the server refused the recipient: 550 5.1.1 No such user"]);
    let port = server.port;
    drop(server);
    test(&format!("smtp://127.0.0.1:{port}")).assert_stderr_contains(&["no connection to the server"]);
    test("smtp://nowhere.invalid?tls=none").assert_stderr_contains(&["the server's name could not be resolved"]);
}

#[test]
fn missing_and_invalid_mail_settings_are_refused() {
    let database = TestDatabase::blank(EngineKind::Sqlite);
    let test = |url: &str, from: &str| {
        let program = Program::new(&database).with("KEYRACK_SMTP_URL", url).with("KEYRACK_MAIL_FROM", from);
        program.run(&["mail", "test", TO])
    };
    test("", "").assert_refused(2, &["mail is not set up", "KEYRACK_SMTP_URL"]);
    test("smtp://mail.example.org", "").assert_refused(2, &["KEYRACK_MAIL_FROM"]);
    test("smtp://mail.example.org", "keyrack")
        .assert_refused(2, &["--mail-from (KEYRACK_MAIL_FROM)", "use an address"]);
    let exposed = test("smtp://keyrack:s3cret@mail.example.org?tls=none", "keyrack@example.org");
    exposed.assert_refused(2, &["--smtp-url (KEYRACK_SMTP_URL)", "unencrypted"]);
    assert!(!exposed.err.contains("s3cret"), "{exposed:?}");
}
