//! Finds where a request's head ends.

/// Longer heads are refused with a 431. nginx accepts the same length, Node.js half of it.
pub(super) const MAX_HEAD_BYTES: usize = 32 * 1024;

/// The position after the empty line that ends the head, if it has arrived. The bytes before `start` were searched
/// before. Lines end with CRLF or, as Actix's parser accepts, with LF alone.
pub(super) fn find_end(bytes: &[u8], start: usize) -> Option<usize> {
    let searched = &bytes[start..];
    memchr::memchr_iter(b'\n', searched).find_map(|position| match &searched[position + 1..] {
        [b'\n', ..] => Some(start + position + 2),
        [b'\r', b'\n', ..] => Some(start + position + 3),
        _ => None,
    })
}

/// Where the search must begin when more bytes follow these: an empty line may have begun at their end.
pub(super) fn resume_at(length: usize) -> usize {
    length.saturating_sub(2)
}

/// Whether a request can begin with this byte: its method is a token (RFC 9110, 5.6.2).
pub(super) fn can_begin(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The first byte of a TLS handshake: the client took the port for one that speaks https.
pub(super) const TLS_HANDSHAKE: u8 = 0x16;

#[cfg(test)]
mod tests {
    use super::*;

    fn end(text: &str) -> Option<usize> {
        find_end(text.as_bytes(), 0)
    }

    #[test]
    fn head_ends_at_its_first_empty_line() {
        for head in
            ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/1.1\nHost: x\n\n", "GET / HTTP/1.1\r\nHost: x\n\r\n"]
        {
            assert_eq!(end(head), Some(head.len()), "{head:?}");
            assert_eq!(end(&format!("{head}GET / HTTP/1.1\r\n\r\n")), Some(head.len()), "{head:?}");
            for length in 0..head.len() {
                assert_eq!(end(&head[..length]), None, "{:?}", &head[..length]);
            }
        }
    }

    #[test]
    fn search_resumes_two_bytes_before_the_new_ones() {
        let head = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        for arrived in 0..head.len() {
            let found = find_end(head.as_bytes(), resume_at(arrived));
            assert_eq!(found, Some(head.len()), "after {arrived} bytes");
        }
    }

    #[test]
    fn request_begins_with_a_token() {
        assert!("GETgetM-SEARCH1".bytes().all(can_begin));
        assert!([TLS_HANDSHAKE, 0, b' ', b'\r', b':', b'/', 0x80, 0xff].into_iter().all(|byte| !can_begin(byte)));
    }
}
