//! What a request changed in the data, key by key.

use serde_json::{Value, value::RawValue};

use super::{OWN_KEYS, SessionData};
use crate::error::{Error, Result};

/// Keys that express-session keeps for itself: data under them would be dropped at the peer's next write, without a word. They
/// are the members of its session object, and those of every JavaScript object.
const PEERS_KEYS: [&str; 20] = [
    "id",
    "req",
    "touch",
    "resetMaxAge",
    "save",
    "reload",
    "destroy",
    "regenerate",
    "constructor",
    "hasOwnProperty",
    "isPrototypeOf",
    "propertyIsEnumerable",
    "toLocaleString",
    "toString",
    "valueOf",
    "__proto__",
    "__defineGetter__",
    "__defineSetter__",
    "__lookupGetter__",
    "__lookupSetter__",
];

/// What a request changed in the data, key by key.
#[derive(Debug, Clone, Default)]
pub struct DataPatch {
    pub(super) set: Vec<(String, Box<RawValue>)>,
    pub(super) removed: Vec<String>,
}

impl DataPatch {
    /// Compares the data that a request leaves, each value as its JSON text, with what it found.
    ///
    /// # Errors
    /// If a key changed that only a sign-in may write or that an Express peer can't keep, or if a value holds a NUL
    /// character, which PostgreSQL's JSON operators can't read.
    pub fn between<'a>(
        found: &SessionData,
        left: impl IntoIterator<Item = (&'a str, impl AsRef<str>)>,
    ) -> Result<Self> {
        let mut changes = Self::default();
        let mut gone: Vec<&str> = found.entries().map(|(key, _)| key).collect();
        for (key, text) in left {
            gone.retain(|name| *name != key);
            if found.json_of(key) != Some(text.as_ref()) {
                changes.set.push((key.to_owned(), raw(key, text.as_ref())?));
            }
        }
        changes.removed = gone.into_iter().map(str::to_owned).collect();
        changes.check()?;
        Ok(changes)
    }

    /// What an application puts beside Keyrack's own keys when a session starts.
    ///
    /// # Errors
    /// If an Express peer can't keep a key, or a value holds a NUL character.
    pub fn beside_sign_in<'a>(left: impl IntoIterator<Item = (&'a str, impl AsRef<str>)>) -> Result<Self> {
        let set = left.into_iter().filter(|(key, _)| !OWN_KEYS.contains(key));
        let set = set.map(|(key, text)| Ok((key.to_owned(), raw(key, text.as_ref())?))).collect::<Result<_>>()?;
        let changes = Self { set, removed: Vec::new() };
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
        for (key, value) in &self.set {
            if PEERS_KEYS.contains(&key.as_str()) {
                return Err(Error::internal(format!(
                    "the session key {key:?} is express-session's own: a peer would drop it; choose another name"
                )));
            }
            if key.contains('\0') || serde_json::from_str(value.get()).is_ok_and(|value| holds_nul(&value)) {
                return Err(Error::internal(format!("the session key {key:?} holds a NUL character")));
            }
        }
        Ok(())
    }
}

fn raw(key: &str, text: &str) -> Result<Box<RawValue>> {
    serde_json::from_str(text).map_err(|error| Error::internal(format!("session key {key:?}: {error}")))
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
    use crate::db::schema::types::Json;

    fn data(text: &str) -> SessionData {
        SessionData::parse(&Json(text.to_owned())).unwrap()
    }

    #[test]
    fn changes_are_found_key_by_key_and_leave_the_others_alone() {
        let found = data(r#"{"cookie":{"expires":null},"userId":"u","theme":"dark","cart":[1, 2],"lang":"de"}"#);
        let left = [("userId", "\"u\""), ("theme", "\"light\""), ("cart", "[1, 2]"), ("seen", "1")];
        let changes = DataPatch::between(&found, left).unwrap();

        let mut meanwhile =
            data(r#"{"cookie":{"expires":null},"userId":"u","theme":"dark","other":1e2,"cart":[1, 2],"lang":"de"}"#);
        meanwhile.apply(&changes);
        assert_eq!(
            meanwhile.to_json().0,
            r#"{"cookie":{"expires":null},"userId":"u","theme":"light","other":1e2,"cart":[1, 2],"seen":1}"#
        );
    }

    #[test]
    fn only_a_sign_in_writes_the_own_keys() {
        let found = data(r#"{"cookie":{},"userId":"u","role":"user"}"#);
        for left in [vec![("userId", "\"v\""), ("role", "\"user\"")], vec![("userId", "\"u\"")]] {
            assert!(matches!(DataPatch::between(&found, left), Err(Error::Internal(_))));
        }
        let beside = DataPatch::beside_sign_in([("userId", "\"v\""), ("cart", "[]")]).unwrap();
        assert_eq!(
            beside.set.iter().map(|(key, value)| (key.as_str(), value.get())).collect::<Vec<_>>(),
            [("cart", "[]")]
        );
    }

    #[test]
    fn a_nul_character_is_refused_wherever_it_hides() {
        for value in [r#""a\u0000""#, r#"[{"k": "\u0000"}]"#, r#"{"\u0000": 1}"#] {
            assert!(DataPatch::beside_sign_in([("x", value)]).is_err());
        }
        assert!(DataPatch::beside_sign_in([("x", r#""\\u0000""#)]).is_ok());
    }

    #[test]
    fn what_a_peer_would_drop_is_refused_and_left_where_it_stands() {
        for key in ["id", "save", "__proto__"] {
            assert!(DataPatch::beside_sign_in([(key, "1")]).is_err(), "{key}");
        }
        let found = data(r#"{"userId":"u","id":7}"#);
        assert!(DataPatch::between(&found, [("userId", "\"u\""), ("id", "7")]).unwrap().is_empty());
    }
}
