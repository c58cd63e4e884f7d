//! The language of a page: the one that its user has chosen, else the best one that the browser asks for, else the first
//! one that is offered. `docs/languages.md` tells it to operators.

use actix_web::{
    cookie::{Cookie, SameSite, time::Duration},
    http::header::{ACCEPT_LANGUAGE, HeaderMap},
};

use super::cookie::cookie_values;
use crate::{
    config::PublicUrl,
    words::{Language, LanguageSet, Site, Words},
};

/// How long a choice is kept. Browsers keep no cookie longer.
const CHOICE_LIFETIME: Duration = Duration::days(400);

/// So many language ranges are read; browsers send fewer than ten.
const MAX_RANGES: usize = 32;

/// Longer ranges are skipped. A language tag with all its parts has about 30 bytes.
const MAX_RANGE_BYTES: usize = 64;

/// The languages that pages are offered in.
#[derive(Debug, Clone)]
pub(crate) struct Languages {
    offered: Vec<Language>,
    /// The name of the cookie with the user's choice.
    cookie_name: &'static str,
    secure: bool,
    site: &'static Site,
}

impl Languages {
    /// The first one is that of pages for users who ask for none of them.
    pub fn new(offered: &[Language], public_url: &PublicUrl, site: &'static Site) -> Self {
        let secure = public_url.is_https();
        let cookie_name = if secure { "__Host-keyrack.language" } else { "keyrack.language" };
        Self { offered: offered.to_vec(), cookie_name, secure, site }
    }

    /// The offered language with this tag.
    pub(super) fn find(&self, tag: &str) -> Option<Language> {
        Language::parse(tag).filter(|language| self.offered.contains(language))
    }

    /// The cookie that keeps the user's choice. It is not signed: who plants one can choose a language, no more.
    pub(super) fn cookie(&self, language: Language) -> Cookie<'static> {
        Cookie::build(self.cookie_name, language.code())
            .path("/")
            .http_only(true)
            .secure(self.secure)
            .same_site(SameSite::Lax)
            .max_age(CHOICE_LIFETIME)
            .finish()
    }

    /// The language that the user has chosen.
    fn chosen(&self, headers: &HeaderMap) -> Option<Language> {
        let mut tags = cookie_values(headers, self.cookie_name).filter_map(|value| str::from_utf8(value).ok());
        tags.find_map(|tag| self.find(tag))
    }

    /// The words for a request.
    pub(super) fn words(&self, headers: &HeaderMap) -> Words {
        let asked_for = || headers.get(ACCEPT_LANGUAGE).and_then(|value| self.best(value.as_bytes()));
        let language = self.chosen(headers).or_else(asked_for).or(self.offered.first().copied());
        Words::new(language.unwrap_or(Language::En)).of_site(self.site).among(LanguageSet::of(&self.offered))
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
        tags.into_iter().find_map(|tag| self.find(tag))
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
    use actix_web::http::header::{COOKIE, HeaderValue};

    use super::*;

    fn languages(offered: &[Language]) -> Languages {
        Languages::new(offered, &PublicUrl::default(), &Site::KEYRACK)
    }

    fn best(value: &str) -> Option<Language> {
        languages(&[Language::En, Language::De]).best(value.as_bytes())
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
        assert_eq!(languages(&[Language::En]).best(b"de\xff, en"), Some(Language::En));
    }

    #[test]
    fn first_language_is_the_fallback() {
        let languages = languages(&[Language::De, Language::En]);
        assert_eq!(languages.words(&HeaderMap::new()).language(), Language::De);
    }

    #[test]
    fn choice_counts_before_what_the_browser_asks_for() {
        let languages = languages(&[Language::En, Language::De]);
        let mut headers = HeaderMap::new();
        headers.append(ACCEPT_LANGUAGE, HeaderValue::from_static("en"));
        let cookie = languages.cookie(Language::De);
        for (sent, expected) in [
            (format!("{}={}", cookie.name(), cookie.value()), Language::De),
            ("keyrack.language=ar-XB".to_owned(), Language::En),
            ("keyrack.language=; a=de".to_owned(), Language::En),
            ("keyrack.language=fr; keyrack.language=de".to_owned(), Language::De),
        ] {
            headers.insert(COOKIE, HeaderValue::from_str(&sent).unwrap());
            assert_eq!(languages.words(&headers).language(), expected, "{sent}");
        }
    }
}
