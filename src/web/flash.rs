//! The notice that the next page shows once after a change.
//!
//! A short-lived cookie carries it across the redirect, as a code and a number or id, never as text. It is signed for
//! the session that made the change: a cookie that another site has planted, or an older session has left, says
//! nothing. The notice about a form that was not handled, since its session was over, has no session to be signed for.

use actix_web::{
    cookie::{Cookie, SameSite, time::Duration},
    http::header::HeaderMap,
};

use super::{cookie::cookie_values, signing::Signer};
use crate::{
    clock::Timestamp,
    config::{PublicUrl, Secrets},
    sessions::SessionId,
};

/// What has just been done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notice {
    /// This session was revoked.
    Revoked(SessionId),
    /// So many selected sessions were revoked; `0` if none was selected.
    RevokedSelected(usize),
    /// This session was named, or its name removed.
    Renamed(SessionId),
    /// So many other sessions were revoked.
    RevokedOthers(usize),
    /// All other sessions were revoked, by a task that this request did not wait for.
    RevokedAllOthers,
    /// The user has proved who they are, but the change that waited for it was not made, since it had expired.
    ChangeExpired,
    /// The password was changed, and so many other sessions ended; `None` if they were kept.
    PasswordChanged(Option<usize>),
    /// The authenticator app was removed.
    SecondFactorRemoved,
    /// A code is asked for again on a browser, or on all.
    CodesAskedAgain,
    /// An authenticator app was not removed: what has proved the session is too new.
    RemovalTooSoon,
    /// The change of the address that was asked for was cancelled.
    EmailChangeCancelled,
    /// A passkey was added.
    PasskeyAdded,
    /// A passkey was renamed.
    PasskeyRenamed,
    /// A passkey was removed.
    PasskeyRemoved,
}

/// The first part of the value that says that a form was not handled. It is no session's id.
const UNMADE: &str = "unmade";

/// Separates the parts of the value. Neither UUIDs, numbers nor base64url contain it.
const SEPARATOR: char = '.';

/// Longer values are ignored. Keyrack's own have about 90 bytes.
const MAX_VALUE_BYTES: usize = 256;

/// How long the redirect may take.
const LIFETIME: Duration = Duration::seconds(60);

/// How long the sign-in may take after a form that was not handled.
const SIGN_IN_LIFETIME: Duration = Duration::minutes(10);

/// Writes and reads the cookie.
#[derive(Clone)]
pub(crate) struct Flash {
    signer: Signer,
    name: &'static str,
    secure: bool,
}

impl Flash {
    pub fn new(secrets: &Secrets, public_url: &PublicUrl) -> Self {
        let secure = public_url.is_https();
        let name = if secure { "__Host-keyrack.done" } else { "keyrack.done" };
        Self { signer: Signer::derived(secrets, "flash"), name, secure }
    }

    /// The cookie that carries the notice to the next page of this session.
    pub(super) fn cookie(&self, session: SessionId, notice: Notice) -> Cookie<'static> {
        let code = match notice {
            Notice::Revoked(id) => format!("revoked.{id}"),
            Notice::RevokedSelected(count) => format!("selected.{count}"),
            Notice::Renamed(id) => format!("renamed.{id}"),
            Notice::RevokedOthers(count) => format!("others.{count}"),
            Notice::RevokedAllOthers => "others.all".to_owned(),
            Notice::ChangeExpired => "change.expired".to_owned(),
            Notice::RemovalTooSoon => "factor.kept".to_owned(),
            Notice::EmailChangeCancelled => "email.cancelled".to_owned(),
            Notice::PasskeyAdded => "passkey.added".to_owned(),
            Notice::PasskeyRenamed => "passkey.renamed".to_owned(),
            Notice::PasskeyRemoved => "passkey.removed".to_owned(),
            Notice::PasswordChanged(None) => "password.kept".to_owned(),
            Notice::SecondFactorRemoved => "factor.removed".to_owned(),
            Notice::CodesAskedAgain => "factor.asked".to_owned(),
            Notice::PasswordChanged(Some(count)) => format!("password.{count}"),
        };
        let signature = self.signer.sign(message(session, &code).as_bytes());
        self.build(format!("{code}{SEPARATOR}{signature}"), LIFETIME)
    }

    /// The cookie that tells after a sign-in that a form was not handled. There is no session yet that it could be
    /// signed for, so it is good for a limited time: who plants one can say no more than that, and for no longer.
    pub(super) fn unmade_change(&self, now: Timestamp) -> Cookie<'static> {
        let code = format!("{UNMADE}{SEPARATOR}{}", (now + SIGN_IN_LIFETIME.unsigned_abs()).as_micros());
        let signature = self.signer.sign(code.as_bytes());
        self.build(format!("{code}{SEPARATOR}{signature}"), SIGN_IN_LIFETIME)
    }

    /// Whether the request carries the notice about a form that was not handled.
    pub(super) fn has_unmade_change(&self, headers: &HeaderMap, now: Timestamp) -> bool {
        cookie_values(headers, self.name).any(|value| self.unmade_until(value).is_some_and(|until| now < until))
    }

    /// The cookie that removes the notice once it was shown.
    pub(super) fn removal(&self) -> Cookie<'static> {
        self.build(String::new(), Duration::ZERO)
    }

    /// The notice for this session that the request carries.
    pub(super) fn read(&self, session: SessionId, headers: &HeaderMap) -> Option<Notice> {
        cookie_values(headers, self.name).find_map(|value| self.open(session, value))
    }

    /// Whether the request carries a notice, genuine or not.
    pub(super) fn is_present(&self, headers: &HeaderMap) -> bool {
        cookie_values(headers, self.name).next().is_some()
    }

    fn open(&self, session: SessionId, value: &[u8]) -> Option<Notice> {
        let value = std::str::from_utf8(value).ok().filter(|value| value.len() <= MAX_VALUE_BYTES)?;
        let (code, signature) = value.rsplit_once(SEPARATOR)?;
        self.signer.verify(message(session, code).as_bytes(), signature)?;
        match code.split_once(SEPARATOR)? {
            ("revoked", id) => id.parse().ok().map(Notice::Revoked),
            ("selected", count) => count.parse().ok().map(Notice::RevokedSelected),
            ("renamed", id) => id.parse().ok().map(Notice::Renamed),
            ("others", "all") => Some(Notice::RevokedAllOthers),
            ("change", "expired") => Some(Notice::ChangeExpired),
            ("factor", "removed") => Some(Notice::SecondFactorRemoved),
            ("factor", "asked") => Some(Notice::CodesAskedAgain),
            ("factor", "kept") => Some(Notice::RemovalTooSoon),
            ("email", "cancelled") => Some(Notice::EmailChangeCancelled),
            ("passkey", "added") => Some(Notice::PasskeyAdded),
            ("passkey", "renamed") => Some(Notice::PasskeyRenamed),
            ("passkey", "removed") => Some(Notice::PasskeyRemoved),
            ("password", "kept") => Some(Notice::PasswordChanged(None)),
            ("password", count) => count.parse().ok().map(|count| Notice::PasswordChanged(Some(count))),
            ("others", count) => count.parse().ok().map(Notice::RevokedOthers),
            _ => None,
        }
    }

    /// Until when a genuine value says that a form was not handled.
    fn unmade_until(&self, value: &[u8]) -> Option<Timestamp> {
        let value = std::str::from_utf8(value).ok().filter(|value| value.len() <= MAX_VALUE_BYTES)?;
        let (code, signature) = value.rsplit_once(SEPARATOR)?;
        self.signer.verify(code.as_bytes(), signature)?;
        let expiry = code.strip_prefix(UNMADE)?.strip_prefix(SEPARATOR)?;
        Timestamp::parse_micros(expiry)
    }

    fn build(&self, value: String, max_age: Duration) -> Cookie<'static> {
        Cookie::build(self.name, value)
            .path("/")
            .http_only(true)
            .secure(self.secure)
            .same_site(SameSite::Lax)
            .max_age(max_age)
            .finish()
    }
}

