//! Email addresses in one form, whichever way they are typed or stored.

use std::{fmt, str::FromStr};

use unicode_normalization::UnicodeNormalization;

use crate::text::is_unsafe;

/// An email address in its normal form, so that each spelling of an address belongs to one user on every engine,
/// whatever the database's collation is:
///
/// - in lower case, by Unicode's rules and not by those of a language;
/// - in Unicode's normal form C: a letter with its accent as one character;
/// - with the domain as people read it (UTS 46): browsers send `xn--bcher-kva.example` for `bücher.example`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Email(String);

/// A text that is not an email address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Enter an email address, like name@example.com.")]
pub struct InvalidEmail;

/// The longest address (RFC 5321).
const MAX_BYTES: usize = 254;

impl Email {
    /// The address as a string.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The empty address, which no user can have.
    pub(super) fn unmatchable() -> Self {
        Self(String::new())
    }

    /// The forms in which `users` may hold the address, its ASCII letters in lower case, the normal form first. Keyrack
    /// writes the normal form; other programs, and older versions of Keyrack, may have written another one. Most
    /// addresses have one form only.
    pub(super) fn stored_forms(&self) -> Vec<String> {
        let mut forms = vec![self.0.clone()];
        if self.0.is_ascii() {
            return forms;
        }
        let add = |form: String, forms: &mut Vec<String>| {
            if !forms.contains(&form) {
                forms.push(form);
            }
        };
        if let Some((local, domain)) = self.0.rsplit_once('@')
            && let Ok(domain) = idna::domain_to_ascii(domain)
        {
            add(format!("{local}@{domain}"), &mut forms);
        }
        for form in forms.clone() {
            let capitals: String = form.chars().flat_map(non_ascii_upper).collect();
            let mut rest = form.chars();
            let capitalised: String = rest.next().into_iter().flat_map(non_ascii_upper).chain(rest).collect();
            for form in [form, capitalised, capitals] {
                add(form.nfc().collect(), &mut forms);
                add(form.nfd().collect(), &mut forms);
            }
        }
        forms
    }

    /// Whether the lookup finds the address as another program has stored it.
    pub(super) fn is_found_as(&self, stored: &str) -> bool {
        self.stored_forms().contains(&stored.to_ascii_lowercase())
    }
}

fn non_ascii_upper(c: char) -> Vec<char> {
    if c.is_ascii() { vec![c] } else { c.to_uppercase().collect() }
}

impl FromStr for Email {
    type Err = InvalidEmail;

    /// Checks the form only; whether the address exists shows when mail is sent to it. At most 254 bytes (RFC 5321).
    fn from_str(text: &str) -> Result<Self, InvalidEmail> {
        let text = text.trim();
        let (local, domain) = text.rsplit_once('@').filter(|_| text.len() <= MAX_BYTES).ok_or(InvalidEmail)?;
        let local = fold(local);
        let domain = readable_domain(domain)?;
        let is_plain = |text: &str| !text.chars().any(|c| c.is_whitespace() || is_unsafe(c) || c == ',');
        let fits = local.len() + 1 + domain.len() <= MAX_BYTES && !local.is_empty() && !domain.is_empty();
        if fits && is_plain(&local) && is_plain(&domain) && !domain.contains('@') {
            Ok(Self(format!("{local}@{domain}")))
        } else {
            Err(InvalidEmail)
        }
    }
}

/// Lower case in normal form C. Composed before it is lowered, too: a decomposed capital may lower to another letter.
fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.nfc().collect::<String>().to_lowercase().nfc().collect()
}

