//! A schema change while the server runs.

use crate::support::{EngineKind, TestApp};

const EMAIL: &str = "rajat.verma@example.com";

/// PostgreSQL refuses a statement that was prepared when a column had another type. Lookups are retried on a new
/// connection. Other operations fail once per connection with 503.
#[test]
fn widening_a_column_keeps_users_signed_in() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let app = TestApp::new(EngineKind::Postgres);
    app.add_user(EMAIL);
    let mut browser = app.signed_in(EMAIL);
    for width in [300, 320] {
        assert_eq!(browser.get("/api/session").status, 200);
        assert_eq!(browser.get("/account/sessions").status, 200);
        app.execute(&format!("ALTER TABLE users ALTER COLUMN email TYPE varchar({width})"));
        assert_eq!(browser.get("/api/session").status, 200);
        assert_eq!(browser.get("/account/sessions").status, 200);
        assert_eq!(app.signed_in(EMAIL).get("/api/session").status, 200);
    }
}
