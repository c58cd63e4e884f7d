//! `GET /api/session`: who am I?

use actix_web::HttpResponse;
use serde::Serialize;

use crate::{
    clock::Timestamp,
    error::Error,
    sessions::{SessionId, UserId},
    web::{RequestSession, errors::WebError},
};

#[derive(Serialize)]
struct Answer<'a> {
    session: SessionJson,
    user: UserJson<'a>,
}

#[derive(Serialize)]
struct SessionJson {
    id: SessionId,
    created_at: Timestamp,
    last_seen_at: Timestamp,
    expires_at: Timestamp,
}

#[derive(Serialize)]
struct UserJson<'a> {
    id: UserId,
    email: &'a str,
    user_name: Option<&'a str>,
    role: &'a str,
}

/// The session and its user. What the guard has checked is all it needs: one lookup.
pub(crate) async fn show(visit: RequestSession) -> Result<HttpResponse, WebError> {
    let live = visit.current().ok_or(Error::SessionEnded)?;
    let answer = Answer {
        session: SessionJson {
            id: live.id,
            created_at: live.created_at,
            last_seen_at: live.last_seen_at,
            expires_at: live.expires_at,
        },
        user: UserJson {
            id: live.user.id,
            email: &live.user.email,
            user_name: live.user.user_name.as_deref(),
            role: &live.user.role,
        },
    };
    Ok(HttpResponse::Ok().json(answer))
}
