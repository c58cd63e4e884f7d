//! The document `sess`: reading and writing its keys.

use std::{borrow::Cow, time::Duration};

use indexmap::IndexMap;
use serde_json::{Value, json, value::RawValue, value::to_raw_value};

use super::cookie::{self, CookieAttributes};
use crate::{
    db::{UserId, schema::types::Json},
    sessions::model::User,
};

/// The keys that only a sign-in writes. Applications may read them, except `cookie`.
pub(super) const KEYRACK_KEYS: [&str; 5] = ["cookie", "userId", "email", "role", "status"];

/// What the data of a session is checked against.
#[derive(Debug, Clone, Copy)]
pub(in crate::sessions) struct SessionOwner {
    pub user: UserId,
    /// Whether the user must change the password before the session is good for anything else.
    pub must_change_password: bool,
}

/// The document `sess`.
#[derive(Debug, Clone)]
pub struct SessionData(pub(super) IndexMap<String, Box<RawValue>>);

impl SessionData {
    /// The data of a new session.
    pub(in crate::sessions) fn for_sign_in(user: &User, cookie: &CookieAttributes) -> Self {
        let mut data = Self(IndexMap::new());
        data.sign_in(user, cookie);
        data
    }

    /// The data of a new session whose user must change the password first. It names no user, so that neither a peer
    /// nor a handler takes the session for a signed-in one.
    pub(in crate::sessions) fn for_password_change(cookie: &CookieAttributes) -> Self {
        let mut data = Self(IndexMap::new());
        data.set(KEYRACK_KEYS[0], &cookie.to_value());
        data
    }

    /// Names the user of a session whose password was changed.
    pub(in crate::sessions) fn name_user(&mut self, user: &User) {
        let values = [json!(user.id), json!(user.email), json!(user.role), json!("login")];
        for (key, value) in KEYRACK_KEYS.into_iter().skip(1).zip(values) {
            self.set(key, &value);
        }
    }

    /// Writes Keyrack's keys, and leaves the application's unchanged.
    pub(in crate::sessions) fn sign_in(&mut self, user: &User, cookie: &CookieAttributes) {
        self.set(KEYRACK_KEYS[0], &cookie.to_value());
        self.name_user(user);
    }

    /// Marks data that is kept after the session's end, so that no request is signed in by it.
    pub(in crate::sessions) fn sign_out(&mut self) {
        self.set("status", &json!("logout"));
    }

    fn set(&mut self, key: &str, value: &Value) {
        if let Ok(raw) = to_raw_value(value) {
            self.0.insert(key.to_owned(), raw);
        }
    }

    /// Parses the column. `None` if it is not a JSON object: the row belongs to another program, or is broken. A JSON
    /// string is parsed once more, as connect-pg-simple does.
    pub(in crate::sessions) fn parse(json: &Json) -> Option<Self> {
        if json.0.trim_start().starts_with('"') {
            let inner: String = serde_json::from_str(&json.0).ok()?;
            return serde_json::from_str(&inner).ok().map(Self);
        }
        serde_json::from_str(&json.0).ok().map(Self)
    }

    /// Parses the column of a session. `None` if it is not an object, or does not belong to such a session.
    pub(in crate::sessions) fn parse_of(owner: SessionOwner, json: &Json) -> Option<Self> {
        Self::parse(json).filter(|data| data.belongs_to(owner))
    }

    /// Whether the data is that of such a session: it names the user and is not signed out, or names no user while the
    /// password must be changed.
    pub(in crate::sessions) fn belongs_to(&self, owner: SessionOwner) -> bool {
        self.is_of(owner.user) || (owner.must_change_password && self.json_of("userId").is_none())
    }

    /// Whether the data names this user and is not signed out.
    pub(in crate::sessions) fn is_of(&self, user: UserId) -> bool {
        let is_signed_out = self.text_of("status").is_some_and(|status| status == "logout");
        self.user_id().is_some_and(|id| id.eq_ignore_ascii_case(&user.to_string())) && !is_signed_out
    }

    /// The text for the column.
    pub(in crate::sessions) fn to_json(&self) -> Json {
        Json(serde_json::to_string(&self.0).unwrap_or_default())
    }

