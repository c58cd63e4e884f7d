//! Mutated answers of passkeys. See `crate::fuzz`.

use serde_json::Value;

use super::{
    RelyingParty, StoredCredential,
    ceremony::{PasskeyChallenge, ReadAnswer},
};
use crate::{clock::Timestamp, fuzz::fuzz};

const MADE_AT: Timestamp = Timestamp::from_micros(1_769_600_000_000_000);

/// The challenge that `tests/corpus/passkey/01` answers, made by passkey-rs.
const STATE: &str = r#"{"ast":{"credentials":[],"policy":"required",
    "challenge":"3WDz9oS_1-kCHOoyjfubtV127Yb6Deyo0tog0DsgrhI","appid":null,"allow_backup_eligible_upgrade":false}}"#;

/// The challenge that `tests/corpus/new_passkey/01` answers.
const NEW_STATE: &str = r#"{"rs":{"policy":"required","exclude_credentials":[],
    "challenge":"K5IdruQ-Ny-o97yrd00Sk8hwM7LDavZ_zaYYle2-3hM","credential_algorithms":["ES256","RS256"],
    "require_resident_key":false,"authenticator_attachment":null,"extensions":{
    "credentialProtectionPolicy":"userVerificationRequired","enforceCredentialProtectionPolicy":false,"uvm":true,
    "credProps":true},"allow_synchronised_authenticators":true}}"#;

const PUBLIC_KEY: &str = r#"{"type_":"ES256","key":{"EC_EC2":{"curve":"SECP256R1",
    "x":"O-krYwPeASLmqSmHitJrALCWm1CRZbOx-ojEycmRugA","y":"fJF7TzN-YZHnZTLf629SNCMCKEHcz42d835OKHfAxU8"}}}"#;

const TOKENS: [&str; 14] = [
    "\"",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "null",
    "\"response\"",
    "\"userHandle\"",
    "\"transports\":[\"usb\",\"usb\"]",
    "\"credProps\":{\"rk\":true}",
    "AAAA",
    "-1",
];

fn site() -> RelyingParty {
    RelyingParty::new("http://localhost:8080", "Keyrack")
}

/// What an answer has signed.
fn signed_parts(answer: &str) -> [Value; 3] {
    let answer: Value = serde_json::from_str(answer).unwrap();
    ["clientDataJSON", "authenticatorData", "signature"].map(|part| answer["response"][part].clone())
}

#[test]
fn accepted_answer_is_the_one_that_was_signed() {
    const GOOD: &str = include_str!("../../../tests/corpus/passkey/01");
    let stored = StoredCredential {
        credential_id: "r1579gEHTcAO5YWNaC016Q".to_owned(),
        public_key: PUBLIC_KEY.to_owned(),
        transports: String::new(),
        aaguid: String::new(),
        counter: 0,
        backup_eligible: true,
        backed_up: true,
    };
    let (site, challenge) = (site(), PasskeyChallenge { state: STATE.to_owned(), made_at: MADE_AT });
    let is_accepted = |text: &str| {
        let Some(read) = ReadAnswer::parse(text) else { return false };
        site.check(&challenge, &read, (&stored, 0), "form").unwrap().is_ok()
    };
    assert!(is_accepted(GOOD));
    fuzz("passkey", &TOKENS, |input| {
        let Ok(text) = std::str::from_utf8(input) else { return };
        if is_accepted(text) {
            let decoded = |answer: &str| signed_parts(answer).map(|part| bytes(&part));
            assert_eq!(decoded(text), decoded(GOOD));
        }
    });
}

/// The bytes of a value, which the reader takes in several spellings.
fn bytes(value: &Value) -> Vec<u8> {
    let read: webauthn_rs::prelude::Base64UrlSafeData = serde_json::from_value(value.clone()).unwrap();
    read.to_vec()
}

#[test]
fn accepted_new_passkey_fits_its_row() {
    const GOOD: &str = include_str!("../../../tests/corpus/new_passkey/01");
    let (site, challenge) = (site(), PasskeyChallenge { state: NEW_STATE.to_owned(), made_at: MADE_AT });
    let added = site.check_new(&challenge, GOOD).unwrap().unwrap();
    assert_eq!((added.transports.as_str(), added.backed_up), ("hybrid internal", true));
    assert_eq!(added.aaguid, "ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4");
    fuzz("new_passkey", &TOKENS, |input| {
        let Ok(text) = std::str::from_utf8(input) else { return };
        let Some(added) = site.check_new(&challenge, text).unwrap() else { return };
        assert!(added.transports.len() <= 100 && added.aaguid.len() == 36 && added.credential_id.len() <= 1364);
        assert!(added.to_passkey(added.counter).is_ok(), "{added:?}");
    });
}
