//! The names that owners give their sessions.

use unicode_normalization::UnicodeNormalization;

use crate::text::is_unsafe;

/// The name of a session: 1 to 64 characters in normal form C, none of which is invisible or changes the direction of
/// text. Blanks around it, and repeated ones in it, are removed, so that two names that look alike are alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionName(String);

/// Why a name is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSessionName {
    /// The name has more than 64 characters.
    #[error("Use at most {} characters.", SessionName::MAX_CHARS)]
    TooLong,
    /// The name contains a character by which it could pass for another name, or change the text beside it.
    #[error("Remove the character U+{:04X}, which is invisible or changes the direction of text.", u32::from(*.0))]
    HiddenCharacter(char),
}

impl SessionName {
    /// Maximum number of characters.
    pub const MAX_CHARS: usize = 64;

    /// Parses what was typed; `None` if it is empty, which removes a name.
    ///
    /// # Errors
    /// If the name is too long, or contains a character that must not be shown.
    pub fn parse(text: &str) -> Result<Option<Self>, InvalidSessionName> {
        // Longer texts are not normalised. No character becomes more than three characters.
        if text.len() > 16 * Self::MAX_CHARS {
            return Err(InvalidSessionName::TooLong);
        }
        let name: Vec<&str> = text.split_whitespace().collect();
        let name: String = name.join(" ").nfc().collect();
        match name.chars().find(|c| is_unsafe(*c)) {
            Some(c) => Err(InvalidSessionName::HiddenCharacter(c)),
            None if name.chars().count() > Self::MAX_CHARS => Err(InvalidSessionName::TooLong),
            None => Ok((!name.is_empty()).then_some(Self(name))),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name in a row, which another program may have written: cleaned, and cut after 64 characters.
    pub(super) fn clean(text: &str) -> Option<String> {
        let shown: String = text.trim().chars().filter(|c| !is_unsafe(*c)).take(Self::MAX_CHARS).collect();
        (!shown.is_empty()).then_some(shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<String> {
        SessionName::parse(text).unwrap().map(|name| name.0)
    }

    #[test]
    fn name_is_trimmed_and_normalised() {
        assert_eq!(parsed("  My \t phone\r\n").as_deref(), Some("My phone"));
        assert_eq!(parsed("Zoe\u{308}").as_deref(), Some("Zo\u{eb}"));
        for empty in ["", "  ", "\u{a0}\n"] {
            assert_eq!(parsed(empty), None);
        }
        for name in ["\u{645}\u{6cc}\u{200c}\u{631}", "\u{1f469}\u{200d}\u{1f4bb}", &"\u{e9}".repeat(64)] {
            assert_eq!(parsed(name).as_deref(), Some(name));
        }
    }

    #[test]
    fn long_or_deceptive_name_is_rejected() {
        for c in ['\u{1b}', '\0', '\u{202e}', '\u{2066}', '\u{200b}', '\u{e0041}'] {
            let error = SessionName::parse(&format!("a{c}b")).unwrap_err();
            assert_eq!(error, InvalidSessionName::HiddenCharacter(c));
        }
        for long in ["n".repeat(65), "\u{1f4bb}".repeat(65), "n".repeat(100_000)] {
            assert_eq!(SessionName::parse(&long), Err(InvalidSessionName::TooLong));
        }
        assert_eq!(parsed(&"e\u{301}".repeat(64)).map(|name| name.chars().count()), Some(64), "counted when composed");
    }

    #[test]
    fn name_of_another_program_is_cleaned_and_cut() {
        assert_eq!(SessionName::clean("pay\u{202e}lap\u{1b}").as_deref(), Some("paylap"));
        assert_eq!(SessionName::clean(" \u{200b}"), None);
        assert_eq!(SessionName::clean(&"n".repeat(70)).map(|name| name.len()), Some(64));
    }
}
