//! Mutated addresses, stored hashes and new passwords. See `crate::fuzz`.

use super::{
    email::Email,
    model::Password,
    password_policy::{PasswordPolicy, PasswordPolicyError},
    passwords::cost_of,
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
fn stored_hash_has_a_bounded_cost_or_is_unreadable() {
    let tokens = ["$argon2id", "$argon2i", "$v=19", "$m=", "t=", "p=", ",", "$", "4294967295", "0", "a2V5", "="];
    fuzz("stored_hash", &tokens, |input| {
        let text = String::from_utf8_lossy(input);
        if let Some(cost) = cost_of(&text) {
            assert!(cost.is_within(super::HashCost::MAX), "{cost}");
        }
    });
}
