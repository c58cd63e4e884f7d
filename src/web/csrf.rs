//! Protection against cross-site request forgery (ASVS 3.5).
//!
//! Two defences, each enough by itself: a token in every form, bound to the session's sid or, before sign-in, to the
//! visitor's random cookie; and the origin that the browser reports in `Sec-Fetch-Site` or `Origin`.

use actix_web::{
    cookie::{Cookie, SameSite},
    http::header::{HOST, HeaderMap, HeaderName, ORIGIN},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

use super::{cookie::cookie_values, signing::Signer};
use crate::{
    config::{PublicUrl, Secrets},
    error::{Error, Result},
    events::EventCause,
    sessions::Sid,
};

/// Makes and verifies CSRF tokens.
#[derive(Clone)]
pub struct Csrf {
    signer: Signer,
    public_url: PublicUrl,
    cookie_name: &'static str,
}

/// Why a form was refused. Nothing was changed by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FormRefusal {
    /// Another site sent it.
    #[error("the form comes from another origin")]
    ForeignOrigin,
    /// The page was opened at the request's own host, but not at the public URL, which has https. Browsers keep the
    /// cookies for https.
    #[error("the page was opened over http, but the public URL has https: cookies are sent over https only")]
    NotOverHttps,
    /// The browser blocks cookies, or does not send them to this address.
    #[error("no cookie came back with the form: the browser blocks cookies, or was not at the public URL")]
    NoCookie,
    /// Another server set the cookie, or this one before its secrets changed.
    #[error("the form's cookie was signed with other secrets: all instances need the same ones")]
    UnknownCookie,
    /// There are two cookies, one of which may have been planted by a neighbouring site.
    #[error("two cookies for forms came back, one of them from another site of the domain")]
    TwoCookies,
    /// The token is missing, or belongs to another session or visitor.
    #[error("the form's token is missing, or belongs to another session or visitor")]
    WrongToken,
    /// The token belongs to this session, under a sid that it no longer has.
    #[error("the form was opened before its session got a new sid, by a proof, a new password or another sign-in")]
    FormerSid,
}

impl FormRefusal {
    /// The cause in the detail of its event.
    pub(super) fn cause(self) -> EventCause {
        match self {
            Self::ForeignOrigin => EventCause::ForeignOrigin,
            Self::NotOverHttps => EventCause::NotOverHttps,
            Self::NoCookie => EventCause::NoCookie,
            Self::UnknownCookie => EventCause::UnknownCookie,
            Self::TwoCookies => EventCause::TwoCookies,
            Self::WrongToken => EventCause::WrongToken,
            Self::FormerSid => EventCause::FormerSid,
        }
    }
}

/// Longer cookies are ignored. Keyrack's own have about 70 bytes.
const MAX_VALUE_BYTES: usize = 256;

/// Separates the parts of a token; base64url does not contain it.
const SEPARATOR: &str = ".";

