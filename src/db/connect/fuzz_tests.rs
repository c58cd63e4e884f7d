//! Mutated database URLs. See `crate::fuzz`.

use super::url::DatabaseUrl;
use crate::fuzz::fuzz;

/// The password in the URLs of the corpus. None of the other tokens contains its letters in this order.
const PASSWORD: &str = "Zx9Kw";

#[test]
fn database_url_is_never_shown_with_its_password() {
    let tokens = [
        "postgres://",
        "sqlite:",
        "@",
        ":",
        "/",
        "?",
        "&",
        "host=",
        "%40",
        "%",
        ",",
        "[::1]",
        "options=",
        "sslmode=require",
        "connect_timeout=5",
        "#",
        " ",
    ];
    fuzz("database_url", &tokens, |input| {
        let Ok(text) = std::str::from_utf8(input) else { return };
        // Another part of the URL that holds the same text may be shown.
        let has_password = text.contains(&format!(":{PASSWORD}@")) && text.matches(PASSWORD).count() == 1;
        let shows_password = |shown: String| has_password && shown.contains(PASSWORD);
        match text.parse::<DatabaseUrl>() {
            Ok(url) => {
                let is_file = url.path().is_some();
                assert!(is_file || !shows_password(format!("{url} {url:?}")), "{url}");
                if !is_file {
                    let again: DatabaseUrl = url.connection_string().parse().expect("what libpq gets is a URL");
                    assert_eq!(again.connection_string(), url.connection_string());
                }
            }
            Err(error) => {
                assert!(!shows_password(format!("{error} {error:?}")), "{error:?}");
            }
        }
    });
}
