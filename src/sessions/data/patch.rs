//! Changes of single keys of the data.

use serde_json::{Value, value::RawValue};

use super::document::{KEYRACK_KEYS, SessionData};
use crate::error::{Error, Result};

/// Keys that express-session reserves: its next write would silently drop data under them. They are the members of its
/// session object and of every JavaScript object.
const EXPRESS_KEYS: [&str; 20] = [
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

/// The keys of the data that a request sets or removes.
#[derive(Debug, Clone, Default)]
pub struct DataPatch {
    set: Vec<(String, Box<RawValue>)>,
    removed: Vec<String>,
}

impl DataPatch {
    /// Compares the data after a request, each value as its JSON text, with the data before it.
    ///
    /// # Errors
    /// If a changed key is one that only a sign-in writes or that an Express peer would drop, or if a value contains a
    /// NUL character, which PostgreSQL's JSON operators cannot read.
    pub fn between<'a>(
        before: &SessionData,
        after: impl IntoIterator<Item = (&'a str, impl AsRef<str>)>,
    ) -> Result<Self> {
        let mut patch = Self::default();
        let mut removed: Vec<&str> = before.entries().map(|(key, _)| key).collect();
        for (key, text) in after {
            removed.retain(|name| *name != key);
            if before.json_of(key) != Some(text.as_ref()) {
                patch.set.push((key.to_owned(), raw(key, text.as_ref())?));
            }
        }
        patch.removed = removed.into_iter().map(str::to_owned).collect();
        patch.check()?;
        Ok(patch)
    }

    /// Makes the patch with an application's keys for a new session. Keyrack's keys are left out.
    ///
    /// # Errors
    /// If an Express peer would drop a key, or a value contains a NUL character.
    pub fn beside_sign_in<'a>(entries: impl IntoIterator<Item = (&'a str, impl AsRef<str>)>) -> Result<Self> {
        let set = entries.into_iter().filter(|(key, _)| !KEYRACK_KEYS.contains(key));
        let set = set.map(|(key, text)| Ok((key.to_owned(), raw(key, text.as_ref())?))).collect::<Result<_>>()?;
        let patch = Self { set, removed: Vec::new() };
        patch.check()?;
        Ok(patch)
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.removed.is_empty()
    }

    /// Applies the patch. Keys that other requests have changed meanwhile stay.
    pub(in crate::sessions) fn apply_to(&self, data: &mut SessionData) {
        for key in &self.removed {
            data.0.shift_remove(key);
        }
        for (key, value) in &self.set {
            data.0.insert(key.clone(), value.clone());
        }
    }

    fn check(&self) -> Result<()> {
        let keys = self.set.iter().map(|(key, _)| key).chain(&self.removed);
        if let Some(key) = keys.into_iter().find(|key| KEYRACK_KEYS.contains(&key.as_str())) {
            return Err(Error::internal(format!("the session key {key:?} is Keyrack's: only a sign-in changes it")));
        }
        for (key, value) in &self.set {
            if EXPRESS_KEYS.contains(&key.as_str()) {
                return Err(Error::internal(format!(
                    "the session key {key:?} is express-session's own: a peer would drop it; choose another name"
                )));
            }
            if key.contains('\0') || serde_json::from_str(value.get()).is_ok_and(|value| contains_nul(&value)) {
                return Err(Error::internal(format!("the session key {key:?} contains a NUL character")));
            }
        }
        Ok(())
    }
}

fn raw(key: &str, text: &str) -> Result<Box<RawValue>> {
    serde_json::from_str(text).map_err(|error| Error::internal(format!("session key {key:?}: {error}")))
}

fn contains_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(contains_nul),
        Value::Object(map) => map.iter().any(|(key, value)| key.contains('\0') || contains_nul(value)),
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
    fn patch_changes_only_the_keys_that_the_request_changed() {
        let before = data(r#"{"cookie":{"expires":null},"userId":"u","theme":"dark","cart":[1, 2],"lang":"de"}"#);
        let after = [("userId", "\"u\""), ("theme", "\"light\""), ("cart", "[1, 2]"), ("seen", "1")];
        let patch = DataPatch::between(&before, after).unwrap();

        let mut current =
            data(r#"{"cookie":{"expires":null},"userId":"u","theme":"dark","other":1e2,"cart":[1, 2],"lang":"de"}"#);
        patch.apply_to(&mut current);
        assert_eq!(
            current.to_json().0,
            r#"{"cookie":{"expires":null},"userId":"u","theme":"light","other":1e2,"cart":[1, 2],"seen":1}"#
        );
    }

    #[test]
    fn only_a_sign_in_changes_keyrack_keys() {
        let before = data(r#"{"cookie":{},"userId":"u","role":"user"}"#);
        for after in [vec![("userId", "\"v\""), ("role", "\"user\"")], vec![("userId", "\"u\"")]] {
            assert!(matches!(DataPatch::between(&before, after), Err(Error::Internal(_))));
        }
        let patch = DataPatch::beside_sign_in([("userId", "\"v\""), ("cart", "[]")]).unwrap();
        assert_eq!(
            patch.set.iter().map(|(key, value)| (key.as_str(), value.get())).collect::<Vec<_>>(),
            [("cart", "[]")]
        );
    }

    #[test]
    fn nul_character_is_rejected_at_any_depth() {
        for value in [r#""a\u0000""#, r#"[{"k": "\u0000"}]"#, r#"{"\u0000": 1}"#] {
            assert!(DataPatch::beside_sign_in([("x", value)]).is_err());
        }
        assert!(DataPatch::beside_sign_in([("x", r#""\\u0000""#)]).is_ok());
    }

    #[test]
    fn express_keys_are_rejected_unless_unchanged() {
        for key in ["id", "save", "__proto__"] {
            assert!(DataPatch::beside_sign_in([(key, "1")]).is_err(), "{key}");
        }
        let before = data(r#"{"userId":"u","id":7}"#);
        assert!(DataPatch::between(&before, [("userId", "\"u\""), ("id", "7")]).unwrap().is_empty());
    }
}
