//! The cookie of a sign-in whose password was right, and that waits for a second factor.
//!
//! It is no session: no row is written, no page lets it in, and it is good for five minutes at `/login/second` only, as long
//! as its user has the same password and is not disabled.

use std::time::Duration;

use actix_web::{
    cookie::{Cookie, SameSite, time},
    http::header::HeaderMap,
};

use super::{cookie::cookie_values, signing::Signer};
use crate::{
    accounts::PendingSignIn,
    clock::Timestamp,
    config::{PublicUrl, Secrets},
    sessions::WayIn,
};

/// How long a user has for the second factor.
const LIFETIME: Duration = Duration::from_secs(5 * 60);
/// Where the cookie is sent. With the prefix `__Host-`, browsers accept no narrower path.
const PATH: &str = "/";
/// Separates the parts. Neither UUIDs, numbers, ways in nor base64url contain it.
const SEPARATOR: char = '.';
/// Longer values are ignored. Keyrack's own have about 130 bytes.
const MAX_BYTES: usize = 256;
/// Maximum cookies of this name whose signature is checked: a neighbouring site can plant others.
const MAX_COOKIES: usize = 4;

/// The page of the second step, for a sign-in that leads to `next`.
pub(super) fn second_page(next: &str) -> String {
    location("/login/second", next)
}

/// The page of the first step.
pub(super) fn first_page(next: &str) -> String {
    location("/login", next)
}

fn location(path: &str, next: &str) -> String {
    if next.is_empty() {
        return path.to_owned();
    }
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish();
    format!("{path}?{query}")
}

/// A sign-in that waits, with what its form has asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WaitingSignIn {
    pub pending: PendingSignIn,
    /// "Keep me signed in"
    pub remember: bool,
}

/// Reads and writes the cookie.
#[derive(Clone)]
pub(crate) struct PendingSignIns {
    name: &'static str,
    secure: bool,
    signer: Signer,
}

impl PendingSignIns {
    pub fn new(secrets: &Secrets, public_url: &PublicUrl) -> Self {
        let secure = public_url.is_https();
        let name = if secure { "__Host-keyrack.second" } else { "keyrack.second" };
        Self { name, secure, signer: Signer::derived(secrets, "pending sign-in") }
    }

    pub(super) fn issue(&self, waiting: &WaitingSignIn, now: Timestamp) -> Cookie<'static> {
        let WaitingSignIn { pending, remember } = waiting;
        let parts = [
            pending.user.to_string(),
            pending.password_changed_at.as_micros().to_string(),
            u8::from(*remember).to_string(),
            u8::from(pending.has_breached_password).to_string(),
            pending.way_in.as_str().to_owned(),
            (now + LIFETIME).as_micros().to_string(),
        ];
        let text = parts.join(&SEPARATOR.to_string());
        let signature = self.signer.sign(text.as_bytes());
        self.build(format!("{text}{SEPARATOR}{signature}"), LIFETIME)
    }

    /// The sign-in of the request's cookie; `None` if it has none that is genuine and has not expired.
    pub(super) fn read(&self, headers: &HeaderMap, now: Timestamp) -> Option<WaitingSignIn> {
        cookie_values(headers, self.name).take(MAX_COOKIES).find_map(|value| self.open(value, now))
    }

    /// The cookie that removes it, once it was used.
    pub(super) fn removal(&self) -> Cookie<'static> {
        self.build(String::new(), Duration::ZERO)
    }

    fn open(&self, value: &[u8], now: Timestamp) -> Option<WaitingSignIn> {
        let value = std::str::from_utf8(value).ok().filter(|value| value.len() <= MAX_BYTES)?;
        let (text, signature) = value.rsplit_once(SEPARATOR)?;
        self.signer.verify(text.as_bytes(), signature)?;
        let parts: Vec<&str> = text.split(SEPARATOR).collect();
        let [user, changed_at, remember, breached, way_in, expiry] = parts[..] else { return None };
        Timestamp::parse_micros(expiry).filter(|expiry| now < *expiry)?;
        let pending = PendingSignIn {
            user: user.parse().ok()?,
            password_changed_at: Timestamp::parse_micros(changed_at)?,
            has_breached_password: breached == "1",
            way_in: WayIn::parse(way_in)?,
        };
        Some(WaitingSignIn { pending, remember: remember == "1" })
    }

    fn build(&self, value: String, max_age: Duration) -> Cookie<'static> {
        let max_age = time::Duration::seconds(i64::try_from(max_age.as_secs()).unwrap_or(i64::MAX));
        Cookie::build(self.name, value)
            .path(PATH)
            .http_only(true)
            .secure(self.secure)
            .same_site(SameSite::Lax)
            .max_age(max_age)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{COOKIE, HeaderValue};

    use super::*;
    use crate::sessions::UserId;

    const NOW: Timestamp = Timestamp::from_micros(1_769_600_000_000_000);

    fn cookies() -> PendingSignIns {
        PendingSignIns::new(&"second 7Qm2xV9rTb4K".parse().unwrap(), &PublicUrl::default())
    }

    fn waiting() -> WaitingSignIn {
        let pending = PendingSignIn {
            user: UserId::random(),
            password_changed_at: NOW - Duration::from_secs(4711),
            has_breached_password: true,
            way_in: WayIn::Reset(None),
        };
        WaitingSignIn { pending, remember: true }
    }

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(COOKIE, HeaderValue::from_str(&format!("keyrack.second={value}")).unwrap());
        }
        headers
    }

    #[test]
    fn waiting_sign_in_is_read_for_five_minutes() {
        let (cookies, waiting) = (cookies(), waiting());
        let issued = cookies.issue(&waiting, NOW);
        assert!(issued.value().len() < MAX_BYTES && issued.http_only() == Some(true), "{issued}");
        let headers = headers(&["planted", issued.value()]);
        assert_eq!(cookies.read(&headers, NOW + LIFETIME - Duration::from_micros(1)), Some(waiting));
        assert_eq!(cookies.read(&headers, NOW + LIFETIME), None);
    }

    #[test]
    fn forged_cookie_is_not_read() {
        let cookies = cookies();
        let value = cookies.issue(&waiting(), NOW).value().to_owned();
        for position in 0..value.len() - 1 {
            let mut bytes = value.clone().into_bytes();
            bytes[position] ^= 1;
            assert_eq!(cookies.open(&bytes, NOW), None, "byte {position}");
        }
        let other = PendingSignIns::new(&"second 8Qm2xV9rTb4K".parse().unwrap(), &PublicUrl::default());
        assert_eq!(other.open(value.as_bytes(), NOW), None);
        assert_eq!(cookies.open(b"", NOW), None);
    }
}
