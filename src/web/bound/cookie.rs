//! The bound cookie: the proof that a request comes from the browser that its session is bound to.
//!
//! It names the session and the time at which the browser has proved it, signed with a key derived from the secrets for
//! this purpose. So a request is checked without a table, on any instance, and an application with the same secrets can
//! check it, too (`examples/express/`).

use std::time::Duration;

use actix_web::{
    cookie::{Cookie, SameSite, time},
    http::header::HeaderMap,
};

use crate::{
    clock::Timestamp,
    config::{PublicUrl, Secrets},
    sessions::SessionId,
    web::{cookie::cookie_values, signing::Signer},
};

/// How long a browser keeps it. Browsers renew it ahead of its end, and refuse to do so too often: with less than five
/// minutes, they would let requests go without it.
const LIFETIME: Duration = Duration::from_secs(10 * 60);

/// How much longer it is good: a request may carry the one that the browser is just renewing, and clocks differ.
const GRACE: Duration = Duration::from_secs(60);

/// Maximum cookies of this name whose signature is checked. Over http, a neighbouring site can plant others.
const MAX_COOKIES: usize = 8;

/// Separates the parts. Neither UUIDs, numbers nor base64url contain it.
const SEPARATOR: char = '.';

/// Longer values are ignored. Keyrack's own have about 100 bytes.
const MAX_VALUE_BYTES: usize = 256;

/// Reads and writes the cookie.
pub(super) struct BoundCookie {
    name: &'static str,
    secure: bool,
    signer: Signer,
}

/// The proof of one session in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PresentedProof {
    Missing,
    /// It was good once.
    Outdated,
    Good {
        until: Timestamp,
    },
}

impl BoundCookie {
    pub fn new(public_url: &PublicUrl, secrets: &Secrets) -> Self {
        let secure = public_url.is_https();
        let name = if secure { "__Host-keyrack.bound" } else { "keyrack.bound" };
        Self { name, secure, signer: Signer::derived(secrets, "bound cookie") }
    }

    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its attributes, as the browser is told of them. They must be those of the cookie that is set, or it gives up.
    pub fn attributes(&self) -> &'static str {
        if self.secure { "Path=/; Secure; HttpOnly; SameSite=Lax" } else { "Path=/; HttpOnly; SameSite=Lax" }
    }

    /// The cookie of a browser that has just proved that it has the key of this session.
    pub fn issue(&self, session: SessionId, now: Timestamp) -> Cookie<'static> {
        let text = format!("{session}{SEPARATOR}{}", now.as_micros());
        let signature = self.signer.sign(text.as_bytes());
        self.build(format!("{text}{SEPARATOR}{signature}"), LIFETIME)
    }

    pub fn removal(&self) -> Cookie<'static> {
        let mut cookie = self.build(String::new(), Duration::ZERO);
        cookie.make_removal();
        cookie
    }

    fn build(&self, value: String, max_age: Duration) -> Cookie<'static> {
        Cookie::build(self.name, value)
            .path("/")
            .http_only(true)
            .secure(self.secure)
            .same_site(SameSite::Lax)
            .max_age(time::Duration::try_from(max_age).unwrap_or(time::Duration::ZERO))
            .finish()
    }

    /// Whether the request carries one, genuine or not.
    pub fn is_present(&self, headers: &HeaderMap) -> bool {
        cookie_values(headers, self.name).next().is_some()
    }

    /// The proof of this session in a request.
    pub fn find(&self, headers: &HeaderMap, session: SessionId, now: Timestamp) -> PresentedProof {
        let proofs = self.proofs(headers).filter(|(id, _)| *id == session);
        let proofs = proofs.map(|(_, at)| if is_good(at, now) { Some(at + LIFETIME + GRACE) } else { None });
        proofs.fold(PresentedProof::Missing, |found, until| match (found, until) {
            (_, Some(until)) => PresentedProof::Good { until },
            (PresentedProof::Missing, None) => PresentedProof::Outdated,
            (found, None) => found,
        })
    }

    /// The sessions whose proof is good.
    pub fn proved_sessions(&self, headers: &HeaderMap, now: Timestamp) -> Vec<SessionId> {
        self.proofs(headers).filter(|(_, at)| is_good(*at, now)).map(|(id, _)| id).collect()
    }

    /// The sessions and times in genuine cookies.
    fn proofs(&self, headers: &HeaderMap) -> impl Iterator<Item = (SessionId, Timestamp)> {
        cookie_values(headers, self.name).take(MAX_COOKIES).filter_map(|value| self.open(value))
    }

    fn open(&self, value: &[u8]) -> Option<(SessionId, Timestamp)> {
        let value = std::str::from_utf8(value).ok().filter(|value| value.len() <= MAX_VALUE_BYTES)?;
        let (text, signature) = value.rsplit_once(SEPARATOR)?;
        self.signer.verify(text.as_bytes(), signature)?;
        let (session, at) = text.split_once(SEPARATOR)?;
        Some((session.parse().ok()?, Timestamp::parse_micros(at)?))
    }
}

