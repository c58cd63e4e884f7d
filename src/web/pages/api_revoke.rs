//! `DELETE /api/sessions/{id}` and `POST /api/sessions/revoke-others`: ends one's own sessions, for programs.

use actix_identity::Identity;
use actix_web::{HttpResponse, http::StatusCode, web::Path};
use serde::Serialize;

use super::logout::clear_site_data;
use crate::{
    sessions::SessionId,
    web::{SignedIn, access_refusal::refuse_foreign_session, csrf_form::CsrfHeader, errors::WebError},
};

/// Ends one of the user's sessions; the one of the request is signed out. Another user's session, an unknown id and a
/// malformed id get the same 404. One that has already ended stays as it is, since DELETE may be repeated (RFC 9110,
/// 9.2.2).
pub(crate) async fn one(
    session: SignedIn,
    identity: Identity,
    id: Path<String>,
    _: CsrfHeader,
) -> Result<HttpResponse, WebError> {
    let id: SessionId = id.parse().map_err(|_| WebError::NoSuchSession)?;
    let mut response = HttpResponse::new(StatusCode::NO_CONTENT);
    if id == session.id {
        identity.logout();
        clear_site_data(&mut response);
    } else if session.sessions().revoke(session.user.id, id).await?.is_none() {
        return Err(refuse_foreign_session(&session, id).await);
    }
    Ok(response)
}

#[derive(Serialize)]
struct RevokeOthersResponse {
    /// How many were alive.
    ended: usize,
}

/// Ends all of the user's sessions except the one of the request. Answers when none of them is alive.
pub(crate) async fn others(session: SignedIn, _: CsrfHeader) -> Result<HttpResponse, WebError> {
    let ended = session.sessions().revoke_others(session.user.id, session.id).await?;
    Ok(HttpResponse::Ok().json(RevokeOthersResponse { ended }))
}
