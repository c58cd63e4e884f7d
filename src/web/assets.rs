//! The stylesheet, the scripts, the icon and the logo. Their URLs change with their content.

use std::{borrow::Cow, fmt::Write as _};

use actix_web::web::Bytes;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use crate::{
    config::{Accent, Brand, Logo, Shades},
    words::{Picture, Site},
};

/// The height of the logo in the header, in pixels at the usual size of text.
const LOGO_HEIGHT: u32 = 32;

const STYLESHEET: &str = include_str!("../../static/keyrack.css");
const SCRIPT: &str = include_str!("../../static/keyrack.js");
const PAGE_SCRIPT: &str = include_str!("../../static/page.js");
const PASSKEY_SCRIPT: &str = include_str!("../../static/passkeys.js");
const ICON: &str = include_str!("../../static/favicon.svg");

/// The colour of the icon, which the accent replaces.
const ICON_COLOUR: &str = "#17694a";

/// A picture that is opened by itself runs nothing and loads nothing.
const ACTIVE_PICTURE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

/// A file that pages link.
pub(super) struct Asset {
    name: Cow<'static, str>,
    pub content_type: &'static str,
    pub content: Bytes,
    /// Its own `Content-Security-Policy`.
    pub policy: Option<&'static str>,
    /// Whether pages of other origins may load it.
    pub is_for_apps: bool,
}

/// The files that pages link, with the operator's colours and logo.
pub(crate) struct Assets {
    assets: Vec<Asset>,
    site: &'static Site,
}

impl Assets {
    /// Those of a site.
    pub fn new(brand: &Brand) -> Self {
        let accent = brand.accent.as_ref();
        let mut assets = vec![
            Asset::new("keyrack.css", "text/css; charset=utf-8", compact_styles(&stylesheet(accent))),
            Asset { is_for_apps: true, ..Asset::new("keyrack.js", "text/javascript; charset=utf-8", compact(SCRIPT)) },
            Asset::new("page.js", "text/javascript; charset=utf-8", compact(PAGE_SCRIPT)),
            Asset::new("passkeys.js", "text/javascript; charset=utf-8", compact(PASSKEY_SCRIPT)),
            Asset::new("favicon.svg", "image/svg+xml", icon(accent)),
        ];
        assets.extend(brand.logo.as_ref().map(Asset::logo));
        let site = Site {
            name: brand.name.to_string().into(),
            version: version_of(&assets).into(),
            logo: brand.logo.as_ref().map(picture),
        };
        Self { assets, site: Box::leak(Box::new(site)) }
    }

    /// The site of the files.
    pub fn site(&self) -> &'static Site {
        self.site
    }

    /// The number of bytes of the files that every page links.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.assets.iter().filter(|asset| asset.name != "passkeys.js").map(|asset| asset.content.len()).sum()
    }

    /// The file of this name, and whether `query` is that of its current URL.
    pub(super) fn find(&self, name: &str, query: &str) -> Option<(&Asset, bool)> {
        let asset = self.assets.iter().find(|asset| asset.name == name)?;
        Some((asset, query.strip_prefix("v=") == Some(&self.site.version)))
    }
}

impl Asset {
    fn new(name: &'static str, content_type: &'static str, content: impl Into<Bytes>) -> Self {
        Self { name: name.into(), content_type, content: content.into(), policy: None, is_for_apps: false }
    }

    fn logo(logo: &Logo) -> Self {
        Self {
            name: logo.file_name().into(),
            content_type: logo.content_type(),
            content: Bytes::copy_from_slice(logo.content()),
            policy: logo.is_active().then_some(ACTIVE_PICTURE_POLICY),
            is_for_apps: false,
        }
    }
}

fn picture(logo: &Logo) -> Picture {
    Picture {
        file: logo.file_name(),
        content_type: logo.content_type(),
        width: logo.width_at(LOGO_HEIGHT),
        height: LOGO_HEIGHT,
        is_symbol: logo.is_symbol(),
    }
}

