//! Session data: the JSON document `sess`, in the shape that express-session gives it, with the user's keys beside.
//!
//! ```json
//! {"cookie": {"originalMaxAge": 86400000, "expires": "…", "secure": false, "httpOnly": true, "path": "/",
//!  "sameSite": "lax"}, "userId": "…", "email": "…", "role": "user", "status": "login", …}
//! ```
//!
//! Whatever the application adds stands beside these keys. Each value is kept as the text that it was read as, so that what
//! nobody changes is written back as it was: keys that we don't know, their order, every number and escape.

mod changes;
mod cookie;

use std::borrow::Cow;

use indexmap::IndexMap;
use serde_json::{json, value::RawValue, value::to_raw_value};

use super::model::User;
use crate::db::{UserId, schema::types::Json};

pub use changes::DataPatch;
pub(super) use cookie::CookieTerms;

/// Keys that Keyrack owns: applications read them (but for `cookie`), only a sign-in writes them.
const OWN_KEYS: [&str; 5] = ["cookie", "userId", "email", "role", "status"];

/// The document `sess`.
#[derive(Debug, Clone)]
pub struct SessionData(IndexMap<String, Box<RawValue>>);

impl SessionData {
    /// The data of a session that starts now.
    pub(super) fn for_sign_in(user: &User, terms: &CookieTerms) -> Self {
        let mut data = Self(IndexMap::new());
        data.sign_in(user, terms);
        data
    }

    /// Writes Keyrack's own keys, and leaves the application's as they are.
    pub(super) fn sign_in(&mut self, user: &User, terms: &CookieTerms) {
        let own = [terms.to_value(), json!(user.id), json!(user.email), json!(user.role), json!("login")];
        for (key, value) in OWN_KEYS.into_iter().zip(own) {
            self.set(key, &value);
        }
    }

    /// Marks data that is kept after the end: it authenticates nobody.
    pub(super) fn sign_out(&mut self) {
        self.set("status", &json!("logout"));
    }

    fn set(&mut self, key: &str, value: &serde_json::Value) {
        if let Ok(raw) = to_raw_value(value) {
            self.0.insert(key.to_owned(), raw);
        }
    }

    /// Reads the column. `None` if it is not a JSON object: such a row belongs to somebody else, or is broken. A JSON string is
    /// read once more, as connect-pg-simple does.
    pub(super) fn parse(json: &Json) -> Option<Self> {
        if json.0.trim_start().starts_with('"') {
            let inner: String = serde_json::from_str(&json.0).ok()?;
            return serde_json::from_str(&inner).ok().map(Self);
        }
        serde_json::from_str(&json.0).ok().map(Self)
    }

    /// Reads the column of a session of `user`. `None` if it is no object, or says that it is somebody else's or over.
    pub(super) fn parse_of(user: UserId, json: &Json) -> Option<Self> {
        Self::parse(json).filter(|data| data.is_of(user))
    }

    /// Whether the data says that the session is this user's, and not that it is over.
    pub(super) fn is_of(&self, user: UserId) -> bool {
        let is_over = self.text_of("status").is_some_and(|status| status == "logout");
        self.user_id().is_some_and(|id| id.eq_ignore_ascii_case(&user.to_string())) && !is_over
    }

    /// What the column holds.
    pub(super) fn to_json(&self) -> Json {
        Json(serde_json::to_string(&self.0).unwrap_or_default())
    }

    /// Whose session the data says it is; `None` for a number, which no id of ours is.
    pub(super) fn user_id(&self) -> Option<Cow<'_, str>> {
        self.text_of("userId")
    }

    /// How long an Express peer lets the session live on from each request, if it says so.
    pub(super) fn max_age(&self) -> Option<std::time::Duration> {
        cookie::max_age(self.0.get("cookie")?)
    }

    /// Makes `cookie` one that express-session does not fail over. Returns whether it was not.
    pub(super) fn mend_cookie(&mut self, terms: &CookieTerms) -> bool {
        let mended = cookie::mended(self.0.get("cookie").map(AsRef::as_ref), terms);
        mended.inspect(|cookie| self.set("cookie", cookie)).is_some()
    }

    /// The keys that requests see, each with its value's JSON text: all but `cookie`, which is about the cookie and not for them.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values().map(|(key, value)| (key, value.get()))
    }

    /// The same, each with its value as raw JSON.
    pub(crate) fn values(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        self.0.iter().filter(|(key, _)| *key != "cookie").map(|(key, value)| (key.as_str(), value.as_ref()))
    }

    /// One value's JSON text.
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

    /// Applies what one request changed; what others changed meanwhile stays.
    pub(super) fn apply(&mut self, changes: &DataPatch) {
        for key in &changes.removed {
            self.0.shift_remove(key);
        }
        for (key, value) in &changes.set {
            self.0.insert(key.clone(), value.clone());
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
    fn what_is_not_an_object_is_no_data() {
        for text in ["", "null", "[1]", "{", "17", "\"\"", "\"{\"", "\"[1]\"", r#""\"{}\"""#] {
            assert!(parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_string_that_holds_an_object_is_read_once_more() {
        let data = parse(&format!(r#""{{\"userId\":\"{USER}\"}}""#)).unwrap();
        assert!(data.is_of(USER.parse().unwrap()));
        assert_eq!(data.to_json().0, format!(r#"{{"userId":"{USER}"}}"#));
    }

    #[test]
    fn what_nobody_changes_is_written_as_it_was() {
        let text = r#"{"z":1.0,"cookie":{"path":"/","expires":null},"n":12345678901234567890123,"a":"\ud800 \u0000 é","o":{"b":1,"a":[ ]}}"#;
        assert_eq!(parse(text).unwrap().to_json().0, text);
        // The last of two counts, as in JavaScript.
        assert_eq!(parse(r#"{"a":1,"b":2,"a":3}"#).unwrap().to_json().0, r#"{"a":3,"b":2}"#);
    }

    #[test]
    fn the_data_is_whose_id_it_names_in_any_spelling() {
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
