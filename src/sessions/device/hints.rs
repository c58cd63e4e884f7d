//! Client hints: what Chromium tells of itself in headers, if a response of the origin has asked for it.

use super::structured_fields::{Bare, Item, MAX_FIELD, Member, parse_dictionary, parse_item, parse_list, push_string};

/// The hints that a response asks for. The name of the browser and of the platform, and whether it is a phone, are sent
/// without.
pub(crate) const ACCEPT_CH: &str =
    "Sec-CH-UA-Full-Version-List, Sec-CH-UA-Platform-Version, Sec-CH-UA-Model, Sec-CH-UA-Form-Factors";

/// The longest stored text, in bytes.
const MAX_TEXT: usize = MAX_FIELD;

/// The longest name of a brand, a platform or a model, and the longest version, in bytes.
const MAX_PART: usize = 64;

/// The most brands and form factors that are kept.
const MAX_KEPT: usize = 4;

/// What a browser has told of itself in client hints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientHints {
    pub(super) platform: String,
    pub(super) platform_version: Option<String>,
    pub(super) model: Option<String>,
    pub(super) is_mobile: Option<bool>,
    pub(super) form_factors: Vec<String>,
    pub(super) brands: Vec<Brand>,
}

/// A browser that it says to be, and the version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Brand {
    pub name: String,
    pub version: String,
}

impl ClientHints {
    /// Reads the headers of a request. `None` if it has no platform, which every browser with hints tells. A header that is
    /// malformed is ignored.
    pub(crate) fn from_headers<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        let text = |name| part(&parse_item(header(name)?)?);
        let mobile = header("sec-ch-ua-mobile").and_then(parse_item);
        let factors = header("sec-ch-ua-form-factors").and_then(parse_list).unwrap_or_default();
        let full = header("sec-ch-ua-full-version-list").and_then(brands).filter(|brands| !brands.is_empty());
        Some(Self {
            platform: text("sec-ch-ua-platform")?,
            platform_version: text("sec-ch-ua-platform-version"),
            model: text("sec-ch-ua-model"),
            is_mobile: mobile.and_then(|item| boolean(&item)),
            form_factors: factors.iter().filter_map(part).take(MAX_KEPT).collect(),
            brands: full.or_else(|| header("sec-ch-ua").and_then(brands)).unwrap_or_default(),
        })
    }

    /// Reads the text that [`Self::to_text`] has made.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut hints = Self::default();
        for (key, member) in parse_dictionary(text)? {
            match (key.as_str(), member) {
                ("platform", Member::Item(item)) => hints.platform = part(&item)?,
                ("platform-version", Member::Item(item)) => hints.platform_version = part(&item),
                ("model", Member::Item(item)) => hints.model = part(&item),
                ("mobile", Member::Item(item)) => hints.is_mobile = boolean(&item),
                ("form-factors", Member::InnerList(items)) => {
                    hints.form_factors = items.iter().filter_map(part).take(MAX_KEPT).collect();
                }
                ("brands", Member::InnerList(items)) => hints.brands = kept_brands(&items),
                _ => {}
            }
        }
        (!hints.platform.is_empty()).then_some(hints)
    }

    /// The text that is stored: a dictionary of structured fields (RFC 9651) of at most 512 bytes. What does not fit is left
    /// out, the brands first.
    pub(crate) fn to_text(&self) -> String {
        let string = |text: &str| {
            let mut out = String::new();
            push_string(&mut out, text);
            out
        };
        let optional = |key: &str, text: &Option<String>| text.as_ref().map(|text| format!("{key}={}", string(text)));
        let factors: Vec<String> = self.form_factors.iter().map(|factor| string(factor)).collect();
        let brand = |brand: &Brand| format!("{};v={}", string(&brand.name), string(&brand.version));
        let brands: Vec<String> = self.brands.iter().map(brand).collect();
        let list = |key: &str, parts: &[String]| (!parts.is_empty()).then(|| format!("{key}=({})", parts.join(" ")));
        let members = [
            Some(format!("platform={}", string(&self.platform))),
            optional("platform-version", &self.platform_version),
            optional("model", &self.model),
            self.is_mobile.map(|is_mobile| format!("mobile=?{}", u8::from(is_mobile))),
            list("form-factors", &factors),
            list("brands", &brands),
        ];
        let mut text = String::new();
        for member in members.into_iter().flatten() {
            let separator = if text.is_empty() { "" } else { ", " };
            if text.len() + separator.len() + member.len() <= MAX_TEXT {
                text.push_str(separator);
                text.push_str(&member);
            }
        }
        text
    }

    /// The brand with this name.
    pub(super) fn brand(&self, name: &str) -> Option<&Brand> {
        self.brands.iter().find(|brand| brand.name == name)
    }
}

/// A text that is neither empty nor too long.
fn part(item: &Item) -> Option<String> {
    let text = item.text()?.trim();
    (1..=MAX_PART).contains(&text.len()).then(|| text.to_owned())
}

fn boolean(item: &Item) -> Option<bool> {
    match item.value {
        Bare::Boolean(value) => Some(value),
        _ => None,
    }
}

fn brands(header: &str) -> Option<Vec<Brand>> {
    Some(kept_brands(&parse_list(header)?))
}

fn kept_brands(items: &[Item]) -> Vec<Brand> {
    let brand = |item: &Item| {
        let version = item.parameter("v").filter(|version| version.len() <= MAX_PART)?;
        Some(Brand { name: part(item)?, version: version.to_owned() })
    };
    items.iter().filter_map(brand).filter(|brand| !is_noise(&brand.name)).take(MAX_KEPT).collect()
}

/// Whether a brand is noise, which browsers add so that servers bear unknown ones: `Not;A=Brand`, `Not_A Brand`.
fn is_noise(name: &str) -> bool {
    let letters = name.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_lowercase());
    letters.eq("notabrand".chars())
}
