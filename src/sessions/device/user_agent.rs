//! The parts of a `User-Agent`: words, of which some are products such as "Firefox/140.0".

use std::{cmp::Ordering, ops::Range};

/// The longest string that is parsed, in bytes; the rest is cut, so that a hostile header costs no more than a real
/// one.
const MAX_INPUT: usize = 512;

/// The longest name that is taken from the string. With a space and a version of six digits, a name has at most 40
/// characters.
const MAX_NAME: usize = 32;

/// The words of 64 bits that note pairs of bytes.
const PAIR_WORDS: usize = 64;

/// A `User-Agent`.
pub(super) struct UserAgent<'a> {
    pub text: &'a str,
    /// The text in lower case, for texts that are written in several ways.
    pub lower: String,
    pub words: Vec<Word<'a>>,
    /// The pairs of adjacent bytes in the text in lower case, as bits at their hashes. Most of the hundreds of texts that are
    /// looked for have a pair that the string has not.
    pairs: [u64; PAIR_WORDS],
}

/// A word of a `User-Agent`.
#[derive(Clone, Copy)]
pub(super) struct Word<'a> {
    pub text: &'a str,
    /// The text before the first slash.
    pub name: &'a str,
    /// The text after it.
    pub version: Option<&'a str>,
    /// Where the name begins.
    start: usize,
    /// The number of the comment, in brackets, that it stands in; none is 0.
    pub comment: usize,
}

impl<'a> UserAgent<'a> {
    pub fn parse(text: &'a str) -> Self {
        // Configurations of clients sometimes put the string in quotation marks.
        let text = cut(text).trim_matches([' ', '"', '\'']);
        let (mut depth, mut comment) = (0_usize, 0);
        let mut words = Vec::new();
        let mut start = 0;
        for (end, character) in text.char_indices() {
            if matches!(character, ' ' | ';' | ',' | '(' | ')' | '[' | ']' | '"' | '|' | '{' | '}' | '<' | '>') {
                push_word(&mut words, text, start..end, if depth > 0 { comment } else { 0 });
                start = end + character.len_utf8();
                comment += usize::from(character == '(' && depth == 0);
                depth = match character {
                    '(' => depth + 1,
                    ')' => depth.saturating_sub(1),
                    _ => depth,
                };
            }
        }
        push_word(&mut words, text, start..text.len(), if depth > 0 { comment } else { 0 });
        let lower = text.to_ascii_lowercase();
        let mut pairs = [0; PAIR_WORDS];
        for pair in lower.as_bytes().windows(2) {
            let (word, bit) = place(pair);
            pairs[word] |= bit;
        }
        Self { text, lower, words, pairs }
    }

    /// The name of a word in lower case.
    pub fn lower_name(&self, word: &Word<'_>) -> &str {
        &self.lower[word.start..word.start + word.name.len()]
    }

    /// Whether the text contains any of these, which are in lower case.
    pub fn contains_any(&self, parts: &[&str]) -> bool {
        parts.iter().any(|part| self.contains(part))
    }

    /// Whether the text contains this, which is in lower case.
    pub fn contains(&self, part: &str) -> bool {
        let has_pair = |pair: &[u8]| {
            let (word, bit) = place(pair);
            self.pairs[word] & bit != 0
        };
        part.as_bytes().windows(2).all(has_pair) && self.lower.contains(part)
    }

    /// Whether the text contains this, which is in lower case, at the beginning of a word: "tizen", but not in
    /// `CitizenFX`.
    pub fn contains_start(&self, part: &str) -> bool {
        self.contains(part) && self.start_of(part).is_some()
    }