/// Leaves out indentation, and lines that are comments: a fifth of what browsers load.
fn compact(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| {
        let is_comment = line.starts_with("//") || (line.starts_with("/*") && line.ends_with("*/"));
        !line.is_empty() && !is_comment
    });
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// Leaves out the blanks around braces and after signs as well, and the last semicolon. No text in the style sheet contains
/// them.
fn compact_styles(text: &str) -> String {
    let blanks = [(" { ", "{"), (" {", "{"), ("; }", "}"), ("; ", ";"), (": ", ":"), (", ", ",")];
    blanks.iter().fold(compact(text), |text, (with, without)| text.replace(with, without))
}

/// The start of a hash over all files.
fn version_of(assets: &[Asset]) -> String {
    let mut hash = Sha256::new();
    for asset in assets {
        hash.update(&asset.content);
    }
    BASE64_URL_SAFE_NO_PAD.encode(&hash.finalize()[..6])
}

/// Keyrack's stylesheet, and the rules that replace its accent.
fn stylesheet(accent: Option<&Accent>) -> String {
    let mut css = STYLESHEET.to_owned();
    if let Some(accent) = accent {
        let [light, dark] = accent.shades();
        push_colours(&mut css, "", light, "");
        push_colours(&mut css, "@media screen and (prefers-color-scheme: dark) { ", dark, " }");
    }
    css
}

fn push_colours(css: &mut String, before: &str, shades: Shades, after: &str) {
    let Shades { accent, hover, on_accent, background } = shades;
    // Writing to a String never fails.
    _ = write!(
        css,
        "\n{before}:root {{ --accent: {accent}; --accent-hover: {hover}; --on-accent: {on_accent}; \
         --accent-background: {background}; }}{after}\n"
    );
}

/// The icon of browser tabs.
fn icon(accent: Option<&Accent>) -> String {
    accent.map_or_else(|| ICON.to_owned(), |accent| ICON.replace(ICON_COLOUR, &accent.shades()[0].accent.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::THEMES;

    /// A right-to-left page would be laid out for left to right at each of them.
    #[test]
    fn stylesheet_has_no_physical_directions() {
        for (number, line) in STYLESHEET.lines().enumerate() {
            let mut words = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
            let is_physical = |word: &&str| {
                let sides = ["left", "right"].map(|side| *word == side || word.ends_with(&format!("-{side}")));
                let starts_with_side = ["border-left-", "border-right-"].iter().any(|start| word.starts_with(start));
                sides.contains(&true) || starts_with_side
            };
            assert_eq!(words.find(is_physical), None, "line {}: {line}", number + 1);
        }
    }

    /// The contrast of an accent is computed for these colours.
    #[test]
    fn themes_are_those_of_the_stylesheet() {
        let colours = |name: &str| -> Vec<String> {
            let values = STYLESHEET.lines().filter_map(|line| line.trim().strip_prefix(name)?.strip_prefix(": "));
            values.map(|value| value.trim_end_matches(';').replace("#fff", "#ffffff")).take(2).collect()
        };
        assert_eq!(colours("--background"), THEMES.map(|theme| theme.background.to_string()));
        assert_eq!(colours("--surface"), THEMES.map(|theme| theme.surface.to_string()));
    }

    #[test]
    fn accent_replaces_every_colour_of_the_default() {
        let teal: Accent = "#006a80".parse().unwrap();
        let branded = Assets::new(&Brand { accent: Some(teal), ..Brand::default() });
        let text = |name: &str| String::from_utf8(branded.find(name, "").unwrap().0.content.to_vec()).unwrap();
        let (css, icon) = (text("keyrack.css"), text("favicon.svg"));
        for name in STYLESHEET.lines().filter_map(|line| line.trim().split_once(": ")).map(|(name, _)| name) {
            if name.starts_with("--") && name.contains("accent") {
                assert_eq!(css.matches(&format!("{name}:")).count(), 4, "{name}");
            }
        }
        assert!(!css.contains("/*") && css.ends_with("}\n"), "{css}");
        assert!(icon.contains("#006a80") && !icon.contains(ICON_COLOUR), "{icon}");
        assert!(ICON.contains(ICON_COLOUR));
        let default = Assets::new(&Brand::default());
        assert_ne!(default.site().version, branded.site().version);
    }
}
