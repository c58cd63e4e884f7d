//! The policy for new passwords: long, not easy to guess, and not known to attackers (ASVS 6.2, NIST SP 800-63B-4).

mod dictionary;
mod estimate;
mod keyboard;
mod own_words;

use super::{
    breached_passwords::{BreachedPasswords, UnusableBreachFile},
    email::Email,
    model::Password,
};

use estimate::{Words, bits_of};
use own_words::own_words;

/// Minimum number of characters, where the password is the only factor (NIST SP 800-63B-4).
pub const MIN_LENGTH: usize = 15;
/// Maximum number of characters: enough for any passphrase, and few enough to hash at once.
pub const MAX_LENGTH: usize = 256;

/// A password whose estimate is lower is refused: an attacker who tries lists, patterns and combinations of them in the
/// order of their frequency finds it within 500 million guesses. Four random words from a list of 7,776 have 52 bits,
/// 15 random digits have 50.
const MIN_BITS: f64 = 29.0;

/// Why a password is rejected. The message is for the person who chose it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordPolicyError {
    /// Shorter than [`MIN_LENGTH`].
    #[error("Use at least {MIN_LENGTH} characters; a few memorable words work well.")]
    TooShort,
    /// Longer than [`MAX_LENGTH`].
    #[error("Use at most {MAX_LENGTH} characters.")]
    TooLong,
    /// One of the most common passwords, or made of few parts that attackers try.
    #[error(
        "This password is too easy to guess: it consists of common words, repetitions, sequences or neighbouring keys. \
         Use several words that have nothing to do with each other."
    )]
    Common,
    /// Mostly the account's own email address or names, or the site's.
    #[error(
        "This password mostly consists of your own name or email address, or the name of this site. Use several other \
         words."
    )]
    OwnName,
    /// In the operator's list of leaked passwords.
    #[error("This password appears in a list of leaked passwords, which attackers try first. Choose another one.")]
    Breached,
}

/// What new passwords are checked against, besides their length.
#[derive(Debug, Clone, Default)]
pub struct PasswordPolicy {
    site_words: Vec<String>,
    breached: Option<BreachedPasswords>,
}

impl PasswordPolicy {
    /// The policy of a site with this host and name. `breached` is the operator's list of leaked passwords, if there is
    /// one.
    pub fn new(site_host: &str, site_name: &str, breached: Option<BreachedPasswords>) -> Self {
        let words = [site_host, site_name].into_iter().flat_map(own_words::words_of_site);
        Self { site_words: words.collect(), breached }
    }

    /// Checks a new password of the user with this address, if it is known, and these names. The list of leaked
    /// passwords is not read: see [`is_breached`](Self::is_breached).
    pub(super) fn check<'a>(
        &self,
        password: &Password,
        email: Option<&Email>,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), PasswordPolicyError> {
        let text = password.expose();
        let length = text.chars().count();
        if length < MIN_LENGTH {
            return Err(PasswordPolicyError::TooShort);
        }
        if length > MAX_LENGTH {
            return Err(PasswordPolicyError::TooLong);
        }
        let own = own_words(email, names).chain(self.site_words.iter().cloned());
        if bits_of(text, &Words::common_and_own(own)) < MIN_BITS {
            let is_common = bits_of(text, &Words::common()) < MIN_BITS;
            return Err(if is_common { PasswordPolicyError::Common } else { PasswordPolicyError::OwnName });
        }
        Ok(())
    }

    /// Whether a new password is in the operator's list of leaked passwords. Reads a file.
    ///
    /// # Errors
    /// If the file can't be used right now.
    pub(super) fn is_breached(&self, password: &Password) -> Result<bool, UnusableBreachFile> {
        self.breached.as_ref().map_or(Ok(false), |list| list.contains(password.expose()))
    }

    /// Whether the password of a sign-in is in that list, as far as that can be said right now: the sign-in stands if
    /// the file can't be used.
    pub(super) fn is_breached_if_usable(&self, password: &Password) -> bool {
        self.breached.as_ref().is_some_and(|list| list.contains_if_usable(password.expose()))
    }
}

#[cfg(test)]
mod tests;
