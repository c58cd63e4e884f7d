//! `POST /account/sessions/{id}/revoke` and `POST /account/sessions/revoke-others`: taking devices off the rack.

use actix_identity::Identity;
use actix_web::{
    HttpRequest, HttpResponse,
    web::{Form, Path},
};

use super::{
    HOME,
    logout::{self, BareForm},
    see_other, with_cookie,
};
use crate::{
    error::Error,
    sessions::SessionId,
    web::{
        RequestSession,
        errors::WebError,
        flash::{self, Done},
    },
};

/// Ends one of one's own sessions. Another user's, an unknown one and something that is no id at all: the same 404.
pub(crate) async fn one(
    visit: RequestSession,
    identity: Identity,
    request: HttpRequest,
    id: Path<String>,
    form: Form<BareForm>,
) -> Result<HttpResponse, WebError> {
    visit.state().csrf.verify(visit.current_sid(), request.headers(), &form.csrf_token)?;
    let live = visit.current().ok_or(Error::SessionEnded)?;
    let id: SessionId = id.parse().map_err(|_| WebError::NotFound)?;
    if id == live.id {
        identity.logout();
        return Ok(logout::farewell());
    }
    visit.state().sessions.revoke(live.user.id, id).await?.ok_or(WebError::NotFound)?;
    done(&visit, Done::Revoked(id))
}

/// Ends all but this one.
pub(crate) async fn others(
    visit: RequestSession,
    request: HttpRequest,
    form: Form<BareForm>,
) -> Result<HttpResponse, WebError> {
    visit.state().csrf.verify(visit.current_sid(), request.headers(), &form.csrf_token)?;
    let live = visit.current().ok_or(Error::SessionEnded)?;
    let ended = visit.state().sessions.revoke_others(live.user.id, live.id).await?;
    done(&visit, Done::RevokedOthers(ended))
}

fn done(visit: &RequestSession, done: Done) -> Result<HttpResponse, WebError> {
    with_cookie(see_other(HOME), Some(flash::cookie(done, &visit.state().public_url)))
}
