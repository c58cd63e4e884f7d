//! The lists of common passwords, in the form in which passwords are compared with them.

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use unicode_normalization::{UnicodeNormalization, char::canonical_combining_class};

/// Common passwords of less than 15 characters, the most common first. People build long passwords of them.
const SHORT: &str = include_str!("lists/short.txt");

/// Common passwords of 15 characters and more, the most common first.
const LONG: &str = include_str!("lists/long.txt");

/// Passphrases that are known to everyone, since they were published as examples or are sayings. Attackers try them
/// with any blanks and punctuation.
const PHRASES: &str = include_str!("lists/phrases.txt");

/// A list of words, each with the bits that an attacker needs to find it.
#[derive(Debug, Default)]
pub(super) struct Dictionary {
    bits: HashMap<Box<str>, f64>,
    /// The words that are refused whatever stands between their characters.
    phrases: HashSet<Box<str>>,
    /// Length of the longest word in characters.
    pub max_chars: usize,
}

static COMMON: LazyLock<Dictionary> = LazyLock::new(|| {
    let mut dictionary = Dictionary::default();
    for list in [SHORT, LONG] {
        for (rank, word) in (2_u32..).zip(entries(list)) {
            dictionary.add(word, f64::from(rank).log2());
        }
    }
    for (rank, phrase) in (2_u32..).zip(entries(PHRASES)) {
        let bare: String = phrase.chars().filter(|c| c.is_alphanumeric()).collect();
        dictionary.add(phrase, f64::from(rank).log2());
        dictionary.add(&bare, f64::from(rank).log2());
        dictionary.phrases.insert(skeleton(&bare));
    }
    dictionary
});

/// The entries of a list, without its comments.
fn entries(list: &str) -> impl Iterator<Item = &str> {
    list.lines().filter(|line| !line.starts_with('#'))
}

impl Dictionary {
    /// The common passwords.
    pub fn common() -> &'static Self {
        &COMMON
    }

    /// Adds a word, which costs so many bits unless it is already in the dictionary and costs less.
    pub fn add(&mut self, word: &str, bits: f64) {
        let skeleton = skeleton(word);
        self.max_chars = self.max_chars.max(skeleton.chars().count());
        let known = self.bits.entry(skeleton).or_insert(bits);
        *known = known.min(bits);
    }

    /// The bits of a word, given as its skeleton.
    pub fn bits_of(&self, skeleton: &str) -> Option<f64> {
        self.bits.get(skeleton).copied()
    }

    /// Whether letters and digits, given as their skeleton, are a phrase that is known to everyone.
    pub fn is_phrase(&self, skeleton: &str) -> bool {
        self.phrases.contains(skeleton)
    }
}

/// The form in which a word is looked up. ASCII, such as nearly all of the lists, has no accents to decompose: that
/// would take most of the time in which a command starts that checks a password.
fn skeleton(word: &str) -> Box<str> {
    if word.is_ascii() {
        return word.chars().map(|c| skeleton_of(c.to_ascii_lowercase())).collect::<String>().into_boxed_str();
    }
    fold(word).map(skeleton_of).collect::<String>().into_boxed_str()
}

/// The characters without case, accents and width (Unicode's compatibility decomposition).
pub(super) fn fold(text: &str) -> impl Iterator<Item = char> + '_ {
    let is_base = |c: &char| canonical_combining_class(*c) == 0;
    text.nfkd().filter(is_base).flat_map(char::to_lowercase).filter(is_base)
}

/// One character for all that are written in each other's place, such as `0` for `o`.
pub(super) fn skeleton_of(c: char) -> char {
    match c {
        '4' | '@' => 'a',
        '8' => 'b',
        '(' => 'c',
        '3' | '€' => 'e',
        '6' | '9' => 'g',
        '1' | '!' | '|' | 'l' | '¡' => 'i',
        '0' => 'o',
        '5' | '$' | '§' => 's',
        '7' | '+' => 't',
        '2' => 'z',
        c => c,
    }
}
