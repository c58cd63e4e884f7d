//! Protection against cross-site request forgery (ASVS 3.5).
//!
//! Two defences, each enough by itself: a token in every form, bound to the session's sid or, before sign-in, to the
//! visitor's random cookie; and the origin that the browser reports in `Sec-Fetch-Site` or `Origin`.

use actix_web::{
    cookie::{Cookie, SameSite},
    http::header::{HeaderMap, HeaderName, ORIGIN},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

use super::{cookie::cookie_pairs, errors::WebError, signing::Signer};
use crate::{
    config::{PublicUrl, Secrets},
    error::{Error, Result},
    sessions::Sid,
};

/// Makes and verifies CSRF tokens.
#[derive(Clone)]
pub struct Csrf {
    signer: Signer,
    public_url: PublicUrl,
    cookie_name: &'static str,
}

/// Separates the parts of a token; base64url does not contain it.
const SEPARATOR: char = '.';

impl Csrf {
    pub(crate) fn new(secrets: &Secrets, public_url: &PublicUrl) -> Self {
        let cookie_name = if public_url.is_https() { "__Host-keyrack.csrf" } else { "keyrack.csrf" };
        Self { signer: Signer::derived(secrets, "csrf"), public_url: public_url.clone(), cookie_name }
    }

    /// A token for the forms of a page: of this session, or of this visitor. A new visitor also gets a cookie.
    pub(super) fn token(
        &self,
        session: Option<&Sid>,
        headers: &HeaderMap,
    ) -> Result<(String, Option<Cookie<'static>>)> {
        if let Some(sid) = session {
            return Ok((self.session_token(sid)?, None));
        }
        if let Some(visitor) = self.visitor(headers) {
            return Ok((self.make(&binding("visitor", &visitor))?, None));
        }
        let visitor = random()?;
        let signature = self.signer.sign(binding("cookie", &visitor).as_bytes());
        let cookie = Cookie::build(self.cookie_name, format!("{visitor}{SEPARATOR}{signature}"))
            .path("/")
            .http_only(true)
            .secure(self.public_url.is_https())
            .same_site(SameSite::Lax)
            .finish();
        Ok((self.make(&binding("visitor", &visitor))?, Some(cookie)))
    }

    /// A token for the forms of a page of this session.
    pub(super) fn session_token(&self, sid: &Sid) -> Result<String> {
        self.make(&binding("session", sid.expose()))
    }

    /// Rejects a change unless the token belongs to this session, or to this visitor if there is none, and the request
    /// comes from this origin.
    pub(super) fn verify(&self, session: Option<&Sid>, headers: &HeaderMap, token: &str) -> Result<(), WebError> {
        let bound = match session {
            Some(sid) => Some(binding("session", sid.expose())),
            None => self.visitor(headers).map(|visitor| binding("visitor", &visitor)),
        };
        let genuine = bound.is_some_and(|binding| self.is_genuine(&binding, token));
        if genuine && self.is_same_origin(headers) { Ok(()) } else { Err(WebError::InvalidCsrfToken) }
    }

    /// Like [`Csrf::verify`], for the sign-in form: it may have been opened before another tab signed in, so the
    /// visitor's token is accepted even if there is a session now.
    pub(super) fn verify_sign_in(
        &self,
        session: Option<&Sid>,
        headers: &HeaderMap,
        token: &str,
    ) -> Result<(), WebError> {
        let visitor = self.visitor(headers).map(|visitor| binding("visitor", &visitor));
        if visitor.is_some_and(|binding| self.is_genuine(&binding, token)) && self.is_same_origin(headers) {
            return Ok(());
        }
        self.verify(session, headers, token)
    }

    /// Each token has its own salt, so that a compressing proxy does not reveal it (BREACH).
    fn make(&self, binding: &str) -> Result<String> {
        let salt = random()?;
        let signature = self.signer.sign(format!("{salt}{SEPARATOR}{binding}").as_bytes());
        Ok(format!("{salt}{SEPARATOR}{signature}"))
    }

    fn is_genuine(&self, binding: &str, token: &str) -> bool {
        token.split_once(SEPARATOR).is_some_and(|(salt, signature)| {
            self.signer.verify(format!("{salt}{SEPARATOR}{binding}").as_bytes(), signature).is_some()
        })
    }

    /// The random part of the visitor's cookie, if that was signed here.
    fn visitor(&self, headers: &HeaderMap) -> Option<String> {
        let mut values = cookie_pairs(headers).filter(|(name, _)| *name == self.cookie_name).map(|(_, value)| value);
        let value = values.next().filter(|value| value.len() < 256)?;
        let (visitor, signature) = value.split_once(SEPARATOR)?;
        self.signer.verify(binding("cookie", visitor).as_bytes(), signature)?;
        if values.next().is_none() { Some(visitor.to_owned()) } else { None }
    }

    /// Browsers set `Sec-Fetch-Site` themselves; pages can't forge it. Older browsers, and all browsers on plain HTTP,
    /// only send `Origin`. A client that sends neither is not a browser, so no other site can have sent the request
    /// with its cookies.
    fn is_same_origin(&self, headers: &HeaderMap) -> bool {
        let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("invalid"));
        match text(HeaderName::from_static("sec-fetch-site")) {
            Some(site) => matches!(site, "same-origin" | "none"),
            None => text(ORIGIN).is_none_or(|origin| self.is_own_origin(origin, text(HeaderName::from_static("host")))),
        }
    }

    /// Whether this is the public URL's origin or that of the request's `Host`; a page of another site can choose
    /// neither. If the public URL has https, an origin without it is another one.
    fn is_own_origin(&self, origin: &str, host: Option<&str>) -> bool {
        let Some((scheme, authority)) = origin.split_once("://") else { return false };
        let is_host = host.is_some_and(|host| host.eq_ignore_ascii_case(authority));
        origin.eq_ignore_ascii_case(&self.public_url.to_string())
            || (is_host && (scheme == "https" || !self.public_url.is_https()))
    }
}

fn binding(kind: &str, secret: &str) -> String {
    format!("{kind}:{secret}")
}

fn random() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(Error::internal)?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}
