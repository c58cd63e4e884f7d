//! The key `cookie` of the data, from which express-session reads a session's lifetime.

use std::time::Duration;

use serde_json::{Map, Value, json, value::RawValue};

use crate::clock::Timestamp;

/// The latest date of JavaScript, in milliseconds from the Unix epoch (ECMA-262, 21.4.1.1).
const MAX_JS_DATE_MILLIS: f64 = 8.6e15;

/// The cookie's attributes, as the data records them.
#[derive(Debug, Clone)]
pub(in crate::sessions) struct CookieAttributes {
    /// The idle timeout: at every request, the peer sets `expires` to this much later.
    pub original_max_age: Duration,
    pub expires: Timestamp,
    pub secure: bool,
    /// The cookie's `Domain`; `None` for the host that set it only.
    pub domain: Option<String>,
}

impl CookieAttributes {
    /// The value of `cookie`, in the shape that express-session gives it.
    pub fn to_value(&self) -> Value {
        let mut cookie = json!({
            "originalMaxAge": i64::try_from(self.original_max_age.as_millis()).unwrap_or(i64::MAX),
            "expires": self.expires.to_iso_millis(),
            "secure": self.secure,
            "httpOnly": true,
            "path": "/",
            "sameSite": "lax",
        });
        if let (Some(domain), Some(cookie)) = (&self.domain, cookie.as_object_mut()) {
            cookie.insert("domain".to_owned(), json!(domain));
        }
        cookie
    }
}

/// The idle timeout that the peer has set; `None` if it is missing or cannot be read.
pub(super) fn max_age(cookie: &RawValue) -> Option<Duration> {
    let cookie: Map<String, Value> = serde_json::from_str(cookie.get()).ok()?;
    let millis = cookie.get("originalMaxAge")?.as_f64()?;
    Duration::try_from_secs_f64(millis / 1000.0).ok()
}

/// Replaces fields that express-session fails on by those of `attributes`, or removes them. `None` if no field is
/// broken.
///
/// If `cookie` is not an object, express-session 1.19 responds with 500; if its `originalMaxAge` is a string, it never
/// responds.
pub(super) fn repaired(cookie: Option<&RawValue>, attributes: &CookieAttributes) -> Option<Value> {
    let Some(Value::Object(mut cookie)) = cookie.and_then(|cookie| serde_json::from_str(cookie.get()).ok()) else {
        return Some(attributes.to_value());
    };
    let broken: Vec<String> =
        cookie.iter().filter(|(key, value)| !is_sound(key, value)).map(|(key, _)| key.clone()).collect();
    if broken.is_empty() {
        return None;
    }
    let Value::Object(sound) = attributes.to_value() else { return None };
    for key in broken {
        match sound.get(&key) {
            Some(value) => cookie.insert(key, value.clone()),
            None => cookie.shift_remove(&key),
        };
    }
    Some(Value::Object(cookie))
}

fn is_sound(key: &str, value: &Value) -> bool {
    let is_one_of = |words: &[&str]| value.as_str().is_some_and(|word| words.contains(&word.to_lowercase().as_str()));
    let is_absent = matches!(value, Value::Null | Value::Bool(false));
    match key {
        "originalMaxAge" | "maxAge" => {
            value.is_null() || value.as_f64().is_some_and(|millis| millis.abs() < MAX_JS_DATE_MILLIS)
        }
        "expires" => value.is_null() || value.as_str().is_some_and(|text| Timestamp::parse(text).is_some()),
        "path" | "domain" => value.is_string() || is_absent,
        "sameSite" => value.is_boolean() || is_absent || is_one_of(&["lax", "strict", "none"]),
        "priority" => is_absent || is_one_of(&["low", "medium", "high"]),
        // Methods of express-session's cookie, which keys with these names would hide.
        "data" | "serialize" | "toJSON" => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes() -> CookieAttributes {
        CookieAttributes {
            original_max_age: Duration::from_secs(60),
            expires: Timestamp::from_micros(1_769_601_014_000_000),
            secure: true,
            domain: None,
        }
    }

    fn repair(text: &str) -> Option<String> {
        repaired(Some(serde_json::from_str(text).unwrap()), &attributes()).map(|cookie| cookie.to_string())
    }

    const WHOLE: &str = r#"{"originalMaxAge":60000,"expires":"2026-01-28T11:50:14.000Z","secure":true,"httpOnly":true,"path":"/","sameSite":"lax"}"#;

    #[test]
    fn non_object_cookie_is_replaced() {
        for text in ["null", "\"x\"", "[]", "17"] {
            assert_eq!(repair(text).as_deref(), Some(WHOLE), "{text}");
        }
        assert_eq!(repaired(None, &attributes()).map(|cookie| cookie.to_string()).as_deref(), Some(WHOLE));
    }

    #[test]
    fn cookie_that_a_peer_accepts_is_unchanged() {
        for text in [
            "{}",
            WHOLE,
            r#"{"path":"/","originalMaxAge":null,"expires":null,"sameSite":true,"own":[1]}"#,
            r#"{"originalMaxAge":1.5,"domain":"example.org","priority":"High","secure":"auto","partitioned":true}"#,
        ] {
            assert_eq!(repair(text), None, "{text}");
        }
    }

    #[test]
    fn single_broken_field_is_repaired_in_place() {
        for (broken, expected) in [
            (r#"{"originalMaxAge":"1","own":1}"#, r#"{"originalMaxAge":60000,"own":1}"#),
            (r#"{"originalMaxAge":1e300}"#, r#"{"originalMaxAge":60000}"#),
            (r#"{"expires":"soon","path":"/"}"#, r#"{"expires":"2026-01-28T11:50:14.000Z","path":"/"}"#),
            (r#"{"expires":17}"#, r#"{"expires":"2026-01-28T11:50:14.000Z"}"#),
            (r#"{"sameSite":"sideways"}"#, r#"{"sameSite":"lax"}"#),
            (r#"{"domain":[1],"serialize":1,"path":"/x"}"#, r#"{"path":"/x"}"#),
        ] {
            assert_eq!(repair(broken).as_deref(), Some(expected), "{broken}");
        }
    }

    #[test]
    fn max_age_is_read_if_valid() {
        let max_age = |text: &str| max_age(serde_json::from_str(text).unwrap());
        assert_eq!(max_age(WHOLE), Some(Duration::from_secs(60)));
        for text in ["{}", "[]", r#"{"originalMaxAge":null}"#, r#"{"originalMaxAge":"60"}"#, r#"{"originalMaxAge":-1}"#]
        {
            assert_eq!(max_age(text), None, "{text}");
        }
    }
}
