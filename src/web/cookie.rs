//! The session cookie, in express-session's signed format: `s:<sid>.<signature>`, percent-encoded.
//!
//! The signature is HMAC-SHA256 over the sid, in base64 without padding, as the `cookie-signature` package makes it. An
//! Express application with the same secret reads Keyrack's cookies, and Keyrack reads the application's.

use std::{net::Ipv4Addr, time::Duration};

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

/// The session cookie of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Presented {
    /// The one that counts.
    pub verified: Option<VerifiedSid>,
    /// The sids that are verified, if there are several cookies of this name. One of them may have been planted by a
    /// neighbouring site, so none counts.
    pub twins: Vec<Sid>,
    /// Whether there are several cookies of this name.
    pub has_twins: bool,
}

/// More cookies of one name are not looked at: each costs a signature check.
const MAX_TWINS: usize = 8;

/// Maximum cookies that one response deletes.
const MAX_REMOVALS: usize = 24;

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
        let default = || public_url.default_cookie_name().to_owned();
        Self { name: name.unwrap_or_else(default), domain, secure, signer: Signer::plain(secrets) }
    }

    /// Reads the session cookie and removes it from the request's headers, so that handlers find no sid there. The
    /// other cookies stay as they were sent, also if they are not UTF-8.
    pub fn take(&self, headers: &mut HeaderMap) -> Presented {
        if !headers.contains_key(COOKIE) {
            return Presented::default();
        }
        let presented = self.read(headers);
        let others = cookie_texts(headers).filter(|text| split_pair(text).0 != self.name.as_bytes());
        let others = others.collect::<Vec<_>>().join(b"; ".as_slice());
        headers.remove(COOKIE);
        if let (false, Ok(value)) = (others.is_empty(), HeaderValue::from_bytes(&others)) {
            headers.insert(COOKIE, value);
        }
        presented
    }

    /// Reads the session cookie. Garbage and a wrong signature are the same as no cookie.
    pub fn read(&self, headers: &HeaderMap) -> Presented {
        let mut values = cookie_values(headers, &self.name);
        let Some(first) = values.next() else { return Presented::default() };
        let Some(second) = values.next() else {
            return Presented { verified: self.open(first), ..Presented::default() };
        };
        let all = [first, second].into_iter().chain(values).take(MAX_TWINS);
        let twins = all.filter_map(|value| self.open(value)).map(|verified| verified.sid).collect();
        Presented { verified: None, twins, has_twins: true }
    }

    /// The cookies that make a browser delete the other cookies of this name that it sends to this URL: of the host and
    /// of each domain above it, for each path. Keyrack's own stays, where another site of the domain can't set one.
    /// Browsers ignore those that they don't have, or that this host may not set.
    pub fn removals_of_twins(&self, host: &str, path: &str) -> Vec<Cookie<'static>> {
        if self.name.starts_with("__Host-") {
            // Such a cookie has no domain and no other path (RFC 6265bis 4.1.3). Browsers never send two.
            return vec![self.removal()];
        }
        let own_place = (self.domain.as_deref().map(|domain| domain.trim_start_matches('.')), "/");
        let paths = || std::iter::once("/").chain(cookie_paths(path));
        let domains = std::iter::once(None).chain(domains_of_host(host).map(Some));
        let places = domains.flat_map(|domain| paths().map(move |path| (domain, path)));
        let removal = |(domain, path): (Option<&str>, &str)| {
            let mut cookie = self.removal();
            // `Max-Age` is enough. A proxy may refuse a response whose headers are longer than 4 kB.
            cookie.unset_expires();
            cookie.set_path(path.to_owned());
            cookie.unset_domain();
            if let Some(domain) = domain {
                cookie.set_domain(domain.to_owned());
            }
            cookie
        };
        places.filter(|place| *place != own_place).take(MAX_REMOVALS).map(removal).collect()
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

/// The domains that a host may set cookies for: itself and each one above it with two labels or more. None for an
/// address, which has no domains.
fn domains_of_host(host: &str) -> impl Iterator<Item = &str> {
    let host = if host.starts_with('[') { "" } else { host.rsplit_once(':').map_or(host, |(name, _)| name) };
    let is_label = |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let is_name = host.len() <= 253 && host.split('.').all(is_label) && host.parse::<Ipv4Addr>().is_err();
    let first = Some(host).filter(|host| is_name && host.contains('.'));
    std::iter::successors(first, |domain| Some(domain.split_once('.')?.1).filter(|above| above.contains('.')))
}