    /// The first word with this name, in any case.
    pub fn find(&self, name: &str) -> Option<&Word<'a>> {
        self.words.iter().find(|word| word.name.eq_ignore_ascii_case(name))
    }

    /// Whether there is a word with this name, in any case.
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The major version of the product with this name.
    pub fn major_of(&self, name: &str) -> Option<&'a str> {
        self.words.iter().filter(|word| word.name.eq_ignore_ascii_case(name)).find_map(Word::major)
    }

    /// The text that follows the first occurrence of a text in lower case at the beginning of a word.
    pub fn after(&self, part: &str) -> Option<&'a str> {
        if !self.contains(part) {
            return None;
        }
        self.text.get(self.start_of(part)? + part.len()..)
    }

    /// Where this is first at the beginning of a word. A text that begins with a separator is at one anywhere.
    fn start_of(&self, part: &str) -> Option<usize> {
        let is_separated = !part.starts_with(char::is_alphanumeric);
        let is_start = |start: &usize| is_separated || !self.lower[..*start].ends_with(char::is_alphanumeric);
        self.lower.match_indices(part).map(|(start, _)| start).find(is_start)
    }

    /// Whether it begins as browsers do, other than with the name of a program.
    pub fn is_mozilla(&self) -> bool {
        self.lower.starts_with("mozilla/") || self.lower.starts_with("opera/")
    }
}

impl<'a> Word<'a> {
    pub fn in_comment(&self) -> bool {
        self.comment > 0
    }

    /// Whether the word can be the name of a product: it has a version, or stands outside of comments, which contain
    /// names of models.
    pub fn is_product(&self) -> bool {
        self.version.is_some() || !self.in_comment()
    }

    /// The major version of a product.
    pub fn major(&self) -> Option<&'a str> {
        self.version.and_then(major)
    }

    /// The name and the major version of a product, if they are safe to show.
    pub fn as_name(&self) -> Option<String> {
        let name = safe_name(self.name)?;
        Some(versioned(name, self.major()))
    }
}

/// The word and the bit of a pair of bytes.
fn place(pair: &[u8]) -> (usize, u64) {
    let hash = pair.iter().fold(0_usize, |hash, byte| hash * 67 + usize::from(*byte));
    (hash / 64 % PAIR_WORDS, 1 << (hash % 64))
}

fn push_word<'a>(words: &mut Vec<Word<'a>>, whole: &'a str, Range { mut start, end }: Range<usize>, comment: usize) {
    let text = &whole[start..end];
    if text.is_empty() {
        return;
    }
    let split = |text: &'a str| text.split_once('/').map_or((text, None), |(name, version)| (name, Some(version)));
    let (mut name, mut version) = split(text);
    // "XiaoMi/MiuiBrowser/14.51".
    if let Some(product) = version.filter(|product| product.contains('/') && product.starts_with(char::is_alphabetic)) {
        start = end - product.len();
        (name, version) = split(product);
    }
    words.push(Word { text, name, version, start, comment });
}

fn cut(text: &str) -> &str {
    (0..=text.len().min(MAX_INPUT)).rev().find_map(|end| text.get(..end)).unwrap_or_default()
}

/// The digits before the first point; "v2.4" is 2. A number that is too long for a version is dropped.
pub(super) fn major(version: &str) -> Option<&str> {
    let version = version.strip_prefix(['v', 'V']).unwrap_or(version);
    let digits = version.split(|c: char| !c.is_ascii_digit()).next()?;
    (1..=6).contains(&digits.len()).then_some(digits)
}

/// A name, followed by a version if there is one.
pub(super) fn versioned(name: &str, version: Option<&str>) -> String {
    version.map_or_else(|| name.to_owned(), |version| format!("{name} {version}"))
}

/// Passes a text of the string that becomes a name only if all its characters are safe to show.
pub(super) fn safe_name(name: &str) -> Option<&str> {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+' | '!' | '&' | ' ');
    let shown = (2..=MAX_NAME).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !name.ends_with(' ')
        && name.contains(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(safe);
    shown.then_some(name)
}

/// Finds the value of a name, in any case, in a table that is sorted by names in lower case.
pub(super) fn look_up<T: Copy>(table: &[(&str, T)], name: &str) -> Option<T> {
    let index = table.binary_search_by(|(key, _)| compare_lower(key, name)).ok()?;
    Some(table[index].1)
}

/// Compares a name in lower case with one in any case.
fn compare_lower(key: &str, name: &str) -> Ordering {
    key.bytes().cmp(name.bytes().map(|byte| byte.to_ascii_lowercase()))
}
