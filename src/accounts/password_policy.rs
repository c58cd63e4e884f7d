//! The policy for new passwords: long, and not easy to guess (ASVS 6.2).

use super::{email::Email, model::Password};

/// Minimum number of characters, where the password is the only factor (NIST SP 800-63B-4).
pub const MIN_LENGTH: usize = 15;
/// Maximum number of characters: enough for any passphrase, and few enough to hash at once.
pub const MAX_LENGTH: usize = 256;

/// Why a password is rejected. The message is for the person who chose it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordPolicyError {
    /// Shorter than [`MIN_LENGTH`].
    #[error("Use at least {MIN_LENGTH} characters; a few memorable words work well.")]
    TooShort,
    /// Longer than [`MAX_LENGTH`].
    #[error("Use at most {MAX_LENGTH} characters.")]
    TooLong,
    /// A pattern, or one of the most common passwords.
    #[error("This password is too easy to guess. Choose a different one.")]
    Common,
    /// The account's own email address or name.
    #[error("Do not use your own name or email address as the password.")]
    OwnName,
}

/// The words of which the long entries in public lists of common passwords consist.
const COMMON_PARTS: [&str; 34] = [
    "password",
    "passwort",
    "passw0rd",
    "p@ssword",
    "p@ssw0rd",
    "qwertyuiop",
    "qwertz",
    "qwerty",
    "azerty",
    "asdfghjkl",
    "asdfgh",
    "zxcvbnm",
    "1q2w3e4r5t",
    "1q2w3e4r",
    "1qaz2wsx",
    "q1w2e3r4",
    "letmein",
    "welcome",
    "iloveyou",
    "admin",
    "administrator",
    "changeme",
    "secret",
    "login",
    "abc123",
    "monkey",
    "dragon",
    "football",
    "baseball",
    "superman",
    "princess",
    "sunshine",
    "whatever",
    "test",
];

impl Password {
    /// Checks a new password of the user with this address, if it is known, and these names.
    pub fn check_policy<'a>(
        &self,
        email: Option<&Email>,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), PasswordPolicyError> {
        let length = self.expose().chars().count();
        if length < MIN_LENGTH {
            return Err(PasswordPolicyError::TooShort);
        }
        if length > MAX_LENGTH {
            return Err(PasswordPolicyError::TooLong);
        }
        let folded = self.expose().to_lowercase();
        let bare = letters_and_digits(&folded);
        let names = names.into_iter().map(|name| letters_and_digits(&name.to_lowercase()));
        let own: Vec<String> =
            names.chain(email.map(|email| letters_and_digits(email.as_str()))).filter(|name| name.len() > 2).collect();
        if email.is_some_and(|email| folded == email.as_str())
            || consists_of(&bare, &own.iter().map(String::as_str).collect::<Vec<_>>())
        {
            return Err(PasswordPolicyError::OwnName);
        }
        if consists_of(&bare, &COMMON_PARTS) || has_few_characters(&folded) || is_a_run(&folded) {
            return Err(PasswordPolicyError::Common);
        }
        Ok(())
    }
}

fn letters_and_digits(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// Whether `text` consists of nothing but these parts and digits, and has at least one of the parts.
fn consists_of(text: &str, parts: &[&str]) -> bool {
    let mut rest = text.to_owned();
    let mut found = false;
    for part in parts {
        found |= rest.contains(part);
        rest = rest.replace(part, "");
    }
    found && rest.chars().all(|c| c.is_ascii_digit())
}

/// Whether there are at most three different characters, as in `abababababababab`.
fn has_few_characters(text: &str) -> bool {
    let mut seen: Vec<char> = text.chars().collect();
    seen.sort_unstable();
    seen.dedup();
    seen.len() <= 3
}

/// Whether each character is next to the one before it in the alphabet, as in `123456789012345` or `abcdefghijklmnop`.
fn is_a_run(text: &str) -> bool {
    let codes: Vec<u32> = text.chars().map(u32::from).collect();
    let follows = |pair: &[u32]| {
        let [a, b] = [pair[0], pair[1]];
        b == a + 1
            || a == b + 1
            || (a == u32::from('9') && b == u32::from('0'))
            || (a == u32::from('0') && b == u32::from('9'))
    };
    codes.windows(2).all(follows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(password: &str) -> Result<(), PasswordPolicyError> {
        let email = "rajat.verma@example.com".parse().unwrap();
        Password::new(password).check_policy(Some(&email), ["Rajat", "Verma"])
    }

    #[test]
    fn length_is_counted_in_characters_not_bytes() {
        assert_eq!(check("fourteen chars"), Err(PasswordPolicyError::TooShort));
        assert_eq!(check("ümläüte zählen!"), Ok(()));
        assert_eq!(check(&"long enough ".repeat(21)), Ok(()));
        assert_eq!(check(&"long enough ".repeat(22)), Err(PasswordPolicyError::TooLong));
    }

    #[test]
    fn common_passwords_are_rejected() {
        for password in [
            "passwordpassword",
            "Password12345678",
            "qwertyuiopasdfghjkl",
            "1234567890123456",
            "aaaaaaaaaaaaaaaa",
            "abcdefghijklmnop",
            "admin-admin-admin-1",
        ] {
            assert_eq!(check(password), Err(PasswordPolicyError::Common), "{password}");
        }
    }

    #[test]
    fn own_name_or_address_is_rejected() {
        for password in ["rajat.verma@example.com", "Rajat Verma 1987", "RajatRajatRajat1"] {
            assert_eq!(check(password), Err(PasswordPolicyError::OwnName), "{password}");
        }
        assert_eq!(check("rajat likes green tea"), Ok(()));
    }
}
