//! Mutated addresses, stored hashes and new passwords. See `crate::fuzz`.

use super::{
    email::Email,
    model::Password,
    password_policy::{PasswordPolicy, PasswordPolicyError},
    stored_hash::{HashSecrets, StoredHash},
};
use crate::fuzz::fuzz;

#[test]
fn email_address_has_one_normal_form() {
    let tokens = ["@", ".", "xn--", "ü", "u\u{308}", "İ", "ß", "Σ", "\u{202e}", " ", ",", "\"", "example.com", "。"];
    fuzz("email", &tokens, |input| {
        let Ok(text) = std::str::from_utf8(input) else { return };
        let Ok(email) = text.parse::<Email>() else { return };
        assert_eq!(email.as_str().parse::<Email>().as_ref(), Ok(&email), "{text:?}");
        assert!(email.as_str().len() <= 254 && !email.as_str().contains(char::is_whitespace), "{email:?}");
        assert!(email.is_found_as(email.as_str()));
    });
}

#[test]
fn new_password_of_any_text_is_judged() {
    let tokens =
        ["password", "qwertyuiop", "123456789", "a", "\u{301}", "\u{fdfa}", "🦊", " ", "19990101", "rajat", "0"];
    let policy = PasswordPolicy::new("keys.example.com", "", None);
    let email = "rajat.verma@example.com".parse().unwrap();
    fuzz("password", &tokens, |input| {
        let text = String::from_utf8_lossy(input);
        let password = Password::new(&text);
        let verdict = policy.check(&password, Some(&email), ["Rajat"]);
        let length = password.expose().chars().count();
        assert_eq!(verdict == Err(PasswordPolicyError::TooShort), length < 15, "{text:?}");
        assert_eq!(verdict == Err(PasswordPolicyError::TooLong), length > 256, "{text:?}");
        if !text.is_ascii() {
            return;
        }
        let capitals = policy.check(&Password::new(&text.to_ascii_uppercase()), Some(&email), ["Rajat"]);
        assert_eq!(capitals, verdict, "case makes no difference: {text:?}");
    });
}

#[test]
fn any_stored_hash_is_parsed_or_refused() {
    let tokens = [
        "$argon2id",
        "$argon2i",
        "$v=19",
        "$m=",
        "t=",
        "p=",
        ",",
        "$",
        "4294967295",
        "0",
        "a2V5",
        "=",
        "$2b$",
        "12",
        "$bcrypt-sha256$",
        "v=2,t=2b,r=",
        "pbkdf2_sha256$",
        "$pbkdf2-sha512$",
        "scrypt$",
        "$scrypt$",
        "ln=",
        "r=",
        ":",
        "00112233",
        "$firescrypt$",
    ];
    let secrets = HashSecrets::default();
    fuzz("stored_hash", &tokens, |input| {
        let text = String::from_utf8_lossy(input);
        if let Ok(hash) = StoredHash::parse(&text, &secrets) {
            assert_eq!(hash.scheme(), hash.scheme().decoy().scheme(), "{text}");
        }
    });
}
