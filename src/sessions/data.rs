//! Session data: the JSON document `sess`, in the shape that express-session gives it, with the user's keys beside.
//!
//! ```json
//! {"cookie": {"originalMaxAge": 86400000, "expires": "…", "secure": false, "httpOnly": true, "path": "/",
//!  "sameSite": "lax"}, "userId": "…", "email": "…", "role": "user", "status": "login", …}
//! ```
//!
//! Whatever the application adds stands beside these keys. Unknown keys, their order and their types survive.

use serde_json::{Map, Value, json};

use super::model::SessionUser;
use crate::{
    clock::Timestamp,
    db::{UserId, types::Json},
    error::{Error, Result},
};

/// Keys that Keyrack owns: applications read them (but for `cookie`), only a sign-in writes them.
const OWN_KEYS: [&str; 5] = ["cookie", "userId", "email", "role", "status"];

/// What `cookie` says of a session's lifetime.
#[derive(Debug, Clone, Copy)]
pub(super) struct CookieTerms {
    /// The idle limit: the peer moves `expires` on by it at every request.
    pub original_max_age: std::time::Duration,
    pub expires: Timestamp,
    pub secure: bool,
}

/// The document `sess`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionData(Map<String, Value>);

impl SessionData {
    /// The data of a session that starts now.
    pub(super) fn for_sign_in(user: &SessionUser, terms: CookieTerms) -> Self {
        let mut data = Self(Map::new());
        data.sign_in(user, terms);
        data
    }

    /// Writes Keyrack's own keys, and leaves the application's as they are.
    pub(super) fn sign_in(&mut self, user: &SessionUser, terms: CookieTerms) {
        let cookie = json!({
            "originalMaxAge": i64::try_from(terms.original_max_age.as_millis()).unwrap_or(i64::MAX),
            "expires": terms.expires.to_iso_millis(),
            "secure": terms.secure,
            "httpOnly": true,
            "path": "/",
            "sameSite": "lax",
        });
        let own = [cookie, json!(user.id), json!(user.email), json!(user.role), json!("login")];
        for (key, value) in OWN_KEYS.into_iter().zip(own) {
            self.0.insert(key.to_owned(), value);
        }
    }

    /// Marks data that is kept after the end: it authenticates nobody.
    pub(super) fn sign_out(&mut self) {
        self.0.insert("status".to_owned(), json!("logout"));
    }

    /// Reads the column. `None` if it is not a JSON object: such a row belongs to somebody else, or is broken.
    pub(super) fn parse(json: &Json) -> Option<Self> {
        match serde_json::from_str(&json.0) {
            Ok(Value::Object(map)) => Some(Self(map)),
            _ => None,
        }
    }

    /// Reads the column of a session of `user`. `None` if it is no object, or says that it is somebody else's or over.
    pub(super) fn parse_of(user: UserId, json: &Json) -> Option<Self> {
        Self::parse(json).filter(|data| data.is_of(user))
    }

    /// Whether the data says that the session is this user's, and not that it is over.
    pub(super) fn is_of(&self, user: UserId) -> bool {
        let is_over = self.0.get("status").is_some_and(|status| status == "logout");
        self.user_id() == Some(user.to_string().as_str()) && !is_over
    }

    /// What the column holds.
    pub(super) fn to_json(&self) -> Json {
        Json(Value::Object(self.0.clone()).to_string())
    }

    /// Whose session the data says it is; `None` for a number, which no id of ours is.
    pub(super) fn user_id(&self) -> Option<&str> {
        self.0.get("userId").and_then(Value::as_str)
    }

    /// The keys that requests see: all but `cookie`, which is about the cookie and not for them.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().filter(|(key, _)| *key != "cookie").map(|(key, value)| (key.as_str(), value))
    }

    /// Applies what one request changed; what others changed meanwhile stays.
    pub(super) fn apply(&mut self, changes: &Changes) {
        for key in &changes.removed {
            self.0.shift_remove(key);
        }
        for (key, value) in &changes.set {
            self.0.insert(key.clone(), value.clone());
        }
    }
}

