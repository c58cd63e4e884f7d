//! `POST /account/sessions/{id}/name`: names one of one's own sessions, alive or ended.

use actix_web::{HttpResponse, web::Path};
use serde::Deserialize;

use super::{see_other, session_detail, with_cookie};
use crate::{
    sessions::{InvalidSessionName, SessionId, SessionName},
    web::{SignedIn, access_refusal::refuse_foreign_session, csrf_form::CsrfForm, errors::WebError, flash::Notice},
    words::Words,
};

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct NameFields {
    name: String,
}

/// Names the session; an empty name removes the one that it has. Another user's session, an unknown id and a malformed id
/// get the same 404, whatever the name.
pub(crate) async fn submit(
    session: SignedIn,
    words: Words,
    id: Path<String>,
    CsrfForm(fields): CsrfForm<NameFields>,
) -> Result<HttpResponse, WebError> {
    let id: SessionId = id.parse().map_err(|_| WebError::NoSuchSession)?;
    let (sessions, user) = (session.sessions(), session.user.id);
    match SessionName::parse(&fields.name) {
        Ok(name) => {
            if sessions.rename(user, id, name).await?.is_none() {
                return Err(refuse_foreign_session(&session, id).await);
            }
            let notice = session.state().flash.cookie(session.id, Notice::Renamed(id));
            with_cookie(see_other(&session_detail::path_of(id)), Some(notice))
        }
        Err(error) => {
            let Some(record) = sessions.find_own(user, id).await? else {
                return Err(refuse_foreign_session(&session, id).await);
            };
            let typed = fields.name.chars().take(2 * SessionName::MAX_CHARS).collect();
            session_detail::rejected_name(&session, words, &record, typed, message(words, error)).await
        }
    }
}

fn message(words: Words, error: InvalidSessionName) -> String {
    match error {
        InvalidSessionName::TooLong => words.name_too_long().to_owned(),
        InvalidSessionName::HiddenCharacter(c) => words.name_hidden_character(format!("U+{:04X}", u32::from(c))),
    }
}
