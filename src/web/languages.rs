//! The language of a page: the best one that the browser asks for, else the first one that is offered.

use actix_web::http::header::{ACCEPT_LANGUAGE, HeaderMap};

use crate::words::{Language, Words};

/// So many language ranges are read; browsers send fewer than ten.
const MAX_RANGES: usize = 32;

/// Longer ranges are skipped. A language tag with all its parts has about 30 bytes.
const MAX_RANGE_BYTES: usize = 64;

/// The languages that pages are offered in.
#[derive(Debug, Clone)]
pub(crate) struct Languages {
    offered: Vec<Language>,
}

impl Languages {
    /// The first one is that of pages for users who ask for none of them.
    pub fn new(offered: &[Language]) -> Self {
        Self { offered: offered.to_vec() }
    }

    /// The words for a request.
    pub fn words(&self, headers: &HeaderMap) -> Words {
        let asked_for = headers.get(ACCEPT_LANGUAGE).and_then(|value| self.best(value.as_bytes()));
        let language = asked_for.or(self.offered.first().copied());
        Words::new(language.unwrap_or(Language::En))
    }

    /// The best language for a value of `Accept-Language` (RFC 9110, 12.5.4).
    fn best(&self, value: &[u8]) -> Option<Language> {
        let ranges = value.split(|byte| *byte == b',').take(MAX_RANGES).filter_map(parse_range);
        let mut ranges: Vec<(&str, u16)> = ranges.filter(|(_, quality)| *quality > 0).collect();
        // Stable: of ranges with the same quality, the first one counts.
        ranges.sort_by_key(|(_, quality)| std::cmp::Reverse(*quality));
        ranges.into_iter().find_map(|(range, _)| self.lookup(range))
    }

    /// Finds a language by a range, or by the range without its last parts (RFC 4647, 3.4): `de` for `de-AT`.
    fn lookup(&self, range: &str) -> Option<Language> {
        let tags = std::iter::successors(Some(range), |range| Some(range.rsplit_once('-')?.0));
        let offered =
            |tag: &str| self.offered.iter().copied().find(|language| language.code().eq_ignore_ascii_case(tag));
        tags.into_iter().find_map(offered)
    }
}

/// A language range and its quality in thousandths: `("de-AT", 800)` for `de-AT;q=0.8`.
fn parse_range(text: &[u8]) -> Option<(&str, u16)> {
    let text = str::from_utf8(text).ok()?;
    let (range, parameter) = text.split_once(';').unwrap_or((text, "q=1"));
    let range = range.trim();
    let (name, value) = parameter.trim().split_once('=')?;
    let is_range = (1..=MAX_RANGE_BYTES).contains(&range.len());
    if !is_range || !name.eq_ignore_ascii_case("q") {
        return None;
    }
    Some((range, parse_quality(value)?))
}

/// `1`, `0`, or one of them with up to three decimals, at most 1 (RFC 9110, 12.4.2).
fn parse_quality(value: &str) -> Option<u16> {
    let (whole, decimals) = value.split_once('.').unwrap_or((value, ""));
    let is_valid = decimals.len() <= 3 && decimals.bytes().all(|byte| byte.is_ascii_digit());
    let thousandths: u16 = format!("{decimals:0<3}").parse().ok().filter(|_| is_valid)?;
    match whole {
        "0" => Some(thousandths),
        "1" if thousandths == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(value: &str) -> Option<Language> {
        Languages::new(&[Language::En, Language::De]).best(value.as_bytes())
    }

    #[test]
    fn language_with_highest_quality_is_chosen() {
        for value in
            ["de", "de-AT", "DE-at-1996", "fr, de;q=0.5, en;q=0.4", "en;q=0.7,de;q=0.701", "en;q=0, de;q=0.001"]
        {
            assert_eq!(best(value), Some(Language::De), "{value}");
        }
        for value in ["en-GB, de", "de;q=0.8, en", "en;q=0.5, de;q=0.5", "xx-de, de; q=0.9, en;Q=1.000"] {
            assert_eq!(best(value), Some(Language::En), "{value}");
        }
    }

    #[test]
    fn other_languages_and_malformed_values_are_ignored() {
        let many = "fr,".repeat(MAX_RANGES) + "de";
        let long = format!("de-{}", "a".repeat(MAX_RANGE_BYTES));
        for value in [
            "",
            "*",
            ",,",
            "fr",
            "deutsch",
            "-de",
            "de;q=2",
            "de;q=0",
            "de;q=0.0001",
            "de;q=",
            "de;level=1",
            &many,
            &long,
        ] {
            assert_eq!(best(value), None, "{value}");
        }
        assert_eq!(Languages::new(&[Language::En]).best(b"de\xff, en"), Some(Language::En));
    }

    #[test]
    fn first_language_is_the_fallback() {
        let languages = Languages::new(&[Language::De, Language::En]);
        assert_eq!(languages.words(&HeaderMap::new()).language(), Language::De);
    }
}
