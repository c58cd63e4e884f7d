//! The stylesheet, the script and the icon. They are part of the binary; their URLs change with their content.

use std::sync::LazyLock;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

/// A file that pages link.
pub(super) struct Asset {
    name: &'static str,
    pub content_type: &'static str,
    pub content: &'static [u8],
}

const ASSETS: [Asset; 4] = [
    Asset {
        name: "keyrack.css",
        content_type: "text/css; charset=utf-8",
        content: include_bytes!("../../static/keyrack.css"),
    },
    Asset {
        name: "keyrack.js",
        content_type: "text/javascript; charset=utf-8",
        content: include_bytes!("../../static/keyrack.js"),
    },
    Asset {
        name: "page.js",
        content_type: "text/javascript; charset=utf-8",
        content: include_bytes!("../../static/page.js"),
    },
    Asset { name: "favicon.svg", content_type: "image/svg+xml", content: include_bytes!("../../static/favicon.svg") },
];

/// The start of a hash over all assets. It is in their URLs, so that browsers may cache them without limit.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for asset in &ASSETS {
        hash.update(asset.content);
    }
    BASE64_URL_SAFE_NO_PAD.encode(&hash.finalize()[..6])
});

/// The URL of an asset for use in pages.
pub(super) fn url(name: &str) -> String {
    format!("/static/{name}?v={}", *VERSION)
}

/// The asset of this name, and whether `query` is that of its current URL.
pub(super) fn find(name: &str, query: &str) -> Option<(&'static Asset, bool)> {
    let asset = ASSETS.iter().find(|asset| asset.name == name)?;
    Some((asset, query.strip_prefix("v=") == Some(VERSION.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A right-to-left page would be laid out for left to right at each of them.
    #[test]
    fn stylesheet_has_no_physical_directions() {
        let stylesheet = std::str::from_utf8(ASSETS[0].content).unwrap();
        for (number, line) in stylesheet.lines().enumerate() {
            let mut words = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
            let is_physical = |word: &&str| {
                let sides = ["left", "right"].map(|side| *word == side || word.ends_with(&format!("-{side}")));
                let starts_with_side = ["border-left-", "border-right-"].iter().any(|start| word.starts_with(start));
                sides.contains(&true) || starts_with_side
            };
            assert_eq!(words.find(is_physical), None, "line {}: {line}", number + 1);
        }
    }
}