/// The domain with U-labels. A domain of ASCII that is no valid one stays as it is: a label may begin with `xn--` by
/// chance, or stand for one that is no valid label itself.
fn readable_domain(domain: &str) -> Result<String, InvalidEmail> {
    let lower = domain.to_ascii_lowercase();
    if domain.is_ascii() && !lower.contains("xn--") {
        return Ok(lower);
    }
    let is_valid = |readable: &String| matches!(idna::domain_to_unicode(readable), (same, Ok(())) if same == *readable);
    match idna::domain_to_unicode(domain) {
        (readable, Ok(())) if is_valid(&readable) => Ok(readable),
        _ if domain.is_ascii() => Ok(lower),
        _ => Err(InvalidEmail),
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn normal(text: &str) -> String {
        text.parse::<Email>().unwrap_or_else(|_| panic!("{text:?}")).0
    }

    #[test]
    fn email_is_validated_and_lowercased() {
        assert_eq!(normal(" Rajat.Verma@Example.COM "), "rajat.verma@example.com");
        assert_eq!(normal("a@[192.0.2.1]"), "a@[192.0.2.1]");
        let long = format!("{}@example.com", "a".repeat(250));
        let mapped = "a@b\u{FF20}c.example";
        for text in [
            "",
            "rajat",
            "@example.com",
            "rajat@",
            "a b@example.com",
            "a\r\nb@example.com",
            "a,b@example.com",
            "a@b\u{FF0C}c.example",
            "a@b\u{3000}c.example",
            mapped,
            long.as_str(),
        ] {
            assert_eq!(text.parse::<Email>(), Err(InvalidEmail), "{text:?}");
        }
    }

    #[test]
    fn every_spelling_of_an_address_is_one() {
        for (expected, spellings) in [
            (
                "anna@bücher.example",
                &[
                    "anna@xn--bcher-kva.example",
                    "ANNA@XN--BCHER-KVA.Example",
                    "Anna@BÜCHER.example",
                    "anna@bu\u{308}cher.example",
                ][..],
            ),
            (
                "müller@firma.example",
                &["mu\u{308}ller@firma.example", "MÜLLER@FIRMA.EXAMPLE", "MU\u{308}LLER@firma.example"],
            ),
            ("ilker@example.com", &["ILKER@EXAMPLE.COM", "Ilker@example.com"]),
            ("用户@例子.example", &["用户@xn--fsqu00a.example", "用户@例子。example"]),
            ("a@ex.example", &["a@\u{FF45}\u{FF58}.example"]),
        ] {
            assert_eq!(normal(expected), expected);
            for spelling in spellings {
                assert_eq!(normal(spelling), expected, "{spelling:?}");
            }
        }
        for (one, other) in [("straße@a.example", "strasse@a.example"), ("a@straße.example", "a@strasse.example")] {
            assert_ne!(normal(one), normal(other));
        }
        assert_eq!(normal("a@xn--.example"), "a@xn--.example", "no valid A-label, but it was an address before");
        assert_eq!(normal("a@xn--xn--`cher-kle"), "a@xn--xn--`cher-kle", "it stands for a label that is not valid");
    }

    #[test]
    fn address_of_ascii_has_one_stored_form() {
        assert_eq!("Rajat@Example.com".parse::<Email>().unwrap().stored_forms(), ["rajat@example.com"]);
    }

    #[test]
    fn other_stored_forms_are_found() {
        for (typed, stored) in [
            ("anna@bücher.example", "Anna@xn--bcher-kva.example"),
            ("anna@xn--bcher-kva.example", "anna@bu\u{308}cher.EXAMPLE"),
            ("müller@firma.example", "MÜLLER@FIRMA.EXAMPLE"),
            ("ünal@firma.example", "Ünal@firma.example"),
            ("çağla@firma.example", "Çağla@firma.example"),
            ("müller@bücher.example", "MU\u{308}LLER@XN--BCHER-KVA.EXAMPLE"),
        ] {
            assert!(typed.parse::<Email>().unwrap().is_found_as(stored), "{typed} {stored}");
        }
        assert!(!"çağla@a.example".parse::<Email>().unwrap().is_found_as("çaĞla@a.example"));
    }

    proptest! {
        #[test]
        fn normal_form_is_stable(text in "\\PC{1,20}@(\\PC{1,12}\\.)?\\PC{1,12}") {
            if let Ok(email) = text.parse::<Email>() {
                prop_assert_eq!(email.0.parse::<Email>().map(|again| again.0), Ok(email.0.clone()));
                prop_assert_eq!(&email.stored_forms()[0], &email.0);
            }
        }
    }
}
