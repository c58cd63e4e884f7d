//! The page to go to after a sign-in: a path on this origin, with its query and its fragment.

use actix_web::dev::ResourceDef;
use percent_encoding::percent_decode;

/// The longest path. Keyrack's own have less than 100 bytes.
const MAX_PATH_BYTES: usize = 2048;

/// The longest path, query and fragment together. A form with it, escaped, still fits into the limit of form bodies.
const MAX_BYTES: usize = 4096;

/// How often a path may be encoded. Applications encode a path twice at most, and each round costs the whole path.
const MAX_ENCODINGS: usize = 4;

/// The pages that a sign-in can lead to. Made from the list of endpoints.
pub(crate) struct Destinations {
    not_pages: Vec<ResourceDef>,
}

impl Destinations {
    /// `not_pages` are the patterns of Keyrack's own endpoints that no one is sent to: those that can only be posted,
    /// and those that make no sense after a sign-in.
    pub fn new(not_pages: impl IntoIterator<Item = &'static str>) -> Self {
        Self { not_pages: not_pages.into_iter().map(ResourceDef::new).collect() }
    }

    /// Returns `next` if it can only lead to a page on this origin: an open redirect would send users to pages of an
    /// attacker.
    ///
    /// Its path must begin with one `/`. Browsers read a host into a path that has a second one, a backslash or a
    /// control character, so none of these may occur, nor be hidden by percent-encoding, however many times. The query
    /// and the fragment come after the host, so they may hold whatever is a line of ASCII.
    pub fn accept<'a>(&self, next: &'a str) -> Option<&'a str> {
        let is_line = next.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        let path = next.split(['?', '#']).next().unwrap_or_default();
        if !is_line || next.len() > MAX_BYTES || path.len() > MAX_PATH_BYTES {
            return None;
        }
        let path = decode_plain_path(path)?;
        let is_page = !self.not_pages.iter().any(|endpoint| endpoint.is_match(&path));
        is_page.then_some(next)
    }
}

/// The pages that can be opened again: those that a sign-in can lead to, and those that make no sense after one.
pub(crate) struct Pages(Destinations);

impl Pages {
    /// `not_pages` are the patterns of the endpoints that can only be posted.
    pub fn new(not_pages: impl IntoIterator<Item = &'static str>) -> Self {
        Self(Destinations::new(not_pages))
    }

    /// Returns the path and its query if they can only lead to a page on this origin.
    pub fn accept<'a>(&self, page: &'a str) -> Option<&'a str> {
        self.0.accept(page)
    }
}

/// Decodes the path until nothing is left to decode; `None` if it is not plain at some step, or encoded too often.
fn decode_plain_path(path: &str) -> Option<String> {
    let mut text = path.as_bytes().to_vec();
    for _ in 0..=MAX_ENCODINGS {
        if !is_plain_path(&text) {
            return None;
        }
        let decoded: Vec<u8> = percent_decode(&text).collect();
        if decoded == text {
            return Some(String::from_utf8_lossy(&text).into_owned());
        }
        text = decoded;
    }
    None
}

fn is_plain_path(text: &[u8]) -> bool {
    text.first() == Some(&b'/')
        && !text.windows(2).any(|pair| pair == b"//")
        && !text.iter().any(|byte| *byte == b'\\' || *byte < 0x20 || *byte == 0x7f)
        // Browsers resolve these, and would arrive at another path than the one that was checked.
        && !text.split(|byte| *byte == b'/').any(|segment| matches!(segment, b"." | b".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(next: &str) -> Option<&str> {
        Destinations::new(["/logout", "/account/sessions/{id}/revoke"]).accept(next)
    }

    #[test]
    fn local_path_is_accepted() {
        for next in [
            "/",
            "/account/sessions?show=ended&page=2",
            "/a%20b?next=https://elsewhere.example/#x",
            "/100%",
            "/a%252520b/...",
        ] {
            assert_eq!(accept(next), Some(next));
        }
    }

    #[test]
    fn query_and_fragment_may_hold_what_a_path_may_not() {
        for next in [
            "/notes?text=first%0Asecond%0D%0Athird",
            "/files?path=C:%5CTemp%5C%5Cx",
            "/files?path=\\\\server\\share",
            "/search?q=//elsewhere.example/%2F%2f%00%09",
            "/page#//elsewhere.example/%0A\\",
            "/?",
            "/#",
        ] {
            assert_eq!(accept(next), Some(next));
        }
        let long = format!("/search?q={}", "a".repeat(MAX_BYTES - 10));
        assert_eq!(accept(&long), Some(long.as_str()));
        assert_eq!(accept(&format!("{long}a")), None);
    }

    #[test]
    fn path_to_another_host_is_rejected() {
        for next in [
            "",
            "account",
            "?q=/account",
            "#/account",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/%2fevil.example",
            "/%2F%2Fevil.example",
            "/%5cevil.example",
            "/%252fevil.example",
            "/%09/evil.example",
            "//evil.example?q",
            "/%2fevil.example#x",
            "https://evil.example",
            "javascript:alert(1)",
            "/a\r\nSet-Cookie: x=1",
            "/%0d%0aSet-Cookie:x",
            "/a?b\r\nSet-Cookie: x=1",
            "/a?b\tc",
            "/a#b\nc",
            "/a?b\u{7f}",
            "/ü",
            "/a?ü",
            "/a//evil.example",
            "/%00",
            "/x/../logout",
            "/%2e%2E/logout",
            "/./logout",
            "/x/.",
            "/%2525252525",
        ] {
            assert_eq!(accept(next), None, "{next:?}");
        }
        assert_eq!(accept(&format!("/{}", "a".repeat(MAX_PATH_BYTES - 1))).map(str::len), Some(MAX_PATH_BYTES));
        assert_eq!(accept(&format!("/{}", "a".repeat(MAX_PATH_BYTES))), None);
    }

    #[test]
    fn path_that_is_no_page_is_rejected() {
        for next in ["/logout", "/logout?x", "/logout#x", "/log%6Fut", "/log%256fut", "/account/sessions/1/revoke?a=b"]
        {
            assert_eq!(accept(next), None, "{next:?}");
        }
        for next in ["/logout/", "/logouts", "/account/sessions/revoke", "/account/sessions/1/2/revoke"] {
            assert_eq!(accept(next), Some(next));
        }
    }
}