fn message(session: SessionId, code: &str) -> String {
    format!("{session}{SEPARATOR}{code}")
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{COOKIE, HeaderValue};

    use super::*;

    fn headers(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_str(&format!("a=1; keyrack.done={value}")).unwrap());
        headers
    }

    #[test]
    fn notice_is_read_by_its_own_session_only() {
        let flash = Flash::new(&"flash 7Qm2xV9rTb4K".parse().unwrap(), &PublicUrl::default());
        let (session, other) = (SessionId::random(), SessionId::random());
        for notice in [
            Notice::Revoked(other),
            Notice::RevokedSelected(2),
            Notice::Renamed(other),
            Notice::RevokedOthers(60_000),
            Notice::RevokedAllOthers,
            Notice::ChangeExpired,
            Notice::EmailChangeCancelled,
            Notice::PasswordChanged(None),
            Notice::PasswordChanged(Some(3)),
        ] {
            let value = flash.cookie(session, notice).value().to_owned();
            assert_eq!(flash.read(session, &headers(&value)), Some(notice));
            assert_eq!(flash.read(other, &headers(&value)), None);
            assert_eq!(flash.read(session, &headers(&format!("{value}A"))), None);
        }
    }

    #[test]
    fn notice_of_unmade_change_is_read_until_it_expires() {
        let flash = Flash::new(&"flash 7Qm2xV9rTb4K".parse().unwrap(), &PublicUrl::default());
        let (now, session) = (Timestamp::from_micros(1_769_600_000_000_000), SessionId::random());
        let value = flash.unmade_change(now).value().to_owned();
        let end = now + SIGN_IN_LIFETIME.unsigned_abs();
        let has = |value: &str, at| flash.has_unmade_change(&headers(value), at);
        assert!(has(&value, now) && has(&value, end - std::time::Duration::from_micros(1)));
        assert!(!has(&value, end));
        let later = value.replacen("unmade.1", "unmade.2", 1);
        let of_session = flash.cookie(session, Notice::RevokedAllOthers).value().to_owned();
        for other in [later.as_str(), &format!("{value}A"), &of_session, "unmade", "unmade.", "unmade.9.x", ""] {
            assert!(!has(other, now), "{other}");
        }
        assert_eq!(flash.read(session, &headers(&value)), None);
    }

    #[test]
    fn forged_notice_is_ignored() {
        let flash = Flash::new(&"flash 7Qm2xV9rTb4K".parse().unwrap(), &PublicUrl::default());
        let session = SessionId::random();
        let value = flash.cookie(session, Notice::RevokedOthers(1)).value().to_owned();
        let raised = value.replace("others.1.", "others.18446744073709551615.");
        let unsigned = format!("revoked.{session}");
        let long = "x".repeat(1000);
        for forged in [raised.as_str(), "others.18446744073709551615", "others.3", &unsigned, "", ".", "..", &long] {
            assert_eq!(flash.read(session, &headers(forged)), None, "{forged}");
        }
        assert_eq!(
            flash.read(session, &headers(&format!("others.3; keyrack.done={value}"))),
            Some(Notice::RevokedOthers(1))
        );
    }
}
