//! The page to go to after a sign-in: a path on this origin.

use percent_encoding::percent_decode;

const MAX_BYTES: usize = 2048;

/// Returns `next` if it can only lead to a page on this origin: an open redirect would send users to pages of an
/// attacker.
///
/// It must begin with one `/`. Browsers read a host into a path that has a second one, a backslash or a control
/// character, so none of these may occur, nor be hidden by percent-encoding, however many times.
pub(super) fn safe(next: &str) -> Option<&str> {
    if next.len() > MAX_BYTES || !next.is_ascii() {
        return None;
    }
    let mut text = next.as_bytes().to_vec();
    loop {
        if !is_plain_path(&text) {
            return None;
        }
        let decoded: Vec<u8> = percent_decode(&text).collect();
        if decoded == text {
            return Some(next);
        }
        text = decoded;
    }
}

fn is_plain_path(text: &[u8]) -> bool {
    let path = text.split(|byte| *byte == b'?' || *byte == b'#').next().unwrap_or_default();
    text.first() == Some(&b'/')
        && !path.windows(2).any(|pair| pair == b"//")
        && !text.iter().any(|byte| *byte == b'\\' || *byte < 0x20 || *byte == 0x7f)
}

#[cfg(test)]
mod tests {
    use super::safe;

    #[test]
    fn local_path_is_accepted() {
        for next in ["/", "/account/sessions?show=ended&page=2", "/a%20b?next=https://elsewhere.example/#x", "/100%"] {
            assert_eq!(safe(next), Some(next));
        }
    }

    #[test]
    fn path_to_another_host_is_rejected() {
        for next in [
            "",
            "account",
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
            "https://evil.example",
            "javascript:alert(1)",
            "/a\r\nSet-Cookie: x=1",
            "/%0d%0aSet-Cookie:x",
            "/ü",
            "/a//evil.example",
            "/%00",
        ] {
            assert_eq!(safe(next), None, "{next:?}");
        }
        assert_eq!(safe(&format!("/{}", "a".repeat(3000))), None);
    }
}
