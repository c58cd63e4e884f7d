//! Requests that a page sends by itself, while its user may be away.

use actix_web::http::{Method, header::HeaderMap};

/// Where open pages are told what becomes of their session.
pub(super) const EVENT_STREAM: &str = "/account/events";

/// The header of other requests that a script sends without its user's doing.
const BACKGROUND: &str = "keyrack-background";

/// Whether a request is no activity of its user. A session that is only open in a tab would otherwise never reach its idle
/// timeout. Only what the script asks for by itself is none: a thief of a cookie can't use the rest unseen.
pub(super) fn is_in_background(method: &Method, path: &str, headers: &HeaderMap) -> bool {
    let may_be = *method == Method::GET && path == "/account/sessions";
    path == EVENT_STREAM || (may_be && headers.contains_key(BACKGROUND))
}
