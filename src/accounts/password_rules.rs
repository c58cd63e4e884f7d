//! What a new password must be: long, and not the first thing that somebody would guess (ASVS 6.2).

use super::{model::Email, passwords::Password};

/// The fewest characters, where the password is the only factor (NIST SP 800-63B-4).
pub const MIN_LENGTH: usize = 15;
/// The most characters: enough for any passphrase, too few to make hashing a burden.
pub const MAX_LENGTH: usize = 256;

/// Why a password is refused; the sentence is for the person who chose it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordPolicyError {
    /// Under [`MIN_LENGTH`].
    #[error("Use at least {MIN_LENGTH} characters; a few words you will remember do well.")]
    TooShort,
    /// Over [`MAX_LENGTH`].
    #[error("Use at most {MAX_LENGTH} characters.")]
    TooLong,
    /// A pattern, or a password of the top lists.
    #[error("This is among the first that an attacker would try. Choose one that is yours alone.")]
    Common,
    /// The account's own e-mail address or name.
    #[error("Do not use your own name or email address as the password.")]
    OwnName,
}

/// Words that the long entries of public top lists are made of; those entries are repeated or joined from them.
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
    /// Checks a new password of the user with this address, as far as it is known, and these names.
    pub fn check_rules<'a>(
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
            || is_made_of(&bare, &own.iter().map(String::as_str).collect::<Vec<_>>())
        {
            return Err(PasswordPolicyError::OwnName);
        }
        if is_made_of(&bare, &COMMON_PARTS) || has_few_characters(&folded) || is_a_run(&folded) {
            return Err(PasswordPolicyError::Common);
        }
        Ok(())
    }
}

fn letters_and_digits(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// Whether nothing is left of `text` when the parts, and then digits, are taken away.
fn is_made_of(text: &str, parts: &[&str]) -> bool {
    let mut rest = text.to_owned();
    let mut found = false;
    for part in parts {
        found |= rest.contains(part);
        rest = rest.replace(part, "");
    }
    found && rest.chars().all(|c| c.is_ascii_digit())
}

/// Three different characters or fewer, as in `abababababababab`.
fn has_few_characters(text: &str) -> bool {
    let mut seen: Vec<char> = text.chars().collect();
    seen.sort_unstable();
    seen.dedup();
    seen.len() <= 3
}

/// Each character follows the one before it, as in `123456789012345` or `abcdefghijklmnop`.
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
        Password::new(password).check_rules(Some(&email), ["Rajat", "Verma"])
    }

    #[test]
    fn length_counts_characters_not_bytes() {
        assert_eq!(check("fourteen chars"), Err(PasswordPolicyError::TooShort));
        assert_eq!(check("ümläüte zählen!"), Ok(()));
        assert_eq!(check(&"long enough ".repeat(21)), Ok(()));
        assert_eq!(check(&"long enough ".repeat(22)), Err(PasswordPolicyError::TooLong));
    }

    #[test]
    fn what_everybody_tries_first_is_refused() {
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
    fn ones_own_name_is_refused() {
        for password in ["rajat.verma@example.com", "Rajat Verma 1987", "RajatRajatRajat1"] {
            assert_eq!(check(password), Err(PasswordPolicyError::OwnName), "{password}");
        }
        assert_eq!(check("rajat likes green tea"), Ok(()));
    }
}
