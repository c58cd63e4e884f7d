//! Sessions that are bound to a key of their browser.

mod binding;
mod lasting;
mod refused;

use keyrack::config::{BoundSessions, Config};

use crate::support::{EngineKind, TestApp, TestDatabase};

const EMAIL: &str = "rajat.verma@example.com";

fn app(engine: EngineKind) -> TestApp {
    let app = TestApp::with(engine, on_localhost);
    app.add_user(EMAIL);
    app
}

/// A server whose browsers are asked to bind sessions: they take `localhost` for secure.
fn on_localhost(config: &mut Config) {
    config.bound_sessions = BoundSessions::Auto;
    let (_, port) = config.public_url.authority().rsplit_once(':').unwrap();
    config.public_url = format!("http://localhost:{port}").parse().unwrap();
}

/// How many events of this kind and cause there are.
fn events(database: &TestDatabase, kind: &str, cause: &str) -> usize {
    let rows = database.rows("security_events", &format!("WHERE kind = '{kind}'"));
    rows.iter().filter(|row| row["detail"].to_string().contains(cause)).count()
}
