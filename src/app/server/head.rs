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

/// Takes the request to change the protocol (WebSocket, h2c) out of a head, which a server may ignore (RFC 9110, 7.8):
/// the names of the header and of the connection option are overwritten.
///
/// Actix takes what follows such a head for the other protocol's bytes, or closes the connection after its response, and
/// loses the requests that were sent behind it.
pub(super) fn ignore_upgrade(head: &mut [u8]) {
    let mut line = 0;
    while let Some(length) = memchr::memchr(b'\n', &head[line..]) {
        let text = &mut head[line..line + length];
        if strip_prefix(text, UPGRADE).is_some_and(|rest| rest.first() == Some(&b':')) {
            text[..UPGRADE.len()].copy_from_slice(IGNORED);
        } else if strip_prefix(text, CONNECTION).is_some() {
            let options = text[CONNECTION.len()..].split_mut(|byte| *byte == b',');
            for option in options {
                let start = option.len() - option.trim_ascii_start().len();
                let end = option.trim_ascii_end().len();
                if start < end && option[start..end].eq_ignore_ascii_case(UPGRADE) {
                    option[start..end].copy_from_slice(IGNORED);
                }
            }
        }
        line += length + 1;
    }
}

const UPGRADE: &[u8] = b"upgrade";
const CONNECTION: &[u8] = b"connection:";
/// As long as [`UPGRADE`].
const IGNORED: &[u8] = b"ignored";

/// What follows a prefix in any case.
fn strip_prefix<'a>(text: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
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
    fn request_for_another_protocol_is_taken_out() {
        for (sent, left) in [
            ("GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n", "GET / HTTP/1.1\r\nignored: websocket\r\n\r\n"),
            ("GET /\nConnection:UPGRADE\n\n", "GET /\nConnection:ignored\n\n"),
            (
                "GET /\r\nconnection: keep-alive , Upgrade,HTTP2-Settings\r\nupgrade:h2c\r\n\r\n",
                "GET /\r\nconnection: keep-alive , ignored,HTTP2-Settings\r\nignored:h2c\r\n\r\n",
            ),
        ] {
            let mut head = sent.as_bytes().to_vec();
            ignore_upgrade(&mut head);
            assert_eq!(String::from_utf8(head).unwrap(), left);
        }
        for kept in [
            "GET /upgrade: HTTP/1.1\r\nX-Upgrade: 1\r\nUpgrade-Insecure-Requests: 1\r\n\r\n",
            "GET /\r\nConnection: close\r\nConnection-Info: upgrade\r\nCookie: upgrade\r\nConnection: not-upgrade,,\r\n",
            "Connection: upgrade",
            "",
        ] {
            let mut head = kept.as_bytes().to_vec();
            ignore_upgrade(&mut head);
            assert_eq!(String::from_utf8(head).unwrap(), kept);
        }
    }

    #[test]
    fn request_begins_with_a_token() {
        assert!("GETgetM-SEARCH1".bytes().all(can_begin));
        assert!([TLS_HANDSHAKE, 0, b' ', b'\r', b':', b'/', 0x80, 0xff].into_iter().all(|byte| !can_begin(byte)));
    }
}
