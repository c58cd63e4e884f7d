//! Mutated session data and user agents. See `crate::fuzz`.

use std::time::Duration;

use super::{
    DeviceKey, DeviceProof,
    data::{CookieAttributes, DataPatch, SessionData},
    device::{ClientHints, Device},
};
use crate::{clock::Timestamp, db::schema::types::Json, fuzz::fuzz};

#[test]
fn session_data_is_written_as_it_was_read() {
    let attributes = CookieAttributes {
        original_max_age: Duration::from_secs(60),
        expires: Timestamp::from_micros(1_769_601_014_000_000),
        secure: true,
        domain: None,
    };
    let tokens = [
        "{",
        "}",
        "\"",
        "\\u0000",
        "\\ud800",
        "1e999",
        "-0",
        ":",
        ",",
        "null",
        "\"cookie\":",
        "\"originalMaxAge\":",
        "[]",
        "\"__proto__\":{}",
        "\"expires\":\"2026-01-29T11:50:14.000Z\"",
    ];
    fuzz("session_data", &tokens, |input| {
        let Ok(text) = std::str::from_utf8(input) else { return };
        let Some(mut data) = SessionData::parse(&Json(text.to_owned())) else { return };
        let entries = |data: &SessionData| -> Vec<(String, String)> {
            data.entries().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
        };
        let written = SessionData::parse(&data.to_json()).expect("what is written can be read");
        assert_eq!(entries(&written), entries(&data));
        let same = DataPatch::between(&data, data.entries()).expect("data that a handler leaves alone can be saved");
        assert!(same.is_empty(), "{same:?}");
        let before = entries(&data);
        if data.repair_cookie(&attributes) {
            assert!(!data.repair_cookie(&attributes), "repaired twice: {}", data.to_json().0);
        }
        assert_eq!(entries(&data), before, "the cookie is no entry");
        assert!(data.max_age().is_none_or(|age| age.as_secs() < 8_640_000_000_000_000));
        if let Some(user) = data.user_id() {
            assert!(data.to_json().0.contains("userId"), "{user}");
        }
    });
}

#[test]
fn device_names_are_short_and_printable() {
    let tokens = [
        "Mozilla/5.0 (",
        "Windows NT 10.0",
        "iPhone; CPU iPhone OS 18_5",
        "Android 15; ",
        "Chrome/",
        "Firefox/",
        "Version/",
        "Safari/",
        "bot",
        "/",
        ";",
        "(",
        ")",
        "FBAN/",
        "python-",
        "curl/8.5.0",
    ];
    fuzz("user_agent", &tokens, |input| {
        let text = String::from_utf8_lossy(input);
        let device = Device::from_user_agent(&text);
        let is_name =
            |name: &str| !name.is_empty() && name.len() <= 40 && name.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        for name in [&device.browser, &device.system].into_iter().flatten() {
            assert!(is_name(name) && name.trim() == name, "{name:?}");
        }
        assert!(!device.title().is_empty() && device.title().len() <= 84);
        assert_eq!(Device::from_user_agent(&text), device);
    });
}

/// An input has the fields on lines, in the order of the headers, and the user agent on the last line.
#[test]
fn client_hints_are_bounded_and_read_as_they_were_written() {
    const HEADERS: [&str; 7] = [
        "sec-ch-ua",
        "sec-ch-ua-full-version-list",
        "sec-ch-ua-mobile",
        "sec-ch-ua-platform",
        "sec-ch-ua-platform-version",
        "sec-ch-ua-model",
        "sec-ch-ua-form-factors",
    ];
    let tokens =
        ["\"", "\\", ";v=", ", ", "?1", "?0", "(", ")", "\"Windows\"", "\"Android\"", "\"Chromium\";v=\"148\"", "\n"];
    fuzz("client_hints", &tokens, |input| {
        let text = String::from_utf8_lossy(input);
        let lines: Vec<&str> = text.lines().collect();
        let header = |name: &str| lines.get(HEADERS.iter().position(|header| *header == name)?).copied();
        let Some(hints) = ClientHints::from_headers(header) else { return };
        let stored = hints.to_text();
        assert!(stored.len() <= 512 && stored.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{stored:?}");
        let read = ClientHints::parse(&stored).expect("what is written can be read");
        assert_eq!(read.to_text(), stored);
        let device = Device::recognise(lines.get(HEADERS.len()).copied().unwrap_or_default(), Some(&read));
        for name in [&device.browser, &device.system, &device.model].into_iter().flatten() {
            assert!(name.len() <= 40 && name.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{name:?}");
        }
        assert!(device.title().len() <= 120);
    });
}

#[test]
fn proofs_are_read_without_panic_and_only_as_they_were_signed() {
    let tokens =
        [".", "eyJ", "e30", "=", "eyJhbGciOiJFUzI1NiIsInR5cCI6ImRic2Mrand0In0", "eyJqdGkiOiIifQ", "-_", "AAAA", "\0"];
    let published = include_str!("../../tests/corpus/device_proof/registration");
    let key = DeviceProof::parse(published).and_then(DeviceProof::into_new_key).expect("the published proof");
    fuzz("device_proof", &tokens, |input| {
        let Some(proof) = std::str::from_utf8(input).ok().and_then(DeviceProof::parse) else { return };
        let challenge = proof.challenge().to_owned();
        if let Some(new) = proof.into_new_key() {
            assert!(new != key || challenge == "KN3qw_pQxR8tY5uI8oP1aS2dF3gH4jK5lM6nO7pQ8rS", "signed: {challenge}");
            let read = DeviceKey::parse(&new.to_text()).expect("a key that was accepted can be stored");
            assert_eq!(read, new);
        }
    });
}

#[test]
fn stored_keys_are_read_in_one_form() {
    let tokens =
        ["\"kty\":\"EC\"", "\"crv\":\"P-256\"", "\"x\":", "\"y\":", "\"e\":\"AQAB\"", "\"n\":", "{", "}", ",", "AA"];
    fuzz("device_key", &tokens, |input| {
        let Some(key) = std::str::from_utf8(input).ok().and_then(DeviceKey::parse) else { return };
        let read = DeviceKey::parse(&key.to_text()).expect("what is written can be read");
        assert_eq!((read.to_text(), read.thumbprint()), (key.to_text(), key.thumbprint()));
    });
}
