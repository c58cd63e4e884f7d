//! `POST /logout`: ends this session.

use actix_identity::Identity;
use actix_web::HttpResponse;

use super::see_other;
use crate::web::csrf_form::CsrfOnlyForm;

/// The session ends when the handler has returned, before the answer is sent: actix-session deletes what was purged.
pub(crate) async fn submit(identity: Identity, _: CsrfOnlyForm) -> HttpResponse {
    identity.logout();
    signed_out_response()
}

/// To the sign-in form, leaving nothing in the browser's cache. Not `"cookies"`: that would wipe the whole domain's.
pub(super) fn signed_out_response() -> HttpResponse {
    let mut response = see_other("/login");
    response.headers_mut().insert(
        actix_web::http::header::HeaderName::from_static("clear-site-data"),
        actix_web::http::header::HeaderValue::from_static("\"cache\", \"storage\""),
    );
    response
}
