//! Compares answers with the files in `snapshots/`: one file per answer, the same for both engines.
//!
//! A test fails if its snapshot is missing or differs. To accept a change, run
//! `INSTA_UPDATE=always cargo test --test it -- routes::` and read the diff before you commit it. Without that
//! variable, the new version is written beside the old one as `.snap.new`; with `INSTA_UPDATE=no` or `CI=true`, nothing
//! is written.

use std::{fmt::Write, fs, path::Path};

use insta::Settings;

use crate::support::Answer;

/// Patterns of values that differ between runs, and the placeholders that replace them.
const FILTERS: [(&str, &str); 15] = [
    (r#"name="csrf_token" value="[^"]+""#, r#"name="csrf_token" value="[CSRF_TOKEN]""#),
    (r#""csrf_token": "[^"]+""#, r#""csrf_token": "[CSRF_TOKEN]""#),
    (r#"name="token" value="[^"]+""#, r#"name="token" value="[SETUP_TOKEN]""#),
    (r#"data-event="[\w-]+""#, r#"data-event="[EVENT]""#),
    (r"/static/(\S+)\?v=[\w-]+", "/static/$1?v=[CONTENT_HASH]"),
    (r"keyrack\.csrf=[\w-]+\.[\w-]+", "keyrack.csrf=[SIGNED_VISITOR]"),
    (r"keyrack\.browser=[\w.-]+", "keyrack.browser=[SIGNED_BROWSER]"),
    (r"keyrack\.second=[\w.-]+", "keyrack.second=[SIGNED_SIGN_IN]"),
    (r"keyrack\.sid=s%3A[^;]+", "keyrack.sid=[SIGNED_SID]"),
    (r"(keyrack\.done=[^;]+)\.[\w-]{43};", "$1.[SIGNATURE];"),
    (r"http://127\.0\.0\.1:\d+", "[PUBLIC_URL]"),
    (r"Expires=[^;\n]+", "Expires=[TIME_OF_REMOVAL]"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[47][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", "[UUID]"),
    (r"<code>[0-9a-f]{16}</code>", "<code>[REQUEST_ID]</code>"),
    (r"Try again in \d+ seconds?", "Try again in [SECONDS]"),
];

/// The headers that are part of a snapshot. `headers.rs` tests those that every response has.
const HEADERS: [&str; 6] = ["content-type", "location", "retry-after", "allow", "clear-site-data", "set-cookie"];

/// Asserts that an answer is as in `snapshots/{name}.snap`.
pub fn assert_snapshot(name: &str, answer: &Answer) {
    let mut settings = Settings::new();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (pattern, placeholder) in FILTERS {
        settings.add_filter(pattern, placeholder);
    }
    settings.bind(|| insta::assert_snapshot!(name, text_of(answer)));
}

/// The status, the headers that matter, and the body. JSON is indented.
fn text_of(answer: &Answer) -> String {
    let mut text = format!("HTTP {}\n", answer.status);
    for name in HEADERS {
        for value in answer.headers.get_all(name) {
            writeln!(text, "{name}: {}", value.to_str().unwrap()).unwrap();
        }
    }
    let is_json = answer.header("content-type").is_some_and(|kind| kind.ends_with("json"));
    let body = if is_json { serde_json::to_string_pretty(&answer.json()).unwrap() } else { answer.body.clone() };
    format!("{text}\n{body}")
}

#[test]
fn every_snapshot_is_asserted() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/routes");
    let paths = |folder: &Path| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    let sources = paths(&folder).into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let source: String = sources.map(|path| fs::read_to_string(path).unwrap()).collect();
    for path in paths(&folder.join("snapshots")) {
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(source.contains(&format!("\"{name}\"")), "no test asserts {}", path.display());
    }
}
