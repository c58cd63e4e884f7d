//! The part of the data that is about the cookie: express-session reads a session's lifetime from it.

use std::time::Duration;

use serde_json::{Map, Value, json, value::RawValue};

use crate::clock::Timestamp;

/// In milliseconds: further from now than this, JavaScript has no dates (ECMA-262, 21.4.1.1).
const LONGEST: f64 = 8.6e15;

/// What `cookie` says of a session's lifetime.
#[derive(Debug, Clone)]
pub(in crate::sessions) struct CookieTerms {
    /// The idle limit: the peer moves `expires` on by it at every request.
    pub original_max_age: Duration,
    pub expires: Timestamp,
    pub secure: bool,
    /// Where the cookie is valid besides the host that set it.
    pub domain: Option<String>,
}

impl CookieTerms {
    /// `cookie` in the shape that express-session gives it.
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

/// How long the peer lets the session live on from each request; `None` if it says nothing of it, or nothing readable.
pub(super) fn max_age(cookie: &RawValue) -> Option<Duration> {
    let cookie: Map<String, Value> = serde_json::from_str(cookie.get()).ok()?;
    let millis = cookie.get("originalMaxAge")?.as_f64()?;
    Duration::try_from_secs_f64(millis / 1000.0).ok()
}

/// What express-session fails over is replaced by what `terms` says, or left out; `None` if there is nothing of the kind.
///
/// A `cookie` that is no object makes it answer 500, one whose `originalMaxAge` is a string never answer at all
/// (express-session 1.19).
pub(super) fn mended(cookie: Option<&RawValue>, terms: &CookieTerms) -> Option<Value> {
    let Some(Value::Object(mut cookie)) = cookie.and_then(|cookie| serde_json::from_str(cookie.get()).ok()) else {
        return Some(terms.to_value());
    };
    let broken: Vec<String> =
        cookie.iter().filter(|(key, value)| !is_sound(key, value)).map(|(key, _)| key.clone()).collect();
    if broken.is_empty() {
        return None;
    }
    let Value::Object(sound) = terms.to_value() else { return None };
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
        "originalMaxAge" | "maxAge" => value.is_null() || value.as_f64().is_some_and(|millis| millis.abs() < LONGEST),
        "expires" => value.is_null() || value.as_str().is_some_and(|text| Timestamp::parse(text).is_some()),
        "path" | "domain" => value.is_string() || is_absent,
        "sameSite" => value.is_boolean() || is_absent || is_one_of(&["lax", "strict", "none"]),
        "priority" => is_absent || is_one_of(&["low", "medium", "high"]),
        // Its own functions, which data of these names would hide.
        "data" | "serialize" | "toJSON" => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms() -> CookieTerms {
        CookieTerms {
            original_max_age: Duration::from_secs(60),
            expires: Timestamp::from_micros(1_769_601_014_000_000),
            secure: true,
            domain: None,
        }
    }

    fn mend(text: &str) -> Option<String> {
        mended(Some(serde_json::from_str(text).unwrap()), &terms()).map(|cookie| cookie.to_string())
    }

    const WHOLE: &str = r#"{"originalMaxAge":60000,"expires":"2026-01-28T11:50:14.000Z","secure":true,"httpOnly":true,"path":"/","sameSite":"lax"}"#;

    #[test]
    fn what_is_no_object_is_replaced() {
        for text in ["null", "\"x\"", "[]", "17"] {
            assert_eq!(mend(text).as_deref(), Some(WHOLE), "{text}");
        }
        assert_eq!(mended(None, &terms()).map(|cookie| cookie.to_string()).as_deref(), Some(WHOLE));
    }

    #[test]
    fn what_a_peer_lives_with_stays() {
        for text in [
            "{}",
            WHOLE,
            r#"{"path":"/","originalMaxAge":null,"expires":null,"sameSite":true,"own":[1]}"#,
            r#"{"originalMaxAge":1.5,"domain":"example.org","priority":"High","secure":"auto","partitioned":true}"#,
        ] {
            assert_eq!(mend(text), None, "{text}");
        }
    }

    #[test]
    fn a_single_wrong_field_is_mended_in_its_place() {
        for (broken, mended) in [
            (r#"{"originalMaxAge":"1","own":1}"#, r#"{"originalMaxAge":60000,"own":1}"#),
            (r#"{"originalMaxAge":1e300}"#, r#"{"originalMaxAge":60000}"#),
            (r#"{"expires":"soon","path":"/"}"#, r#"{"expires":"2026-01-28T11:50:14.000Z","path":"/"}"#),
            (r#"{"expires":17}"#, r#"{"expires":"2026-01-28T11:50:14.000Z"}"#),
            (r#"{"sameSite":"sideways"}"#, r#"{"sameSite":"lax"}"#),
            (r#"{"domain":[1],"serialize":1,"path":"/x"}"#, r#"{"path":"/x"}"#),
        ] {
            assert_eq!(mend(broken).as_deref(), Some(mended), "{broken}");
        }
    }

    #[test]
    fn the_lifetime_is_read_if_it_can_be() {
        let max_age = |text: &str| max_age(serde_json::from_str(text).unwrap());
        assert_eq!(max_age(WHOLE), Some(Duration::from_secs(60)));
        for text in ["{}", "[]", r#"{"originalMaxAge":null}"#, r#"{"originalMaxAge":"60"}"#, r#"{"originalMaxAge":-1}"#]
        {
            assert_eq!(max_age(text), None, "{text}");
        }
    }
}
