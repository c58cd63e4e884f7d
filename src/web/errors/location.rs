//! Where redirects lead, and back from there.

use actix_web::HttpRequest;

use crate::web::{
    background::EVENT_STREAM,
    bound::{BIND, REFRESH},
    received_form::page_of_form,
};

/// Whether a request comes from a program, from a script of a page, or from a browser by itself.
pub(in crate::web) fn is_api(request: &HttpRequest) -> bool {
    let path = request.path();
    path == "/api" || path.starts_with("/api/") || [EVENT_STREAM, BIND, REFRESH].contains(&path)
}

/// The path and the query of a request.
pub(super) fn target(request: &HttpRequest) -> &str {
    request.uri().path_and_query().map_or("/", |path| path.as_str())
}

/// The page that asks for the password, and leads to `next`. `change` is what it makes after the proof.
pub(in crate::web) fn reauth_page(next: &str, change: Option<&str>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("next", next);
    if let Some(change) = change {
        query.append_pair("change", change);
    }
    format!("/reauth?{}", query.finish())
}

/// The sign-in page, which leads back to where the user was going: to this page, or to the one with the form that was
/// sent. What was sent is not repeated, nor put into the address.
pub(super) fn sign_in_page(request: &HttpRequest) -> String {
    let next = if request.method().is_safe() { Some(target(request).to_owned()) } else { page_of_form(request) };
    match next {
        Some(next) => format!("/login?next={}", form_urlencoded::byte_serialize(next.as_bytes()).collect::<String>()),
        None => "/login".to_owned(),
    }
}
