//! The stylesheet, the script and the icon: inside the binary, served under a name that changes with their content.

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

/// The first characters of a hash over all assets: in the query of their URLs, so that browsers may keep them for ever.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for asset in &ASSETS {
        hash.update(asset.content);
    }
    BASE64_URL_SAFE_NO_PAD.encode(&hash.finalize()[..6])
});

/// The URL of an asset, as pages link it.
pub(super) fn url(name: &str) -> String {
    format!("/static/{name}?v={}", *VERSION)
}

/// The asset of that name, and whether `query` is that of its URL today.
pub(super) fn find(name: &str, query: &str) -> Option<(&'static Asset, bool)> {
    let asset = ASSETS.iter().find(|asset| asset.name == name)?;
    Some((asset, query.strip_prefix("v=") == Some(VERSION.as_str())))
}
