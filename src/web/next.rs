//! Where to go after sign-in: a path on this origin, and nothing else.

/// Takes `next` if it can only lead to a page of ours; an open redirect would lend our name to anybody's page.
///
/// It must begin with one `/`. A second one, a backslash or a control character would let browsers read a host into it, so
/// none of them may stand in it, nor hide in it percent-encoded, however often encoded.
pub(super) fn safe(next: &str) -> Option<&str> {
    const LONGEST: usize = 2048;
    if next.len() > LONGEST || !next.is_ascii() {
        return None;
    }
    let mut text = next.as_bytes().to_vec();
    loop {
        if !is_plain_path(&text) {
            return None;
        }
        let decoded = decode_once(&text);
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

fn decode_once(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        let hex = |index: usize| after.get(index).and_then(|digit| char::from(*digit).to_digit(16));
        if let (b'%', Some(high), Some(low)) = (byte, hex(0), hex(1)) {
            out.extend(u8::try_from(high * 16 + low));
            rest = &after[2..];
        } else {
            out.push(byte);
            rest = after;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::safe;

    #[test]
    fn paths_of_ours_pass() {
        for next in ["/", "/account/sessions?show=ended&page=2", "/a%20b?next=https://elsewhere.example/#x", "/100%"] {
            assert_eq!(safe(next), Some(next));
        }
    }

    #[test]
    fn whatever_could_lead_elsewhere_does_not() {
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