/// What a request changed in the data, key by key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    set: Vec<(String, Value)>,
    removed: Vec<String>,
}

impl Changes {
    /// Compares the data that a request leaves with what it found.
    ///
    /// # Errors
    /// If a key changed that only a sign-in may write, or a value holds a NUL character, which PostgreSQL's JSON
    /// operators can't read.
    pub fn between<'a>(found: &SessionData, left: impl IntoIterator<Item = (&'a str, Value)>) -> Result<Self> {
        let mut changes = Self::default();
        let mut gone: Vec<&str> = found.entries().map(|(key, _)| key).collect();
        for (key, value) in left {
            gone.retain(|name| *name != key);
            if found.0.get(key) != Some(&value) {
                changes.set.push((key.to_owned(), value));
            }
        }
        changes.removed = gone.into_iter().map(str::to_owned).collect();
        changes.check()?;
        Ok(changes)
    }

    /// What an application puts beside Keyrack's own keys when a session starts.
    ///
    /// # Errors
    /// If a value holds a NUL character.
    pub fn beside_sign_in<'a>(left: impl IntoIterator<Item = (&'a str, Value)>) -> Result<Self> {
        let set = left.into_iter().filter(|(key, _)| !OWN_KEYS.contains(key));
        let changes = Self { set: set.map(|(key, value)| (key.to_owned(), value)).collect(), removed: Vec::new() };
        changes.check()?;
        Ok(changes)
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.removed.is_empty()
    }

    fn check(&self) -> Result<()> {
        let keys = self.set.iter().map(|(key, _)| key).chain(&self.removed);
        if let Some(key) = keys.into_iter().find(|key| OWN_KEYS.contains(&key.as_str())) {
            return Err(Error::internal(format!("the session key {key:?} is Keyrack's: it changes only by a sign-in")));
        }
        match self.set.iter().find(|(key, value)| key.contains('\0') || holds_nul(value)) {
            Some((key, _)) => Err(Error::internal(format!("the session key {key:?} holds a NUL character"))),
            None => Ok(()),
        }
    }
}

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(map) => map.iter().any(|(key, value)| key.contains('\0') || holds_nul(value)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(text: &str) -> SessionData {
        SessionData::parse(&Json(text.to_owned())).unwrap()
    }

    #[test]
    fn changes_are_found_key_by_key_and_leave_the_others_alone() {
        let found = data(r#"{"cookie":{"expires":null},"userId":"u","theme":"dark","cart":[1,2],"lang":"de"}"#);
        let left = [("userId", json!("u")), ("theme", json!("light")), ("cart", json!([1, 2])), ("seen", json!(1))];
        let changes = Changes::between(&found, left).unwrap();

        let mut meanwhile = data(r#"{"cookie":{"expires":null},"userId":"u","theme":"dark","other":true,"lang":"de"}"#);
        meanwhile.apply(&changes);
        assert_eq!(
            meanwhile.to_json().0,
            r#"{"cookie":{"expires":null},"userId":"u","theme":"light","other":true,"seen":1}"#
        );
    }

    #[test]
    fn only_a_sign_in_writes_the_own_keys() {
        let found = data(r#"{"cookie":{},"userId":"u","role":"user"}"#);
        for left in [vec![("userId", json!("v")), ("role", json!("user"))], vec![("userId", json!("u"))]] {
            assert!(matches!(Changes::between(&found, left), Err(Error::Internal(_))));
        }
        let beside = Changes::beside_sign_in([("userId", json!("v")), ("cart", json!([]))]).unwrap();
        assert_eq!(beside.set, [("cart".to_owned(), json!([]))]);
    }

    #[test]
    fn a_nul_character_is_refused_wherever_it_hides() {
        for value in [json!("a\0"), json!([{"k": "\0"}]), json!({"\0": 1})] {
            assert!(Changes::beside_sign_in([("x", value)]).is_err());
        }
    }

    #[test]
    fn what_is_not_an_object_is_no_data() {
        for text in ["", "null", "\"{}\"", "[1]", "{", "17"] {
            assert_eq!(SessionData::parse(&Json(text.to_owned())), None, "{text}");
        }
    }
}
