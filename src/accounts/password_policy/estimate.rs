//! Estimates how many guesses an attacker needs who knows how people choose passwords, after the idea of zxcvbn.
//!
//! The password is split into parts that can be described with few bits: a common password or another known word, a
//! sequence, a walk over neighbouring keys, a date, a copy of an earlier part, or a single character. The estimate is
//! that of the cheapest split.

use std::ops::Range;

use super::{
    dictionary::{Dictionary, fold, skeleton_of},
    keyboard,
};

/// Bits that say of which kind a part is.
const KIND_BITS: f64 = 1.0;
/// Bits of the user's own words and the site's: there are few of them.
const OWN_WORD_BITS: f64 = 2.0;
/// Bits for the direction of a word that is written backwards.
const BACKWARDS_BITS: f64 = 1.0;
/// Bits of a sequence: where it begins, and how long it is.
const SEQUENCE_BITS: f64 = 6.0;
/// Bits of a key at which a walk begins, and of its length.
const WALK_BITS: f64 = 6.0;
/// Bits of each turn of a walk.
const TURN_BITS: f64 = 1.2;
/// Bits of a year, and of a day.
const YEAR_BITS: f64 = 7.0;
const DATE_BITS: f64 = 16.0;
/// Bits of a repetition of what comes just before it, and of each character that changes in it.
const REPEAT_BITS: f64 = 3.0;
const CHANGE_BITS: f64 = 5.0;
/// Bits of a copy of another earlier part.
const COPY_BITS: f64 = 7.0;
/// Bits of a character that belongs to no other part.
const DIGIT_BITS: f64 = 3.3;
const LETTER_BITS: f64 = 4.7;
const OTHER_BITS: f64 = 5.5;
/// Bits for where the characters are that are neither letters nor digits, if they are described apart.
const PUNCTUATION_BITS: f64 = 6.0;

/// Larger steps between characters are no sequence.
const MAX_STEP: i64 = 3;

/// Shorter words, copies and walks save little, and occur by chance.
const MIN_WORD_CHARS: usize = 3;
const MIN_COPY_CHARS: usize = 4;
const MIN_WALK_CHARS: usize = 4;

/// As many characters as a password may have. More are not examined: some letters decompose into many.
const MAX_CHARS: usize = 256;

/// The words that the password may consist of.
pub(super) struct Words {
    common: &'static Dictionary,
    own: Dictionary,
}

impl Words {
    /// The common passwords.
    pub fn common() -> Self {
        Self { common: Dictionary::common(), own: Dictionary::default() }
    }

    /// The common passwords, and words that the attacker knows of the user and the site.
    pub fn common_and_own(words: impl IntoIterator<Item = String>) -> Self {
        let mut own = Dictionary::default();
        for word in words {
            own.add(&word, OWN_WORD_BITS);
            let bare: String = word.chars().filter(|c| c.is_alphanumeric()).collect();
            own.add(&bare, OWN_WORD_BITS);
        }
        Self { common: Dictionary::common(), own }
    }

    fn bits_of(&self, skeleton: &str) -> Option<f64> {
        [self.own.bits_of(skeleton), self.common.bits_of(skeleton)].into_iter().flatten().reduce(f64::min)
    }

    fn max_chars(&self) -> usize {
        self.common.max_chars.max(self.own.max_chars)
    }
}

/// The base-2 logarithm of the number of guesses.
pub(super) fn bits_of(password: &str, words: &Words) -> f64 {
    let chars: Vec<char> = fold(password).take(MAX_CHARS).collect();
    let (letters_and_digits, others): (Vec<char>, Vec<char>) = chars.iter().partition(|c| c.is_alphanumeric());
    let skeleton: String = letters_and_digits.iter().copied().map(skeleton_of).collect();
    if words.common.is_phrase(&skeleton) {
        // Its punctuation is known, too.
        return KIND_BITS + PUNCTUATION_BITS;
    }
    let estimate = |chars: &[char]| Estimate::new(chars, words).bits();
    let apart = estimate(&letters_and_digits) + estimate(&others) + PUNCTUATION_BITS;
    estimate(&chars).min(apart)
}

/// The cheapest way to describe the first characters of a password, for each number of them.
struct Estimate<'a> {
    chars: &'a [char],
    words: &'a Words,
    bits: Vec<f64>,
}

impl<'a> Estimate<'a> {
    fn new(chars: &'a [char], words: &'a Words) -> Self {
        let mut bits = vec![f64::INFINITY; chars.len() + 1];
        bits[0] = 0.0;
        Self { chars, words, bits }
    }

    fn bits(mut self) -> f64 {
        let text = Skeleton::new(self.chars.iter().copied());
        let backwards = Skeleton::new(self.chars.iter().rev().copied());
        for start in 0..self.chars.len() {
            self.add_character(start);
            self.add_words(start, &text, &backwards);
            self.add_sequences(start);
            self.add_walks(start);
            self.add_dates(start);
            self.add_repetitions(start);
            self.add_copies(start);
        }
        self.bits[self.chars.len()]
    }

    /// Notes that the characters of `part` can be described with so many bits.
    fn add(&mut self, part: Range<usize>, bits: f64) {
        let total = self.bits[part.start] + bits + KIND_BITS;
        let known = &mut self.bits[part.end];
        *known = known.min(total);
    }

