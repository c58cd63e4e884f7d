//! Names of countries, for files that have only their codes.
//!
//! `countries.tsv` is from Unicode's CLDR 48 (licence: Unicode-3.0): a line per country or area with an ISO 3166 code, with
//! its name in each language of the pages.

use std::{collections::HashMap, sync::LazyLock};

/// The code, then the names in the order of [`LANGUAGES`].
const TABLE: &str = include_str!("countries.tsv");

const LANGUAGES: [&str; 2] = ["en", "de"];

static NAMES: LazyLock<HashMap<&str, [&str; LANGUAGES.len()]>> =
    LazyLock::new(|| TABLE.lines().filter_map(row).collect());

fn row(line: &'static str) -> Option<(&'static str, [&'static str; LANGUAGES.len()])> {
    let mut fields = line.split('\t');
    Some((fields.next()?, [fields.next()?, fields.next()?]))
}

/// The name of a country in a language of the pages; in English if the table lacks the language.
pub(crate) fn name_of(code: &str, language: &str) -> Option<&'static str> {
    let column = LANGUAGES.iter().position(|column| *column == language).unwrap_or(0);
    NAMES.get(code.to_ascii_uppercase().as_str()).map(|names| names[column])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_country_has_a_name_in_each_language() {
        assert_eq!((name_of("DE", "en"), name_of("de", "de")), (Some("Germany"), Some("Deutschland")));
        assert_eq!((name_of("CI", "en"), name_of("XX", "en")), (Some("Côte d’Ivoire"), None));
        assert_eq!(name_of("AT", "ar-XB"), Some("Austria"));
        for line in TABLE.lines() {
            let (code, names) = row(line).unwrap();
            assert!(code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase()), "{line}");
            assert!(names.iter().all(|name| !name.is_empty() && *name == name.trim() && *name != code), "{line}");
        }
        assert_eq!((TABLE.lines().count(), NAMES.len()), (250, 250));
    }
}
