//! The session cookie, in express-session's signed format: `s:<sid>.<signature>`, percent-encoded.
//!
//! The signature is HMAC-SHA256 over the sid, in base64 without padding, as the `cookie-signature` package makes it. An
//! Express application with the same secret reads Keyrack's cookies, and Keyrack reads the application's.

use std::time::Duration;

use actix_web::{
    cookie::{Cookie, SameSite, time},
    http::header::{COOKIE, HeaderMap, HeaderValue},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::{
    config::{PublicUrl, Secrets},
    sessions::Sid,
    web::signing::{Signer, Verified},
};

/// The sid of a cookie whose signature is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VerifiedSid {
    pub sid: Sid,
    /// Whether an older secret signed it: such a cookie is signed again, with the newest.
    pub outdated: bool,
}

/// Longer values are ignored. Keyrack's own have about 90 bytes.
const MAX_VALUE_BYTES: usize = 1024;

/// The characters that JavaScript's `encodeURIComponent` escapes.
const ENCODE_URI_COMPONENT: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// Reads and writes the session cookie.
#[derive(Clone)]
pub(crate) struct SessionCookie {
    name: String,
    domain: Option<String>,
    secure: bool,
    signer: Signer,
}

impl SessionCookie {
    pub fn new(name: Option<String>, domain: Option<String>, public_url: &PublicUrl, secrets: &Secrets) -> Self {
        let secure = public_url.is_https();
        let default = if secure { "__Host-keyrack.sid" } else { "keyrack.sid" };
        Self { name: name.unwrap_or_else(|| default.to_owned()), domain, secure, signer: Signer::plain(secrets) }
    }

    /// Reads the session cookie and removes it from the request's headers, so that handlers find no sid there. The
    /// other cookies stay as they were sent, also if they are not UTF-8.
    pub fn take(&self, headers: &mut HeaderMap) -> Option<VerifiedSid> {
        if !headers.contains_key(COOKIE) {
            return None;
        }
        let verified = self.read(headers);
        let others = cookie_texts(headers).filter(|text| split_pair(text).0 != self.name.as_bytes());
        let others = others.collect::<Vec<_>>().join(b"; ".as_slice());
        headers.remove(COOKIE);
        if let (false, Ok(value)) = (others.is_empty(), HeaderValue::from_bytes(&others)) {
            headers.insert(COOKIE, value);
        }
        verified
    }

    /// The sid in the session cookie. Garbage, a wrong signature, and two cookies of this name (one of them may have
    /// been planted by a neighbouring site) are the same as no cookie.
    fn read(&self, headers: &HeaderMap) -> Option<VerifiedSid> {
        let mut values = cookie_values(headers, &self.name);
        let value = values.next()?;
        if values.next().is_some() { None } else { self.open(value) }
    }

    fn open(&self, value: &[u8]) -> Option<VerifiedSid> {
        if value.len() > MAX_VALUE_BYTES {
            return None;
        }
        // Express also accepts values that are not encoded.
        let decoded = percent_decode_str(std::str::from_utf8(value).ok()?.trim_matches('"')).decode_utf8().ok()?;
        let (sid, signature) = decoded.strip_prefix("s:")?.rsplit_once('.')?;
        if sid.is_empty() || sid.chars().any(char::is_control) {
            return None;
        }
        let verified = self.signer.verify(sid.as_bytes(), signature)?;
        Some(VerifiedSid { sid: Sid::from_trusted(sid), outdated: verified == Verified::Older })
    }

    /// The cookie for a sid. Without `max_age`, a browser deletes it when it is closed.
    pub fn issue(&self, sid: &Sid, max_age: Option<Duration>) -> Cookie<'static> {
        let signature = self.signer.sign(sid.expose().as_bytes());
        let value = format!("s:{}.{signature}", sid.expose());
        let mut cookie = self.build(utf8_percent_encode(&value, &ENCODE_URI_COMPONENT).to_string());
        if let Some(max_age) = max_age {
            cookie.set_max_age(time::Duration::seconds(i64::try_from(max_age.as_secs()).unwrap_or(i64::MAX)));
        }
        cookie
    }

    /// The cookie that makes a browser delete it.
    pub fn removal(&self) -> Cookie<'static> {
        let mut cookie = self.build(String::new());
        cookie.make_removal();
        cookie
    }

    fn build(&self, value: String) -> Cookie<'static> {
        let mut cookie = Cookie::build(self.name.clone(), value)
            .path("/")
            .http_only(true)
            .secure(self.secure)
            .same_site(SameSite::Lax)
            .finish();
        if let Some(domain) = &self.domain {
            cookie.set_domain(domain.clone());
        }
        cookie
    }
}

/// The values of the request's cookies with this name, not decoded.
pub(super) fn cookie_values<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    cookie_texts(headers).map(split_pair).filter(move |(found, _)| *found == name.as_bytes()).map(|(_, value)| value)
}

/// Each cookie of the request's `Cookie` headers. They are bytes: one cookie that is not UTF-8, which any page of the
/// domain can set, must not hide the others.
fn cookie_texts(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let texts = headers.get_all(COOKIE).flat_map(|header| header.as_bytes().split(|byte| *byte == b';'));
    texts.map(<[u8]>::trim_ascii).filter(|text| !text.is_empty())
}

