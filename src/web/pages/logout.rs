//! `POST /logout`: ends this session.

use actix_identity::Identity;
use actix_web::{HttpRequest, HttpResponse, web::Form};
use serde::Deserialize;

use super::see_other;
use crate::web::{RequestSession, errors::WebError};

/// A form that carries nothing but its token.
#[derive(Deserialize)]
pub(crate) struct BareForm {
    #[serde(default)]
    pub csrf_token: String,
}

/// The session ends when the handler has returned, before the answer is sent: actix-session deletes what was purged.
pub(crate) async fn submit(
    visit: RequestSession,
    identity: Identity,
    request: HttpRequest,
    form: Form<BareForm>,
) -> Result<HttpResponse, WebError> {
    visit.state().csrf.verify(visit.current_sid(), request.headers(), &form.csrf_token)?;
    identity.logout();
    Ok(farewell())
}

/// To the sign-in form, leaving nothing in the browser's cache. Not `"cookies"`: that would wipe the whole domain's.
pub(super) fn farewell() -> HttpResponse {
    let mut response = see_other("/login");
    response.headers_mut().insert(
        actix_web::http::header::HeaderName::from_static("clear-site-data"),
        actix_web::http::header::HeaderValue::from_static("\"cache\", \"storage\""),
    );
    response
}
