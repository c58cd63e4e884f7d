//! What the operator puts in the place of Keyrack's name and looks.

mod accent;
mod image;
mod logo;
#[cfg(test)]
mod tests;

use std::{fmt, str::FromStr};

use unicode_normalization::UnicodeNormalization;

use crate::text::is_unsafe;

pub(crate) use accent::Shades;
#[cfg(test)]
pub(crate) use accent::THEMES;
pub use accent::{Accent, InvalidAccent};
pub use logo::{InvalidLogo, Logo};

/// Maximum number of characters of a site's name.
const MAX_NAME_CHARS: usize = 60;

/// How pages present the site. The default is Keyrack's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Brand {
    /// What pages call the site. New passwords may not mostly consist of it.
    pub name: SiteName,
    /// The picture in the header of each page. Default: Keyrack's key.
    pub logo: Option<Logo>,
    /// The colour of buttons and links. Default: Keyrack's green.
    pub accent: Option<Accent>,
}

/// The name of the site: 1 to 60 characters, none of them invisible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteName(String);

/// Why a name is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSiteName {
    /// It has no characters.
    #[error("the name is blank; leave the setting out for Keyrack's own")]
    Blank,
    /// It has more than 60 characters.
    #[error("use at most {MAX_NAME_CHARS} characters")]
    TooLong,
    /// It contains a character that is not seen, or that changes how other text is shown.
    #[error("remove the character U+{:04X}, which is invisible or changes the text around it", u32::from(*.0))]
    Hidden(char),
}

impl SiteName {
    /// The name, in Unicode's form NFC.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for SiteName {
    fn default() -> Self {
        Self("Keyrack".to_owned())
    }
}

impl fmt::Display for SiteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for SiteName {
    type Err = InvalidSiteName;

    fn from_str(text: &str) -> Result<Self, InvalidSiteName> {
        let name: String = text.trim().nfc().collect();
        match name.chars().find(|c| is_unsafe(*c)) {
            Some(c) => Err(InvalidSiteName::Hidden(c)),
            None if name.is_empty() => Err(InvalidSiteName::Blank),
            None if name.chars().count() > MAX_NAME_CHARS => Err(InvalidSiteName::TooLong),
            None => Ok(Self(name)),
        }
    }
}
