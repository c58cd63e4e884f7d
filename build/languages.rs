//! The languages, and what their files can't say.

/// A language with a file in `locales/`.
pub struct Language {
    /// The BCP 47 tag, and the name of the file.
    pub code: &'static str,
    /// The plural category `one`, as a Rust expression on `n: usize` (Unicode CLDR, "Language Plural Rules").
    pub is_one: &'static str,
    /// What stands between groups of three digits.
    pub group_separator: &'static str,
}

/// All languages. The first one, English, says which messages there are.
pub const LANGUAGES: [Language; 2] = [
    Language { code: "en", is_one: "n == 1", group_separator: "," },
    Language { code: "de", is_one: "n == 1", group_separator: "." },
];

/// The name of the enum's variant: `EnXa` for `en-XA`.
pub fn variant(code: &str) -> String {
    let parts = code.split('-').map(|part| part[..1].to_uppercase() + &part[1..].to_lowercase());
    parts.collect()
}