/// Name and value. A text without `=` is a value without a name (RFC 6265bis 5.6).
fn split_pair(text: &[u8]) -> (&[u8], &[u8]) {
    match text.iter().position(|byte| *byte == b'=') {
        Some(equals) => (text[..equals].trim_ascii(), text[equals + 1..].trim_ascii()),
        None => (b"", text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookie(secrets: &[&str]) -> SessionCookie {
        // Secrets must have 16 characters.
        let secrets = Secrets::new(secrets.iter().map(|secret| format!("{secret:<16}")).collect()).unwrap();
        SessionCookie::new(Some("connect.sid".to_owned()), None, &PublicUrl::default(), &secrets)
    }

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(COOKIE, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn pair(cookie: &Cookie<'_>) -> String {
        format!("{}={}", cookie.name(), cookie.value())
    }

    #[test]
    fn cookie_matches_cookie_signature_test_vector() {
        let signer = Signer::for_vector("tobiiscool");
        assert_eq!(signer.sign(b"hello"), "DGDUkGlIkCzPz+C0B064FNgHdEjox7ch8tOBGslZ5QI");
        let cookie = SessionCookie { name: "connect.sid".to_owned(), domain: None, secure: false, signer };
        let expected = "s%3Ahello.DGDUkGlIkCzPz%2BC0B064FNgHdEjox7ch8tOBGslZ5QI";
        assert_eq!(cookie.issue(&Sid::from_trusted("hello"), None).value(), expected);
        for value in [expected, "s:hello.DGDUkGlIkCzPz+C0B064FNgHdEjox7ch8tOBGslZ5QI"] {
            assert_eq!(cookie.open(value.as_bytes()).unwrap().sid.expose(), "hello");
        }
    }

    #[test]
    fn sid_with_dots_and_colons_is_read_back() {
        let cookie = cookie(&["a secret that is long"]);
        let sid = Sid::from_trusted("sess:abc.123.xyz");
        let issued = cookie.issue(&sid, None);
        assert_eq!(cookie.read(&headers(&[&pair(&issued)])).unwrap().sid, sid);
    }

    #[test]
    fn cookie_under_older_secret_is_read_as_outdated() {
        let old = cookie(&["the older secret of all"]).issue(&Sid::from_trusted("x"), None);
        let both = cookie(&["the newest secret of all", "the older secret of all"]);
        assert!(both.read(&headers(&[&pair(&old)])).unwrap().outdated);
        assert_eq!(cookie(&["the newest secret of all"]).read(&headers(&[&pair(&old)])), None);
    }

    #[test]
    fn cookie_with_flipped_byte_is_rejected() {
        let cookie = cookie(&["a secret that is long"]);
        let value = cookie.issue(&Sid::random().unwrap(), None).value().to_owned();
        for position in 0..value.len() {
            for flip in [1_u8, 2, 32] {
                let mut bytes = value.clone().into_bytes();
                bytes[position] ^= flip;
                let Ok(changed) = String::from_utf8(bytes) else { continue };
                let is_same = percent_decode_str(&changed).eq(percent_decode_str(&value));
                assert!(cookie.open(changed.as_bytes()).is_none() || is_same, "byte {position}: {changed}");
            }
        }
    }

    #[test]
    fn taken_cookie_is_removed_and_others_are_kept() {
        let cookie = cookie(&["a secret that is long"]);
        let good = pair(&cookie.issue(&Sid::from_trusted("x"), None));
        for (sent, left) in [
            (vec![good.clone()], None),
            (vec![format!("a=1; {good}; b=\"2\"")], Some("a=1; b=\"2\"")),
            (vec!["a=1".to_owned(), good.clone()], Some("a=1")),
        ] {
            let mut headers = headers(&sent.iter().map(String::as_str).collect::<Vec<_>>());
            assert_eq!(cookie.take(&mut headers).unwrap().sid.expose(), "x");
            let rest: Vec<_> = headers.get_all(COOKIE).map(|value| value.to_str().unwrap()).collect();
            assert_eq!(rest, Vec::from_iter(left), "{sent:?}");
        }
        let mut forged = headers(&["connect.sid=s:x.y; connect.sid=z; other=1"]);
        assert_eq!(cookie.take(&mut forged), None);
        assert_eq!(forged.get(COOKIE).unwrap(), "other=1");
    }

    #[test]
    fn cookie_beside_one_that_is_not_utf8_is_read() {
        let cookie = cookie(&["a secret that is long"]);
        let good = pair(&cookie.issue(&Sid::from_trusted("x"), None));
        let latin1: &[u8] = b"theme=caf\xe9";
        for sent in [[latin1, b"; ", good.as_bytes()].concat(), [good.as_bytes(), b";", latin1, b";;"].concat()] {
            let mut headers = headers(&["other=1"]);
            headers.append(COOKIE, HeaderValue::from_bytes(&sent).unwrap());
            assert_eq!(cookie.take(&mut headers).unwrap().sid.expose(), "x", "{sent:?}");
            let left: Vec<_> = headers.get_all(COOKIE).map(HeaderValue::as_bytes).collect();
            assert_eq!(left, [b"other=1; theme=caf\xe9".as_slice()]);
        }
        let mut unreadable = headers(&[]);
        unreadable.append(COOKIE, HeaderValue::from_bytes(b"connect.sid=s%3Ax\xff.y").unwrap());
        assert_eq!(cookie.take(&mut unreadable), None);
        assert_eq!(unreadable.get(COOKIE), None);
    }

    #[test]
    fn malformed_and_duplicate_cookies_are_rejected() {
        let cookie = cookie(&["a secret that is long"]);
        let good = pair(&cookie.issue(&Sid::from_trusted("x"), None));
        for value in ["", "s:", "s:.", "s%3A", "%", "%zz", "s:x", "s:x.", "%ff%fe", &"a".repeat(5000)] {
            assert_eq!(cookie.read(&headers(&[&format!("connect.sid={value}")])), None, "{value}");
        }
        assert_eq!(cookie.read(&headers(&[&format!("{good}; {good}")])), None);
        assert_eq!(cookie.read(&headers(&[&good, &good])), None);
        assert!(cookie.read(&headers(&[&format!("other=1; {good}; xconnect.sid=2")])).is_some());
    }
}
