//! `GET /api/session`: the current session and its user, as JSON.

use actix_web::HttpResponse;
use serde::Serialize;

use crate::{
    clock::Timestamp,
    sessions::{SessionId, UserId},
    web::{SignedIn, errors::WebError},
};

/// Where applications check a request.
pub(crate) const PATH: &str = "/api/session";

#[derive(Serialize)]
struct SessionResponse<'a> {
    session: SessionJson,
    user: UserJson<'a>,
    /// For the header `X-CSRF-Token` of requests that change something.
    csrf_token: String,
}

#[derive(Serialize)]
struct SessionJson {
    id: SessionId,
    created_at: Timestamp,
    last_seen_at: Timestamp,
    expires_at: Timestamp,
    /// When the user last proved who they are; null if that was not at Keyrack.
    authenticated_at: Option<Timestamp>,
    /// Whether it is bound to its browser, so that its cookie is of no use elsewhere.
    bound: bool,
}

#[derive(Serialize)]
struct UserJson<'a> {
    id: UserId,
    email: &'a str,
    user_name: Option<&'a str>,
    role: &'a str,
}

/// The hot path of applications that check each request. Needs only the lookup that resumed the session.
pub(crate) async fn show(session: SignedIn) -> Result<HttpResponse, WebError> {
    let body = SessionResponse {
        session: SessionJson {
            id: session.id,
            created_at: session.created_at,
            last_seen_at: session.last_seen_at,
            expires_at: session.expires_at,
            authenticated_at: session.authenticated_at,
            bound: session.binding.is_bound(),
        },
        user: UserJson {
            id: session.user.id,
            email: &session.user.email,
            user_name: session.user.user_name.as_deref(),
            role: &session.user.role,
        },
        csrf_token: session.api_csrf_token()?,
    };
    Ok(HttpResponse::Ok().json(body))
}
