//! A table that somebody alters while the server runs.

use crate::support::{EngineKind, TestApp};

const EMAIL: &str = "rajat.verma@example.com";

/// PostgreSQL refuses a statement that was prepared when a column had another type. Each request's lookup is repeated on a new
/// connection; whatever else meets it says "try again", once for each connection.
#[test]
fn a_column_that_becomes_wider_while_the_server_runs_signs_nobody_out() {
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
