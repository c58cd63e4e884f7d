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

const ASSETS: [Asset; 3] = [
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
