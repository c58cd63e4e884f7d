//! `POST /account/sessions/{id}/revoke` and `POST /account/sessions/revoke-others`.

use actix_identity::Identity;
use actix_web::{HttpResponse, web::Path};

use super::{HOME, logout::signed_out_response, see_other, with_cookie};
use crate::{
    sessions::SessionId,
    web::{SignedIn, csrf_form::CsrfOnlyForm, errors::WebError, flash::Notice},
};

/// Ends one of the user's sessions. Another user's session, an unknown id and a malformed id get the same 404.
pub(crate) async fn one(
    session: SignedIn,
    identity: Identity,
    id: Path<String>,
    _: CsrfOnlyForm,
) -> Result<HttpResponse, WebError> {
    let id: SessionId = id.parse().map_err(|_| WebError::NotFound)?;
    if id == session.id {
        identity.logout();
        return Ok(signed_out_response());
    }
    session.state().sessions.revoke(session.user.id, id).await?.ok_or(WebError::NotFound)?;
    see_devices(&session, Notice::Revoked(id))
}

/// Ends all of the user's sessions except the current one.
pub(crate) async fn others(session: SignedIn, _: CsrfOnlyForm) -> Result<HttpResponse, WebError> {
    let ended = session.state().sessions.revoke_others(session.user.id, session.id).await?;
    see_devices(&session, Notice::RevokedOthers(ended))
}

fn see_devices(session: &SignedIn, notice: Notice) -> Result<HttpResponse, WebError> {
    with_cookie(see_other(HOME), Some(session.state().flash.cookie(session.id, notice)))
}
