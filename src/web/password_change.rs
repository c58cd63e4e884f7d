//! Sessions in which the user must change the password first: a sign-in with a password that is good for one sign-in
//! has started them (ASVS 6.4.1).
//!
//! Such a session is not signed in: `RequestSession::current` does not return it, and its data names no user. The few
//! routes that it may use are wrapped in `require_sign_in::allow_password_change`.

use actix_web::{HttpMessage, HttpRequest};

/// The page that changes the password.
const PAGE: &str = "/account/password";

/// Marks a request that such a session may make.
#[derive(Clone, Copy)]
struct AllowsPasswordChange;

/// Lets such a session make this request.
pub(super) fn allow(request: &HttpRequest) {
    request.extensions_mut().insert(AllowsPasswordChange);
}

/// Whether such a session may make this request.
pub(super) fn is_allowed(request: &HttpRequest) -> bool {
    request.extensions().contains::<AllowsPasswordChange>()
}

/// The page that changes the password, and leads to `next` after that.
pub(super) fn password_page(next: &str) -> String {
    if next.is_empty() {
        return PAGE.to_owned();
    }
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("next", next);
    format!("{PAGE}?{}", query.finish())
}
