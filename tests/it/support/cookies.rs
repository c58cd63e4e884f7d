//! Signs and parses cookies.

use base64::{Engine as _, prelude::BASE64_STANDARD_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};

/// The session cookie's value for a sid, signed as express-session does, percent-encoded where necessary.
pub fn signed(sid: &str, secret: &str) -> String {
    let mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(sid.as_bytes());
    let signature = BASE64_STANDARD_NO_PAD.encode(mac.finalize().into_bytes());
    format!("s%3A{sid}.{}", signature.replace('+', "%2B").replace('/', "%2F"))
}

/// Name, value and sorted attributes of a `Set-Cookie`.
pub fn parts(set_cookie: &str) -> (String, String, Vec<String>) {
    let mut parts = set_cookie.split("; ").map(str::to_owned);
    let (name, value) = parts.next().unwrap().split_once('=').map(|(n, v)| (n.to_owned(), v.to_owned())).unwrap();
    let mut attributes: Vec<String> = parts.collect();
    attributes.sort();
    (name, value, attributes)
}
