//! Mails, by a real mail server

mod notices;
mod queue;
mod test_command;

use keyrack::{clock::Clock, mail::MailSettings};

use crate::support::{EngineKind, MailServer, TestApp, TestDatabase, mail_server};

pub const FROM: &str = "keyrack@example.org";

pub fn settings(url: &str) -> MailSettings {
    MailSettings { smtp: url.parse().unwrap(), from: FROM.parse().unwrap() }
}

/// An instance that sends mails by this server, when the test asks it to.
pub fn app_with_mail(database: &TestDatabase, clock: Clock, url: &str) -> TestApp {
    TestApp::over(database, clock, |config| config.mail = Some(settings(url)))
}

/// An instance with a database of its own, and its mail server; `None` if that can't be started.
pub fn mailed_app(engine: EngineKind) -> Option<(TestApp, MailServer)> {
    if !mail_server::is_available() {
        return None;
    }
    let server = MailServer::start();
    let app = TestApp::with(engine, |config| {
        config.mail = Some(settings(&server.url()));
    });
    Some((app, server))
}