/// Stands in the place of the salt in tokens that have none. Random salts have 22 characters.
const UNSALTED: &str = "unsalted";

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
        if let Ok(visitor) = self.visitor(headers) {
            return Ok((self.make(Binding::Visitor(&visitor))?, None));
        }
        let visitor = random()?;
        let signature = self.signer.sign_parts(&Binding::Cookie(&visitor).parts());
        let cookie = Cookie::build(self.cookie_name, format!("{visitor}{SEPARATOR}{signature}"))
            .path("/")
            .http_only(true)
            .secure(self.public_url.is_https())
            .same_site(SameSite::Lax)
            .finish();
        Ok((self.make(Binding::Visitor(&visitor))?, Some(cookie)))
    }

    /// What ties a request to its browser as the token of a form does: the visitor's cookie, or else this session; `None` if
    /// it has neither.
    pub(super) fn binding(&self, session: Option<&Sid>, headers: &HeaderMap) -> Option<String> {
        let visitor = self.visitor(headers).map(|visitor| format!("visitor:{visitor}"));
        visitor.ok().or_else(|| session.map(|sid| format!("session:{}", sid.expose())))
    }

    /// A token for the forms of a page of this session.
    pub(super) fn session_token(&self, sid: &Sid) -> Result<String> {
        self.make(Binding::Session(sid))
    }

    /// A token of this session that is the same each time, for responses that repeat nothing of the request: BREACH
    /// can't guess it there. It costs `GET /api/session` one HMAC, half a microsecond; random bytes for a salt would cost
    /// as much again.
    pub(super) fn unsalted_token(&self, sid: &Sid) -> String {
        self.make_with(UNSALTED, Binding::Session(sid))
    }

    /// Rejects a change unless the token belongs to this session, or to this visitor if there is none, and the request
    /// comes from this origin.
    pub(super) fn verify(&self, session: Option<&Sid>, headers: &HeaderMap, token: &str) -> Result<(), FormRefusal> {
        self.check_origin(headers)?;
        let is_genuine = match session {
            Some(sid) => self.is_genuine(Binding::Session(sid), token),
            None => self.is_genuine(Binding::Visitor(&self.visitor(headers)?), token),
        };
        if is_genuine { Ok(()) } else { Err(FormRefusal::WrongToken) }
    }

    /// Like [`Csrf::verify`], for the sign-in form: it may have been opened before another tab signed in, so the
    /// visitor's token is accepted even if there is a session now. Returns the random part of the visitor's cookie, if the
    /// token belongs to a visitor.
    pub(super) fn verify_sign_in(
        &self,
        session: Option<&Sid>,
        headers: &HeaderMap,
        token: &str,
    ) -> Result<Option<String>, FormRefusal> {
        match self.verify(None, headers, token) {
            Ok(()) => Ok(self.visitor(headers).ok()),
            Err(_) if session.is_some() => self.verify(session, headers, token).map(|()| None),
            Err(refusal) => Err(refusal),
        }
    }

    /// The one of these sids that a token belongs to, in a request that comes from this origin.
    pub(super) fn find_sid(&self, sids: Vec<Sid>, headers: &HeaderMap, token: &str) -> Option<Sid> {
        sids.into_iter().find(|sid| self.verify(Some(sid), headers, token).is_ok())
    }

    /// Whether the request comes from this origin, or from a client that is not a browser.
    pub(super) fn is_own_origin(&self, headers: &HeaderMap) -> bool {
        self.check_origin(headers).is_ok()
    }

    /// Each token has its own salt, so that a compressing proxy does not reveal it (BREACH).
    fn make(&self, binding: Binding<'_>) -> Result<String> {
        Ok(self.make_with(&random()?, binding))
    }

    fn make_with(&self, salt: &str, binding: Binding<'_>) -> String {
        let signature = self.signer.sign_parts(&salted(salt, binding));
        [salt, SEPARATOR, &signature].concat()
    }

    fn is_genuine(&self, binding: Binding<'_>, token: &str) -> bool {
        token
            .split_once(SEPARATOR)
            .is_some_and(|(salt, signature)| self.signer.verify_parts(&salted(salt, binding), signature).is_some())
    }

    /// The random part of the visitor's cookie. A cookie of the same name that was not signed here is ignored; of two
    /// that were, one may be planted, so neither counts.
    fn visitor(&self, headers: &HeaderMap) -> Result<String, FormRefusal> {
        let mut refusal = FormRefusal::NoCookie;
        let mut found = None;
        for value in cookie_values(headers, self.cookie_name) {
            match self.open(value) {
                Some(visitor) if found.is_some_and(|found| found != visitor) => return Err(FormRefusal::TwoCookies),
                Some(visitor) => found = Some(visitor),
                None => refusal = FormRefusal::UnknownCookie,
            }
        }
        found.map(str::to_owned).ok_or(refusal)
    }

    fn open<'a>(&self, value: &'a [u8]) -> Option<&'a str> {
        let value = std::str::from_utf8(value).ok().filter(|value| value.len() <= MAX_VALUE_BYTES)?;
        let (visitor, signature) = value.split_once(SEPARATOR)?;
        self.signer.verify_parts(&Binding::Cookie(visitor).parts(), signature).map(|_| visitor)
    }

    /// Browsers set `Sec-Fetch-Site` themselves; pages can't forge it. Older browsers, and all browsers on plain HTTP,
    /// only send `Origin`. A client that sends neither is not a browser, so no other site can have sent the request
    /// with its cookies.
    fn check_origin(&self, headers: &HeaderMap) -> Result<(), FormRefusal> {
        let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("invalid"));
        match (text(HeaderName::from_static("sec-fetch-site")), text(ORIGIN)) {
            (Some("same-origin" | "none"), _) | (None, None) => Ok(()),
            (None, Some(origin)) => self.check_own_origin(origin, text(HOST)),
            (Some(_), _) => Err(FormRefusal::ForeignOrigin),
        }
    }

    /// Accepts the public URL's origin and that of the request's `Host`; a page of another site can choose neither. If
    /// the public URL has https, an origin without it is another one.
    fn check_own_origin(&self, origin: &str, host: Option<&str>) -> Result<(), FormRefusal> {
        let (scheme, authority) = origin.split_once("://").ok_or(FormRefusal::ForeignOrigin)?;
        let is_host = host.is_some_and(|host| host.eq_ignore_ascii_case(authority));
        if origin.eq_ignore_ascii_case(&self.public_url.to_string()) {
            Ok(())
        } else if !is_host {
            Err(FormRefusal::ForeignOrigin)
        } else if scheme == "https" || !self.public_url.is_https() {
            Ok(())
        } else {
            Err(FormRefusal::NotOverHttps)
        }
    }
}

/// What a signature is bound to.
#[derive(Clone, Copy)]
enum Binding<'a> {
    Session(&'a Sid),
    /// The random part of a visitor's cookie, for a token.
    Visitor(&'a str),
    /// The same, for the cookie itself.
    Cookie(&'a str),
}

impl<'a> Binding<'a> {
    /// The signed message: the kind of binding, and the secret.
    fn parts(self) -> [&'a [u8]; 2] {
        let (kind, secret) = match self {
            Self::Session(sid) => ("session:", sid.expose()),
            Self::Visitor(visitor) => ("visitor:", visitor),
            Self::Cookie(visitor) => ("cookie:", visitor),
        };
        [kind.as_bytes(), secret.as_bytes()]
    }
}

/// The signed message of a token.
fn salted<'a>(salt: &'a str, binding: Binding<'a>) -> [&'a [u8]; 4] {
    let [kind, secret] = binding.parts();
    [salt.as_bytes(), SEPARATOR.as_bytes(), kind, secret]
}

fn random() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(Error::internal)?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}