    fn add_character(&mut self, start: usize) {
        let bits = match self.chars[start] {
            c if c.is_ascii_digit() => DIGIT_BITS,
            c if c.is_ascii_alphabetic() => LETTER_BITS,
            _ => OTHER_BITS,
        };
        // Of all kinds, this one needs no bits of its own.
        self.add(start..start + 1, bits - KIND_BITS);
    }

    fn add_words(&mut self, start: usize, text: &Skeleton, backwards: &Skeleton) {
        let length = self.chars.len();
        for end in start + MIN_WORD_CHARS..=length.min(start + self.words.max_chars()) {
            if let Some(bits) = self.words.bits_of(text.part(start..end)) {
                self.add(start..end, bits);
            }
            if let Some(bits) = self.words.bits_of(backwards.part(length - end..length - start)) {
                self.add(start..end, bits + BACKWARDS_BITS);
            }
        }
    }

    /// Sequences with equal steps, such as `123456`, `aceg` and `9876`, and up to three that alternate, as in
    /// `a1b2c3d4` and `001002003`.
    fn add_sequences(&mut self, start: usize) {
        for (count, bits) in (1..=3).zip((1..).map(|count| SEQUENCE_BITS * f64::from(count))) {
            let mut end = start + 2 * count;
            while end < self.chars.len() && self.continues_sequence(end, count) {
                end += 1;
                self.add(start..end, bits);
            }
        }
    }

    /// Whether the step to the character at `end` is the same as the one before, and short.
    fn continues_sequence(&self, end: usize, count: usize) -> bool {
        let [first, second, third] = [2 * count, count, 0].map(|back| self.chars[end - back]);
        step(first, second) == step(second, third) && step(second, third).abs() <= MAX_STEP
    }

    fn add_walks(&mut self, start: usize) {
        let chars = self.chars;
        keyboard::walks_from(chars, start, |end, turns| {
            if end - start >= MIN_WALK_CHARS {
                self.add(start..end, WALK_BITS + TURN_BITS * f64::from(turns));
            }
        });
    }

    fn add_dates(&mut self, start: usize) {
        let digits: Vec<u32> = self.chars[start..].iter().take(8).map_while(|c| c.to_digit(10)).collect();
        let number = |range: Range<usize>| digits[range].iter().fold(0, |number, digit| number * 10 + digit);
        let is_year = |at: usize| (1900..2050).contains(&number(at..at + 4));
        let is_day = |first: u32, second: u32| {
            (1..=31).contains(&first) && (1..=12).contains(&second)
                || (1..=12).contains(&first) && (1..=31).contains(&second)
        };
        if digits.len() >= 4 && is_year(0) {
            self.add(start..start + 4, YEAR_BITS);
        }
        if digits.len() >= 6 && (is_day(number(0..2), number(2..4)) || is_day(number(2..4), number(4..6))) {
            self.add(start..start + 6, DATE_BITS);
        }
        if digits.len() >= 8
            && (is_day(number(0..2), number(2..4)) && is_year(4) || is_year(0) && is_day(number(4..6), number(6..8)))
        {
            self.add(start..start + 8, DATE_BITS);
        }
    }

    /// Repetitions of what comes just before, any number of times. Up to two characters may change by equal steps, as
    /// in `test1test2test3`.
    fn add_repetitions(&mut self, start: usize) {
        for period in 1..=start {
            let mut steps = Vec::new();
            let (mut changed, mut end) = (0, start);
            for at in start..self.chars.len() {
                let step = step(self.chars[at - period], self.chars[at]);
                match steps.get((at - start) % period) {
                    Some(expected) if *expected == step => {}
                    None if step == 0 => steps.push(0),
                    None if step.abs() <= MAX_STEP && changed < 2 => {
                        changed += 1;
                        steps.push(step);
                    }
                    _ => break,
                }
                end = at + 1;
                if end >= start + period.max(2) {
                    self.add(start..end, REPEAT_BITS + CHANGE_BITS * f64::from(changed));
                }
            }
            if changed == 0 && end == self.chars.len() {
                // No longer period describes any of these ends with fewer bits.
                break;
            }
        }
    }

    /// Copies of what stands earlier, at another place than just before.
    fn add_copies(&mut self, start: usize) {
        let rest = start..self.chars.len();
        let length_of = |original: usize| {
            let is_same = |at: &usize| self.chars[*at] == self.chars[*at - start + original];
            rest.clone().take_while(is_same).count()
        };
        let longest = (0..start).map(length_of).max().unwrap_or(0);
        for copied in MIN_COPY_CHARS..=longest {
            self.add(start..start + copied, COPY_BITS);
        }
    }
}

/// The step from one character to another. Digits go on after 9.
fn step(from: char, to: char) -> i64 {
    match (from, to) {
        ('9', '0') => 1,
        ('0', '9') => -1,
        _ => i64::from(u32::from(to)) - i64::from(u32::from(from)),
    }
}

/// The skeletons of characters, as a text of which any part can be looked up.
struct Skeleton {
    text: String,
    /// Where each character begins, and where the last one ends.
    offsets: Vec<usize>,
}

impl Skeleton {
    fn new(chars: impl Iterator<Item = char>) -> Self {
        let text: String = chars.map(skeleton_of).collect();
        let offsets = text.char_indices().map(|(offset, _)| offset).chain([text.len()]).collect();
        Self { text, offsets }
    }

    fn part(&self, chars: Range<usize>) -> &str {
        &self.text[self.offsets[chars.start]..self.offsets[chars.end]]
    }
}
