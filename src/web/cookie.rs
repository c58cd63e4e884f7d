//! The session cookie, in express-session's signed format: `s:<sid>.<signature>`, percent-encoded.
//!
//! The signature is HMAC-SHA256 over the sid, in base64 without padding (the format of the `cookie-signature` package), so
//! that an Express peer with the same secret reads our cookie, and we read theirs.

use actix_web::{
    cookie::{Cookie, SameSite, time},
    http::header::{COOKIE, HeaderMap, HeaderValue},
};
use std::time::Duration;

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

/// Longer values are not looked at; a cookie of ours has about 90 bytes.
const LONGEST_VALUE: usize = 1024;

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

    /// Reads the session cookie and removes it from the request, so that handlers never see a sid.
    pub fn take(&self, headers: &mut HeaderMap) -> Option<VerifiedSid> {
        if !cookie_pairs(headers).any(|(name, _)| name == self.name) {
            return None;
        }
        let verified = self.read(headers);
        let others = cookie_pairs(headers).filter(|(name, _)| *name != self.name);
        let others = others.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
        headers.remove(COOKIE);
        if let (false, Ok(value)) = (others.is_empty(), HeaderValue::try_from(others)) {
            headers.insert(COOKIE, value);
        }
        verified
    }

    /// The sid in the session cookie. Garbage, a wrong signature, and two cookies of this name (one of them may have been
    /// planted by a neighbouring site) are the same as no cookie.
    fn read(&self, headers: &HeaderMap) -> Option<VerifiedSid> {
        let mut values = cookie_pairs(headers).filter(|(name, _)| *name == self.name).map(|(_, value)| value);
        let value = values.next()?;
        if values.next().is_some() { None } else { self.open(value) }
    }

    fn open(&self, value: &str) -> Option<VerifiedSid> {
        if value.len() > LONGEST_VALUE {
            return None;
        }
        // An unencoded value is accepted too, as the peer does; a `%` can't occur in one.
        let decoded = percent_decode(value.trim_matches('"'))?;
        let (sid, signature) = decoded.strip_prefix("s:")?.rsplit_once('.')?;
        if sid.is_empty() || sid.chars().any(char::is_control) {
            return None;
        }
        let verified = self.signer.verify(sid.as_bytes(), signature)?;
        Some(VerifiedSid { sid: Sid::from_verified(sid), outdated: verified == Verified::Older })
    }

    /// The cookie for a sid. Without `max_age` a browser forgets it when it is closed.
    pub fn issue(&self, sid: &Sid, max_age: Option<Duration>) -> Cookie<'static> {
        let signature = self.signer.sign(sid.expose().as_bytes());
        let mut cookie = self.build(percent_encode(&format!("s:{}.{signature}", sid.expose())));
        if let Some(max_age) = max_age {
            cookie.set_max_age(time::Duration::seconds(i64::try_from(max_age.as_secs()).unwrap_or(i64::MAX)));
        }
        cookie
    }

    /// The cookie that makes a browser forget ours.
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

/// Every `name=value` of the request's `Cookie` headers, as it stands.
pub(super) fn cookie_pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers
        .get_all(COOKIE)
        .filter_map(|header| std::str::from_utf8(header.as_bytes()).ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.trim(), value.trim()))
}

/// As `encodeURIComponent` does.
fn percent_encode(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
            out.extend(['%', char::from(digits[0]), char::from(digits[1])]);
        }
    }
    out
}

/// `None` if an escape is cut off or not UTF-8.
fn percent_decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let (high, low) = (char::from(bytes.next()?).to_digit(16)?, char::from(bytes.next()?).to_digit(16)?);
            out.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookie(secrets: &[&str]) -> SessionCookie {
        // The published vector's secret is shorter than we allow, so it is padded where length counts.
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
    fn the_format_is_that_of_cookie_signature() {
        let signer = Signer::for_vector("tobiiscool");
        assert_eq!(signer.sign(b"hello"), "DGDUkGlIkCzPz+C0B064FNgHdEjox7ch8tOBGslZ5QI");
        let cookie = SessionCookie { name: "connect.sid".to_owned(), domain: None, secure: false, signer };
        let expected = "s%3Ahello.DGDUkGlIkCzPz%2BC0B064FNgHdEjox7ch8tOBGslZ5QI";
        assert_eq!(cookie.issue(&Sid::from_verified("hello"), None).value(), expected);
        for value in [expected, "s:hello.DGDUkGlIkCzPz+C0B064FNgHdEjox7ch8tOBGslZ5QI"] {
            assert_eq!(cookie.open(value).unwrap().sid.expose(), "hello");
        }
    }

    #[test]
    fn a_sid_may_hold_dots_and_colons() {
        let cookie = cookie(&["a secret that is long"]);
        let sid = Sid::from_verified("sess:abc.123.xyz");
        let issued = cookie.issue(&sid, None);
        assert_eq!(cookie.read(&headers(&[&pair(&issued)])).unwrap().sid, sid);
    }

    #[test]
    fn old_secrets_verify_and_are_noticed() {
        let old = cookie(&["the old secret of ours"]).issue(&Sid::from_verified("x"), None);
        let both = cookie(&["the new secret of ours", "the old secret of ours"]);
        assert!(both.read(&headers(&[&pair(&old)])).unwrap().outdated);
        assert_eq!(cookie(&["the new secret of ours"]).read(&headers(&[&pair(&old)])), None);
    }

    #[test]
    fn every_flipped_byte_makes_it_no_cookie() {
        let cookie = cookie(&["a secret that is long"]);
        let value = cookie.issue(&Sid::random().unwrap(), None).value().to_owned();
        for position in 0..value.len() {
            for flip in [1_u8, 2, 32] {
                let mut bytes = value.clone().into_bytes();
                bytes[position] ^= flip;
                let Ok(changed) = String::from_utf8(bytes) else { continue };
                let same = percent_decode(&changed).is_some() && percent_decode(&changed) == percent_decode(&value);
                assert!(cookie.open(&changed).is_none() || same, "byte {position}: {changed}");
            }
        }
    }

    #[test]
    fn taking_the_cookie_hides_it_and_leaves_the_others() {
        let cookie = cookie(&["a secret that is long"]);
        let good = pair(&cookie.issue(&Sid::from_verified("x"), None));
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
    fn garbage_and_doubles_are_no_cookie() {
        let cookie = cookie(&["a secret that is long"]);
        let good = pair(&cookie.issue(&Sid::from_verified("x"), None));
        for value in ["", "s:", "s:.", "s%3A", "%", "%zz", "s:x", "s:x.", "%ff%fe", &"a".repeat(5000)] {
            assert_eq!(cookie.read(&headers(&[&format!("connect.sid={value}")])), None, "{value}");
        }
        assert_eq!(cookie.read(&headers(&[&format!("{good}; {good}")])), None);
        assert_eq!(cookie.read(&headers(&[&good, &good])), None);
        assert!(cookie.read(&headers(&[&format!("other=1; {good}; xconnect.sid=2")])).is_some());
    }
}
