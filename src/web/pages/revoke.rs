//! `POST /account/sessions/{id}/revoke` and `POST /account/sessions/revoke-others`: taking devices off the rack.

use actix_identity::Identity;
use actix_web::{HttpResponse, web::Path};

use super::{HOME, logout::signed_out_response, see_other, with_cookie};
use crate::{
    sessions::SessionId,
    web::{
        SignedIn,
        csrf_form::CsrfOnlyForm,
        errors::WebError,
        flash::{self, Done},
    },
};

/// Ends one of one's own sessions. Another user's, an unknown one and something that is no id at all: the same 404.
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
    done(&session, Done::Revoked(id))
}

/// Ends all but this one.
pub(crate) async fn others(session: SignedIn, _: CsrfOnlyForm) -> Result<HttpResponse, WebError> {
    let ended = session.state().sessions.revoke_others(session.user.id, session.id).await?;
    done(&session, Done::RevokedOthers(ended))
}

fn done(session: &SignedIn, done: Done) -> Result<HttpResponse, WebError> {
    with_cookie(see_other(HOME), Some(flash::cookie(done, &session.state().public_url)))
}
