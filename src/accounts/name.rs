//! The rules for names of users.

use crate::text::is_unsafe;

/// Maximum number of characters of a name.
pub(crate) const MAX_CHARS: usize = 64;

/// Why a name is rejected. The message is for the person who typed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// The name has more than 64 characters.
    #[error("Use at most {MAX_CHARS} characters.")]
    TooLong,
    /// The name contains a control character.
    #[error("Remove the control character U+{:04X}.", u32::from(*.0))]
    ControlCharacter(char),
    /// The name contains a character by which it could pass for another name.
    #[error("Remove the character U+{:04X}, which is invisible or changes the direction of text.", u32::from(*.0))]
    HiddenCharacter(char),
}

/// Checks a name.
pub fn check_name(name: &str) -> Result<(), InvalidName> {
    match name.chars().find(|c| is_unsafe(*c)) {
        Some(c) if c.is_control() => Err(InvalidName::ControlCharacter(c)),
        Some(c) => Err(InvalidName::HiddenCharacter(c)),
        None if name.chars().count() > MAX_CHARS => Err(InvalidName::TooLong),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_are_rejected_by_their_number() {
        let message = |name| check_name(name).unwrap_err().to_string();
        assert_eq!(
            message("pay\u{202e}lap"),
            "Remove the character U+202E, which is invisible or changes the direction of text."
        );
        assert_eq!(message("a\u{1b}[31m"), "Remove the control character U+001B.");
        assert_eq!(message(&"n".repeat(65)), "Use at most 64 characters.");
        for name in ["", "Zo\u{eb} \u{5e9}\u{5dc}\u{5d5}\u{5dd}", "\u{645}\u{6cc}\u{200c}\u{631}", &"n".repeat(64)] {
            assert_eq!(check_name(name), Ok(()));
        }
    }
}
