//! `GET /account/events`: what open pages are told.

use serde_json::json;

use crate::support::{
    Browser, EngineKind, EventStream, PASSWORD, Pooler, Program, Serving, TestDatabase, on_both_engines, wait_until,
};

const EMAIL: &str = "rajat.verma@example.com";

on_both_engines!(
    revocation_is_told_to_the_page_of_the_session,
    sign_out_and_new_password_end_streams_with_their_reasons,
    end_on_another_instance_is_told,
    end_by_a_command_is_told,
    end_by_plain_sql_is_told,
    sign_in_and_new_name_are_told_to_other_pages,
    change_while_disconnected_is_told_at_the_next_connection,
    stream_without_a_session_is_refused,
    expiry_is_announced_and_told,
    open_stream_is_no_activity,
    stopping_server_closes_streams,
    copied_cookie_is_told_nothing_after_a_new_sid,
    page_of_another_user_is_told_nothing,
);

fn serve(database: &TestDatabase) -> Serving {
    Program::new(database).serve()
}

fn start(engine: EngineKind) -> (TestDatabase, Serving) {
    let database = TestDatabase::new(engine);
    Program::new(&database).add_user(EMAIL);
    let serving = serve(&database);
    (database, serving)
}

/// Opens a stream, which is ready once this returns.
fn open(browser: &Browser) -> EventStream {
    let mut stream = EventStream::open(browser);
    stream.expect("open");
    stream
}

fn revoke(by: &mut Browser, id: &str) {
    let path = format!("/account/sessions/{id}/revoke");
    assert_eq!(by.post_from("/account/sessions", &path, &[]).status, 303);
}

fn revocation_is_told_to_the_page_of_the_session(engine: EngineKind) {
    let (_database, serving) = start(engine);
    let [mut own, mut other] = [serving.signed_in(EMAIL), serving.signed_in(EMAIL)];
    let mut stream = EventStream::open(&own);
    assert_eq!(stream.status(), 200);
    for header in ["content-type: text/event-stream", "cache-control: no-store", "x-accel-buffering: no"] {
        assert!(stream.head.contains(header), "{}", stream.head);
    }
    let opened = stream.expect("open");
    assert_eq!(opened.data["session"], json!(own.session_id()));
    assert_eq!(opened.data["idle"], json!(false));
    let mut page_of_other = open(&other);
    revoke(&mut other, &own.session_id());
    let ended = stream.expect_end();
    assert_eq!(ended["reason"], json!("revoked"));
    assert!(ended["at"].is_string(), "{ended}");
    assert_ne!(page_of_other.expect("sessions-changed").id, opened.id);
}

fn sign_out_and_new_password_end_streams_with_their_reasons(engine: EngineKind) {
    let (_database, serving) = start(engine);
    let [mut first, second, mut third] = [(); 3].map(|()| serving.signed_in(EMAIL));
    let [mut of_first, mut of_second, mut of_third] = [&first, &second, &third].map(open);
    first.sign_out();
    assert_eq!(of_first.expect_end()["reason"], json!("signed_out"));
    let new = [
        ("current_password", PASSWORD),
        ("password", "green tea, three times"),
        ("password_again", "green tea, three times"),
    ];
    assert_eq!(third.post_from("/account/password", "/account/password", &new).status, 303);
    assert_eq!(of_second.expect_end()["reason"], json!("password_changed"));
    of_third.expect("sessions-changed");
}

fn end_on_another_instance_is_told(engine: EngineKind) {
    let (database, serving) = start(engine);
    let there = serve(&database);
    let (mut own, mut other) = (serving.signed_in(EMAIL), there.signed_in(EMAIL));
    let mut stream = open(&own);
    revoke(&mut other, &own.session_id());
    assert_eq!(stream.expect_end()["reason"], json!("revoked"));
}

fn end_by_a_command_is_told(engine: EngineKind) {
    let (database, serving) = start(engine);
    let mut own = serving.signed_in(EMAIL);
    let mut stream = open(&own);
    Program::new(&database).done(&["session", "revoke", &own.session_id()]);
    assert_eq!(stream.expect_end()["reason"], json!("revoked_by_admin"));
}

fn end_by_plain_sql_is_told(engine: EngineKind) {
    let (database, serving) = start(engine);
    let [mut own, mut other] = [serving.signed_in(EMAIL), serving.signed_in(EMAIL)];
    let [mut stream, mut of_other] = [&own, &other].map(open);
    database.execute(&format!("UPDATE sessions SET status = 'logged_out' WHERE id = '{}'", own.session_id()));
    stream.expect_end();
    of_other.expect("sessions-changed");
    database.execute(&format!("DELETE FROM user_sessions WHERE sid = '{}'", other.sid()));
    of_other.expect_end();
    assert!(!own.is_signed_in() && !other.is_signed_in());
}

fn sign_in_and_new_name_are_told_to_other_pages(engine: EngineKind) {
    let (_database, serving) = start(engine);
    let own = serving.signed_in(EMAIL);
    let mut stream = open(&own);
    serving.signed_in(EMAIL);
    let signed_in = stream.expect("sessions-changed");
    serving.signed_in(EMAIL);
    assert_ne!(stream.expect("sessions-changed").id, signed_in.id);
}