/// A time in the future, from a clock that has been corrected since, counts for no longer than one in the past.
fn is_good(at: Timestamp, now: Timestamp) -> bool {
    now.since(at).max(at.since(now)) < LIFETIME + GRACE
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{COOKIE, HeaderValue};

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_769_600_000_000_000);
    const SECOND: Duration = Duration::from_secs(1);

    fn cookie(secrets: &str) -> BoundCookie {
        BoundCookie::new(&PublicUrl::default(), &secrets.parse().unwrap())
    }

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(COOKIE, HeaderValue::from_str(&format!("keyrack.bound={value}")).unwrap());
        }
        headers
    }

    #[test]
    fn proof_is_good_for_eleven_minutes_and_its_session() {
        let (cookie, session) = (cookie("the newest secret of all"), SessionId::random());
        let issued = cookie.issue(session, NOW);
        let headers = headers(&[issued.value()]);
        let until = NOW + LIFETIME + GRACE;
        assert_eq!(cookie.find(&headers, session, NOW), PresentedProof::Good { until });
        assert_eq!(cookie.find(&headers, session, until - SECOND), PresentedProof::Good { until });
        assert_eq!(cookie.find(&headers, session, until), PresentedProof::Outdated);
        assert_eq!(cookie.find(&headers, session, NOW - LIFETIME), PresentedProof::Good { until });
        assert_eq!(cookie.find(&headers, session, NOW - LIFETIME - GRACE), PresentedProof::Outdated);
        assert_eq!(cookie.find(&headers, SessionId::random(), NOW), PresentedProof::Missing);
        assert_eq!(cookie.proved_sessions(&headers, NOW), [session]);
        assert_eq!(cookie.proved_sessions(&headers, until), []);
    }

    #[test]
    fn older_secret_verifies_and_other_purposes_do_not() {
        let session = SessionId::random();
        let old = cookie("the older secret of all").issue(session, NOW);
        let both = cookie("the newest secret of all,the older secret of all");
        assert_eq!(both.proved_sessions(&headers(&[old.value()]), NOW), [session]);
        let text = format!("{session}.{}", NOW.as_micros());
        let other = Signer::derived(&"the newest secret of all".parse().unwrap(), "csrf").sign(text.as_bytes());
        assert_eq!(both.proved_sessions(&headers(&[&format!("{text}.{other}")]), NOW), []);
    }

    #[test]
    fn changed_cookies_prove_nothing_and_hide_no_genuine_one() {
        let (cookie, session) = (cookie("the newest secret of all"), SessionId::random());
        let value = cookie.issue(session, NOW).value().to_owned();
        for position in 0..value.len() - 1 {
            let mut bytes = value.clone().into_bytes();
            bytes[position] ^= 1;
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(cookie.find(&headers(&[&changed]), session, NOW), PresentedProof::Missing, "{changed}");
            let until = NOW + LIFETIME + GRACE;
            for values in [[value.as_str(), &changed], [changed.as_str(), &value]] {
                assert_eq!(cookie.find(&headers(&values), session, NOW), PresentedProof::Good { until });
            }
        }
        for value in ["", ".", "..", &"a".repeat(5000)] {
            assert_eq!(cookie.find(&headers(&[value]), session, NOW), PresentedProof::Missing);
        }
        let outdated = cookie.issue(session, NOW - LIFETIME - GRACE);
        let both = headers(&[&value, outdated.value()]);
        assert!(matches!(cookie.find(&both, session, NOW), PresentedProof::Good { .. }));
    }

    #[test]
    fn attributes_are_those_of_the_cookie() {
        for url in ["https://keys.example.com", "http://localhost:8080"] {
            let cookie = BoundCookie::new(&url.parse().unwrap(), &"the newest secret of all".parse().unwrap());
            let text = cookie.issue(SessionId::random(), NOW).to_string();
            let attributes: Vec<&str> = text.split("; ").skip(1).filter(|part| *part != "Max-Age=600").collect();
            let mut told: Vec<&str> = cookie.attributes().split("; ").collect();
            for attribute in attributes {
                let position = told.iter().position(|told| *told == attribute).expect(attribute);
                told.remove(position);
            }
            assert_eq!(told, [""; 0], "{text}");
            assert_eq!(cookie.name().starts_with("__Host-"), url.starts_with("https"));
        }
    }
}
