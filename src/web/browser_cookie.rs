//! The cookie of known browsers: a random id for each account that signed in on the browser.
//!
//! It lets no one in. It gives the browser a budget of failed sign-ins of its own, which strangers can't use up.

use actix_web::{
    cookie::{Cookie, SameSite, time},
    http::header::HeaderMap,
};

use super::{cookie::cookie_values, signing::Signer};
use crate::{
    accounts::{BROWSER_LIFETIME, BrowserId},
    config::{PublicUrl, Secrets},
};

/// Accounts that one browser is remembered for; beyond it, the one that signed in least recently is dropped.
const MAX_ACCOUNTS: usize = 5;
/// Maximum cookies of this name whose signature is checked. Over http, a neighbouring site can plant others, which must
/// not make the browser unknown.
const MAX_COOKIES: usize = 16;
/// Separates the ids and the signature; base64url does not contain it.
const SEPARATOR: char = '.';

/// Reads and writes the cookie of known browsers.
#[derive(Clone)]
pub(crate) struct BrowserCookie {
    name: &'static str,
    secure: bool,
    signer: Signer,
}

impl BrowserCookie {
    pub fn new(public_url: &PublicUrl, secrets: &Secrets) -> Self {
        let secure = public_url.is_https();
        let name = if secure { "__Host-keyrack.browser" } else { "keyrack.browser" };
        Self { name, secure, signer: Signer::derived(secrets, "browser") }
    }

    /// Reads the ids of cookies whose signature is valid, the last one that signed in first.
    pub(super) fn read(&self, headers: &HeaderMap) -> Vec<BrowserId> {
        let mut presented = Vec::new();
        let values = cookie_values(headers, self.name).take(MAX_COOKIES);
        for id in values.filter_map(|value| self.open(value)).flatten() {
            if !presented.contains(&id) {
                presented.push(id);
            }
        }
        presented
    }

    fn open(&self, value: &[u8]) -> Option<Vec<BrowserId>> {
        let (ids, signature) = std::str::from_utf8(value).ok()?.rsplit_once(SEPARATOR)?;
        if ids.len() > (BrowserId::LENGTH + 1) * MAX_ACCOUNTS {
            return None;
        }
        self.signer.verify(ids.as_bytes(), signature)?;
        Some(ids.split(SEPARATOR).filter_map(BrowserId::from_trusted).collect())
    }

    /// The cookie after a sign-in: the id of its account, then those of the other accounts.
    pub(super) fn issue(&self, latest: Option<&BrowserId>, presented: &[BrowserId]) -> Cookie<'static> {
        let others = presented.iter().filter(|id| Some(*id) != latest);
        let ids: Vec<&str> = latest.into_iter().chain(others).take(MAX_ACCOUNTS).map(BrowserId::expose).collect();
        let ids = ids.join(&SEPARATOR.to_string());
        let signature = self.signer.sign(ids.as_bytes());
        let lifetime = time::Duration::seconds(i64::try_from(BROWSER_LIFETIME.as_secs()).unwrap_or(i64::MAX));
        Cookie::build(self.name, format!("{ids}{SEPARATOR}{signature}"))
            .path("/")
            .http_only(true)
            .secure(self.secure)
            .same_site(SameSite::Lax)
            .max_age(lifetime)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{COOKIE, HeaderValue};

    use super::*;

    fn cookie(secrets: &str) -> BrowserCookie {
        BrowserCookie::new(&PublicUrl::default(), &secrets.parse().unwrap())
    }

    fn id(letter: char) -> BrowserId {
        BrowserId::from_trusted(&letter.to_string().repeat(BrowserId::LENGTH)).unwrap()
    }

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(COOKIE, HeaderValue::from_str(&format!("keyrack.browser={value}")).unwrap());
        }
        headers
    }

    #[test]
    fn latest_account_comes_first_and_the_sixth_is_dropped() {
        let cookie = cookie("the newest secret of all");
        let mut presented = Vec::new();
        for letter in ['a', 'b', 'c', 'd', 'e', 'f', 'b'] {
            let issued = cookie.issue(Some(&id(letter)), &presented);
            presented = cookie.read(&headers(&[issued.value()]));
        }
        assert_eq!(presented, ['b', 'f', 'e', 'd', 'c'].map(id));
    }

    #[test]
    fn flipped_byte_or_foreign_signature_makes_the_browser_unknown() {
        let cookie = cookie("the newest secret of all");
        let value = cookie.issue(Some(&id('a')), &[id('b')]).value().to_owned();
        for position in 0..value.len() {
            let mut bytes = value.clone().into_bytes();
            bytes[position] ^= 1;
            let changed = String::from_utf8(bytes).unwrap();
            // The last character of the signature has bits that base64 ignores or rejects.
            if position < value.len() - 1 {
                assert_eq!(cookie.read(&headers(&[&changed])), [], "{changed}");
            }
        }
        let bare = format!("{}.", id('a').expose());
        for value in ["", ".", "..", &bare, &"a".repeat(5000)] {
            assert_eq!(cookie.read(&headers(&[value])), [], "{value}");
        }
    }

    #[test]
    fn older_secret_verifies_and_other_purposes_do_not() {
        let old = cookie("the older secret of all").issue(Some(&id('a')), &[]);
        let both = cookie("the newest secret of all,the older secret of all");
        let expected = vec![id('a')];
        assert_eq!(both.read(&headers(&[old.value()])), expected);
        let ids = id('a');
        let signer = Signer::derived(&"the newest secret of all".parse().unwrap(), "csrf");
        let other = format!("{}.{}", ids.expose(), signer.sign(ids.expose().as_bytes()));
        assert_eq!(both.read(&headers(&[&other])), []);
    }

    #[test]
    fn planted_cookie_does_not_hide_the_genuine_one() {
        let cookie = cookie("the newest secret of all");
        let genuine = cookie.issue(Some(&id('a')), &[]);
        let other = cookie.issue(Some(&id('b')), &[]);
        assert_eq!(cookie.read(&headers(&["a", "b", "c", "planted", genuine.value()])), [id('a')]);
        assert_eq!(cookie.read(&headers(&[other.value(), genuine.value()])), ['b', 'a'].map(id));
    }
}