/// The paths of cookies that a browser sends to this one (RFC 6265, 5.1.4), besides the root: `/account`, `/account/` and
/// `/account/sessions` for the last of them.
fn cookie_paths(path: &str) -> impl Iterator<Item = &str> {
    let is_plain = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b';' && byte != b',');
    let slashes = path.match_indices('/').map(|(at, _)| at).filter(|at| *at > 0);
    let ends = slashes.flat_map(|at| [at, at + 1]).chain([path.len()]).filter(|end| *end > 1);
    let mut last = 0;
    ends.filter(move |end| is_plain && std::mem::replace(&mut last, *end) < *end).map(|end| &path[..end])
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
        // Secrets must be long, and not easy to guess.
        let secrets = Secrets::new(secrets.iter().map(|secret| format!("{secret} 7Qm2xV9rTb4K")).collect()).unwrap();
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
        assert_eq!(cookie.read(&headers(&[&pair(&issued)])).verified.unwrap().sid, sid);
    }

    #[test]
    fn cookie_under_older_secret_is_read_as_outdated() {
        let old = cookie(&["the older secret of all"]).issue(&Sid::from_trusted("x"), None);
        let both = cookie(&["the newest secret of all", "the older secret of all"]);
        assert!(both.read(&headers(&[&pair(&old)])).verified.unwrap().outdated);
        assert_eq!(cookie(&["the newest secret of all"]).read(&headers(&[&pair(&old)])).verified, None);
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
            assert_eq!(cookie.take(&mut headers).verified.unwrap().sid.expose(), "x");
            let rest: Vec<_> = headers.get_all(COOKIE).map(|value| value.to_str().unwrap()).collect();
            assert_eq!(rest, Vec::from_iter(left), "{sent:?}");
        }
        let mut forged = headers(&["connect.sid=s:x.y; connect.sid=z; other=1"]);
        assert_eq!(cookie.take(&mut forged), Presented { has_twins: true, ..Presented::default() });
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
            assert_eq!(cookie.take(&mut headers).verified.unwrap().sid.expose(), "x", "{sent:?}");
            let left: Vec<_> = headers.get_all(COOKIE).map(HeaderValue::as_bytes).collect();
            assert_eq!(left, [b"other=1; theme=caf\xe9".as_slice()]);
        }
        let mut unreadable = headers(&[]);
        unreadable.append(COOKIE, HeaderValue::from_bytes(b"connect.sid=s%3Ax\xff.y").unwrap());
        assert_eq!(cookie.take(&mut unreadable), Presented::default());
        assert_eq!(unreadable.get(COOKIE), None);
    }

    #[test]
    fn malformed_and_duplicate_cookies_are_rejected() {
        let cookie = cookie(&["a secret that is long"]);
        let good = pair(&cookie.issue(&Sid::from_trusted("x"), None));
        for value in ["", "s:", "s:.", "s%3A", "%", "%zz", "s:x", "s:x.", "%ff%fe", &"a".repeat(5000)] {
            assert_eq!(cookie.read(&headers(&[&format!("connect.sid={value}")])), Presented::default(), "{value}");
        }
        for twice in [&[&format!("{good}; connect.sid=planted; {good}")][..], &[&good, &good]] {
            let presented = cookie.read(&headers(&twice.iter().map(|text| text.as_str()).collect::<Vec<_>>()));
            assert_eq!((presented.verified, presented.has_twins), (None, true));
            assert!(presented.twins.iter().all(|sid| sid.expose() == "x") && presented.twins.len() == 2);
        }
        assert!(cookie.read(&headers(&[&format!("other=1; {good}; xconnect.sid=2")])).verified.is_some());
    }

    #[test]
    fn twins_are_removed_from_host_and_domains_and_paths() {
        let removals = |cookie: &SessionCookie, host: &str, path: &str| {
            let all = cookie.removals_of_twins(host, path);
            assert!(
                all.iter().all(|cookie| cookie.value().is_empty() && cookie.max_age() == Some(time::Duration::ZERO))
            );
            let text = |cookie: Cookie<'_>| format!("{} {}", cookie.domain().unwrap_or("-"), cookie.path().unwrap());
            all.into_iter().map(text).collect::<Vec<_>>()
        };
        let connect = cookie(&["a secret that is long"]);
        let expected = ["- /login", "a.b.example /", "a.b.example /login", "b.example /", "b.example /login"];
        assert_eq!(removals(&connect, "a.b.example:8080", "/login"), expected, "but not its own");
        assert_eq!(
            removals(&connect, "b.example", "/account/sessions")[..4],
            ["- /account", "- /account/", "- /account/sessions", "b.example /"]
        );
        assert_eq!(removals(&connect, "localhost", "/a/"), ["- /a", "- /a/"]);
        for host in ["localhost:8080", "127.0.0.1:8080", "[::1]:8080", "", "a..example", "a.b;c.example", "."] {
            assert_eq!(removals(&connect, host, "/a"), ["- /a"], "{host}");
        }
        assert_eq!(removals(&connect, "localhost", "/a;b/c"), Vec::<String>::new());
        assert_eq!(removals(&connect, &format!("{}b.example", "a.".repeat(100)), "/1/2/3").len(), MAX_REMOVALS);
        let of_domain = SessionCookie { domain: Some(".b.example".to_owned()), ..connect.clone() };
        assert_eq!(removals(&of_domain, "a.b.example", "/"), ["- /", "a.b.example /"]);
        let host = SessionCookie { name: "__Host-keyrack.sid".to_owned(), ..connect };
        assert_eq!(removals(&host, "a.b.example", "/account"), ["- /"]);
    }
}
