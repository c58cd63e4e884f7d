//! The stylesheet, the script and the icon: inside the binary, served under a name that changes with their content.

use std::sync::LazyLock;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    web::Path,
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use super::errors::WebError;

struct Asset {
    name: &'static str,
    content_type: &'static str,
    content: &'static [u8],
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

/// `GET /static/{name}`
pub(crate) async fn serve(request: HttpRequest, name: Path<String>) -> Result<HttpResponse, WebError> {
    let asset = ASSETS.iter().find(|asset| asset.name == *name).ok_or(WebError::NotFound)?;
    let is_current = request.query_string() == format!("v={}", *VERSION);
    let cache = if is_current { "public, max-age=31536000, immutable" } else { "public, max-age=300" };
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, asset.content_type))
        .insert_header((CACHE_CONTROL, cache))
        .body(asset.content))
}
