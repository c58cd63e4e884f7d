//! The names that owners give their sessions.

use unicode_normalization::UnicodeNormalization;

use crate::text::is_unsafe;

/// The name of a session: 1 to 64 characters in normal form C, none of which is invisible or changes the direction of
/// text. Blanks around it, repeated ones in it, variation selectors, and joiners that join nothing are removed, so that
/// two names do not differ in what is invisible. Letters of several scripts may still look alike.
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
        let name: String = visible(text).nfc().collect();
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
        let safe: String = text.chars().filter(|c| !is_unsafe(*c)).take(16 * Self::MAX_CHARS).collect();
        let shown: String = visible(&safe).chars().take(Self::MAX_CHARS).collect();
        (!shown.is_empty()).then_some(shown)
    }
}

/// The text without what changes nothing that can be seen: blanks around it and repeated ones, variation selectors, and
/// joiners beside characters that do not join.
fn visible(text: &str) -> String {
    let chars: Vec<char> = text.chars().filter(|c| !is_variation_selector(*c)).collect();
    let joins = |index: Option<usize>| index.and_then(|index| chars.get(index)).is_some_and(|c| can_join(*c));
    let is_shown = |index: usize, c: char| {
        !matches!(c, '\u{200C}' | '\u{200D}') || joins(index.checked_sub(1)) && joins(index.checked_add(1))
    };
    let shown: String = chars.iter().enumerate().filter(|(index, c)| is_shown(*index, **c)).map(|(_, c)| c).collect();
    let is_blank = |c: char| c.is_whitespace() || c == '\u{2800}';
    let words: Vec<&str> = shown.split(is_blank).filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

fn is_variation_selector(c: char) -> bool {
    matches!(c, '\u{180B}'..='\u{180D}' | '\u{180F}' | '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}')
}

/// Whether joiners change what is seen of this character: letters from Arabic to Mongolian, and emoji.
fn can_join(c: char) -> bool {
    matches!(c,
        '\u{600}'..='\u{1CFF}' | '\u{2190}'..='\u{2BFF}' | '\u{A800}'..='\u{ABFF}' | '\u{11000}'..='\u{11FFF}'
        | '\u{1F000}'..='\u{1FAFF}')
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
    fn hidden_character_makes_no_other_name() {
        for hidden in ['\u{200c}', '\u{200d}', '\u{2800}', '\u{fe0f}', '\u{e0100}', '\u{180b}', '\u{3000}'] {
            for text in [format!("Chrome{hidden}"), format!("{hidden}Chrome"), format!("Chrome {hidden}{hidden}")] {
                assert_eq!(parsed(&text).as_deref(), Some("Chrome"), "{text:?}");
                assert_eq!(SessionName::clean(&text).as_deref(), Some("Chrome"), "{text:?}");
            }
            assert_eq!(parsed(&hidden.to_string()), None);
        }
        assert_eq!(parsed("Ch\u{200d}rome").as_deref(), Some("Chrome"));
        assert_eq!(parsed("\u{1f4bb}\u{fe0f}").as_deref(), Some("\u{1f4bb}"));
    }

    #[test]
    fn long_or_deceptive_name_is_rejected() {
        for c in [
            '\u{1b}',
            '\0',
            '\u{202e}',
            '\u{2066}',
            '\u{200b}',
            '\u{e0041}',
            '\u{34f}',
            '\u{115f}',
            '\u{17b4}',
            '\u{180e}',
            '\u{2060}',
            '\u{3164}',
            '\u{fff0}',
            '\u{1d173}',
        ] {
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