    /// The user that the data names; `None` for a number, which is never an id of Keyrack.
    pub(in crate::sessions) fn user_id(&self) -> Option<Cow<'_, str>> {
        self.text_of("userId")
    }

    /// The idle timeout of an Express peer's session, if its cookie has one.
    pub(in crate::sessions) fn max_age(&self) -> Option<Duration> {
        cookie::max_age(self.0.get("cookie")?)
    }

    /// Repairs a `cookie` that express-session would fail on. Returns whether it was broken.
    pub(in crate::sessions) fn repair_cookie(&mut self, attributes: &CookieAttributes) -> bool {
        let repaired = cookie::repaired(self.0.get("cookie").map(AsRef::as_ref), attributes);
        repaired.inspect(|cookie| self.set("cookie", cookie)).is_some()
    }

    /// The keys that requests see, each with the JSON text of its value: all except `cookie`, which describes the
    /// cookie.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values().map(|(key, value)| (key, value.get()))
    }

    /// The same keys, each with its value as raw JSON.
    pub(crate) fn values(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        self.0.iter().filter(|(key, _)| *key != "cookie").map(|(key, value)| (key.as_str(), value.as_ref()))
    }

    /// The JSON text of one value.
    pub fn json_of(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(|value| value.get())
    }

    /// One value, if it is a string.
    fn text_of(&self, key: &str) -> Option<Cow<'_, str>> {
        let json = self.json_of(key)?;
        match json.strip_prefix('"')?.strip_suffix('"') {
            Some(text) if !text.contains('\\') => Some(Cow::Borrowed(text)),
            _ => serde_json::from_str(json).ok().map(Cow::Owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: &str = "550e8400-e29b-41d4-a716-446655440000";

    fn parse(text: &str) -> Option<SessionData> {
        SessionData::parse(&Json(text.to_owned()))
    }

    #[test]
    fn only_a_json_object_parses() {
        for text in ["", "null", "[1]", "{", "17", "\"\"", "\"{\"", "\"[1]\"", r#""\"{}\"""#] {
            assert!(parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn json_string_with_an_object_parses() {
        let data = parse(&format!(r#""{{\"userId\":\"{USER}\"}}""#)).unwrap();
        assert!(data.is_of(USER.parse().unwrap()));
        assert_eq!(data.to_json().0, format!(r#"{{"userId":"{USER}"}}"#));
    }

    #[test]
    fn unchanged_data_is_written_byte_for_byte() {
        let text = r#"{"z":1.0,"cookie":{"path":"/","expires":null},"n":12345678901234567890123,"a":"\ud800 \u0000 é","o":{"b":1,"a":[ ]}}"#;
        assert_eq!(parse(text).unwrap().to_json().0, text);
        // The last of two equal keys counts, as in JavaScript.
        assert_eq!(parse(r#"{"a":1,"b":2,"a":3}"#).unwrap().to_json().0, r#"{"a":3,"b":2}"#);
    }

    #[test]
    fn data_may_name_no_user_while_password_must_be_changed() {
        let owner = |must_change_password| SessionOwner { user: USER.parse().unwrap(), must_change_password };
        let own = format!(r#"{{"userId":"{USER}"}}"#);
        for (text, expected) in [
            ("{}", [false, true]),
            (r#"{"cart":[1]}"#, [false, true]),
            (own.as_str(), [true, true]),
            (r#"{"userId":null}"#, [false, false]),
            (r#"{"userId":"650e8400-e29b-41d4-a716-446655440000"}"#, [false, false]),
        ] {
            let data = parse(text).unwrap();
            assert_eq!([false, true].map(|must_change| data.belongs_to(owner(must_change))), expected, "{text}");
        }
    }

    #[test]
    fn user_id_matches_in_any_spelling() {
        let user: UserId = USER.parse().unwrap();
        let is_of = |text: &str| parse(text).unwrap().is_of(user);
        for id in [USER.to_owned(), USER.to_uppercase(), USER.replace('5', "\\u0035")] {
            assert!(is_of(&format!(r#"{{"userId":"{id}","status":"login"}}"#)), "{id}");
        }
        for rest in [r#""status":"logout""#, r#""status":"log\u006fut""#, r#""userId":550"#, r#""userId":null"#] {
            assert!(!is_of(&format!(r#"{{"userId":"{USER}",{rest}}}"#)), "{rest}");
        }
        for other in ["650e8400-e29b-41d4-a716-446655440000", "550e8400e29b41d4a716446655440000", ""] {
            assert!(!is_of(&format!(r#"{{"userId":"{other}"}}"#)), "{other}");
        }
    }
}