fn change_while_disconnected_is_told_at_the_next_connection(engine: EngineKind) {
    let (_database, serving) = start(engine);
    let mut own = serving.signed_in(EMAIL);
    let opened = EventStream::open(&own).expect("open");
    let mut unchanged = EventStream::open_after(&own, &opened.id);
    unchanged.expect("open");
    let mut other = serving.signed_in(EMAIL);
    let signed_in = unchanged.expect("sessions-changed");
    let mut again = EventStream::open_after(&own, &opened.id);
    again.expect("open");
    assert_eq!(again.expect("sessions-changed").id, signed_in.id);
    drop(again);
    revoke(&mut other, &own.session_id());
    assert_eq!(EventStream::open_after(&own, &opened.id).status(), 401);
}

fn stream_without_a_session_is_refused(engine: EngineKind) {
    let (_database, serving) = start(engine);
    let refused = EventStream::open(&serving.browser());
    assert_eq!(refused.status(), 401, "an EventSource stops, where it would follow a redirect");
    assert!(refused.head.contains("application/problem+json"), "{}", refused.head);
}

fn expiry_is_announced_and_told(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    Program::new(&database).add_user(EMAIL);
    let serving = Program::new(&database).with("KEYRACK_IDLE_TIMEOUT", "9s").serve();
    let own = serving.signed_in(EMAIL);
    let mut stream = EventStream::open(&own);
    let opened = stream.expect("open");
    assert_eq!(opened.data["idle"], json!(true));
    let warned = stream.expect("session-expiring");
    assert_eq!(warned.data["session"], opened.data["session"]);
    assert_eq!(stream.expect_end()["reason"], json!("idle_timeout"));
}

/// Nor is a request that a page sends by itself. Others are.
fn open_stream_is_no_activity(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    Program::new(&database).add_user(EMAIL);
    let serving = Program::new(&database).with("KEYRACK_IDLE_TIMEOUT", "18s").serve();
    let seen = |column: &str| database.text(&format!("SELECT CAST({column} AS text) AS v FROM sessions"));
    let mut own = serving.signed_in(EMAIL);
    let at_sign_in = seen("last_seen_at");
    let mut background = own.clone().with_header("keyrack-background", "1");
    // The activity of a session with this timeout is four seconds old when the next one is recorded.
    let until = std::time::Instant::now() + std::time::Duration::from_secs(2);
    while std::time::Instant::now() < until {
        open(&own);
        assert_eq!(background.get("/account/sessions").status, 200);
    }
    assert_eq!(seen("last_seen_at"), at_sign_in);
    let mut stream = open(&own);
    let warned = stream.expect("session-expiring");
    assert_eq!(own.get("/account/sessions").status, 200);
    wait_until(|| seen("last_seen_at") != at_sign_in);
    let extended = stream.expect("session-extended");
    assert!(extended.data["expires_at"].as_str() > warned.data["expires_at"].as_str(), "{extended:?}");
}

/// The browser itself connects again with its new cookie.
fn copied_cookie_is_told_nothing_after_a_new_sid(engine: EngineKind) {
    let (_database, serving) = start(engine);
    let mut own = serving.signed_in(EMAIL);
    let copy = own.clone();
    let mut of_copy = open(&copy);
    assert_eq!(own.post_from("/reauth", "/reauth", &[("password", PASSWORD)]).status, 303);
    assert_ne!(own.sid(), copy.sid());
    assert_eq!(of_copy.next(), None, "the stream ends");
    assert_eq!(EventStream::open(&copy).status(), 401);
    open(&own);
}

fn stopping_server_closes_streams(engine: EngineKind) {
    let (_database, serving) = start(engine);
    let mut stream = open(&serving.signed_in(EMAIL));
    let stopped = serving.stop();
    assert_eq!(stopped.status, 0, "{stopped:?}");
    assert_eq!(stream.next(), None);
}

fn page_of_another_user_is_told_nothing(engine: EngineKind) {
    let (database, serving) = start(engine);
    Program::new(&database).add_user("asha@example.com");
    let [own, mut stranger] = [EMAIL, "asha@example.com"].map(|email| serving.signed_in(email));
    let mut stream = open(&own);
    serving.signed_in("asha@example.com");
    stranger.sign_out();
    // What comes next is of one's own.
    let mine = serving.signed_in(EMAIL).session_id();
    stream.expect("sessions-changed");
    assert!(!mine.is_empty());
    serving.stop();
    assert_eq!(stream.next(), None);
}

/// Behind it nothing is notified; what others do is found by polling.
#[test]
fn pooler_in_transaction_mode_delays_ends_but_loses_none() {
    let Some(pooler) = Pooler::start() else { return };
    let (database, direct) = pooler.databases();
    Program::new(&direct).add_user(EMAIL);
    let (here, there) = (serve(&database), serve(&direct));
    let (mut own, mut other) = (here.signed_in(EMAIL), there.signed_in(EMAIL));
    let [mut stream, mut of_other] = [&own, &other].map(open);
    revoke(&mut other, &own.session_id());
    assert_eq!(stream.expect_end()["reason"], json!("revoked"));
    of_other.expect("sessions-changed");
    let third = here.signed_in(EMAIL);
    of_other.expect("sessions-changed");
    let mut of_third = open(&third);
    direct.execute("UPDATE sessions SET status = 'logged_out'");
    of_third.expect_end();
    of_other.expect_end();
}
