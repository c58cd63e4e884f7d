//! The message after a redirect: what was just done, said once on the next page.
//!
//! It travels in a short-lived cookie as a word and a number or id, never as text: the page looks up what it says.

use actix_web::{
    cookie::{Cookie, SameSite, time::Duration},
    http::header::HeaderMap,
};

use super::cookie::cookie_pairs;
use crate::{config::PublicUrl, sessions::SessionId};

/// What was just done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    /// One session was revoked.
    Revoked(SessionId),
    /// All the others were.
    RevokedOthers(usize),
}

fn name(public_url: &PublicUrl) -> &'static str {
    if public_url.is_https() { "__Host-keyrack.done" } else { "keyrack.done" }
}

/// The cookie that carries the message to the next page.
pub(super) fn cookie(done: Done, public_url: &PublicUrl) -> Cookie<'static> {
    let value = match done {
        Done::Revoked(id) => format!("revoked.{id}"),
        Done::RevokedOthers(count) => format!("others.{count}"),
    };
    build(value, public_url, Duration::seconds(60))
}

/// The cookie that takes it away once it is said.
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

/// What the request carries, if it can be read.
pub(super) fn read(headers: &HeaderMap, public_url: &PublicUrl) -> Option<Done> {
    let wanted = name(public_url);
    let (_, value) = cookie_pairs(headers).find(|(name, _)| *name == wanted)?;
    match value.split_once('.')? {
        ("revoked", id) => id.parse().ok().map(Done::Revoked),
        ("others", count) => count.parse().ok().map(Done::RevokedOthers),
        _ => None,
    }
}
