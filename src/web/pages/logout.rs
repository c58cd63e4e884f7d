//! `POST /logout`: ends the current session.

use actix_identity::Identity;
use actix_web::HttpResponse;

use super::see_other;
use crate::web::csrf_form::CsrfOnlyForm;

/// Purges the session. The session layer ends it after the handler, before the response is sent.
pub(crate) async fn submit(identity: Identity, _: CsrfOnlyForm) -> HttpResponse {
    identity.logout();
    signed_out_response()
}

/// Redirects to the sign-in page, and clears the browser's cache. Not `"cookies"`, which would delete the whole
/// domain's.
pub(super) fn signed_out_response() -> HttpResponse {
    let mut response = see_other("/login");
    response.headers_mut().insert(
        actix_web::http::header::HeaderName::from_static("clear-site-data"),
        actix_web::http::header::HeaderValue::from_static("\"cache\", \"storage\""),
    );
    response
}
