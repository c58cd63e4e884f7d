//! The notice that the next page shows once after a change.
//!
//! A short-lived cookie carries it across the redirect, as a code and a number or id, never as text: the page looks up
//! the words, so a forged cookie can't put text onto it.

use actix_web::{
    cookie::{Cookie, SameSite, time::Duration},
    http::header::HeaderMap,
};

use super::cookie::cookie_pairs;
use crate::{config::PublicUrl, sessions::SessionId};

/// What has just been done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notice {
    /// This session was revoked.
    Revoked(SessionId),
    /// So many other sessions were revoked.
    RevokedOthers(usize),
}

fn name(public_url: &PublicUrl) -> &'static str {
    if public_url.is_https() { "__Host-keyrack.done" } else { "keyrack.done" }
}

/// The cookie that carries the notice to the next page.
pub(super) fn cookie(notice: Notice, public_url: &PublicUrl) -> Cookie<'static> {
    let value = match notice {
        Notice::Revoked(id) => format!("revoked.{id}"),
        Notice::RevokedOthers(count) => format!("others.{count}"),
    };
    build(value, public_url, Duration::seconds(60))
}

/// The cookie that removes the notice once it was shown.
pub(super) fn removal(public_url: &PublicUrl) -> Cookie<'static> {
    build(String::new(), public_url, Duration::ZERO)
}

fn build(value: String, public_url: &PublicUrl, max_age: Duration) -> Cookie<'static> {
    Cookie::build(name(public_url), value)
        .path("/")
        .http_only(true)
        .secure(public_url.is_https())
        .same_site(SameSite::Lax)
        .max_age(max_age)
        .finish()
}

/// The notice that the request carries, if it can be parsed.
pub(super) fn read(headers: &HeaderMap, public_url: &PublicUrl) -> Option<Notice> {
    let expected = name(public_url);
    let (_, value) = cookie_pairs(headers).find(|(name, _)| *name == expected)?;
    match value.split_once('.')? {
        ("revoked", id) => id.parse().ok().map(Notice::Revoked),
        ("others", count) => count.parse().ok().map(Notice::RevokedOthers),
        _ => None,
    }
}
