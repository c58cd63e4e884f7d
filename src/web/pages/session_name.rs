//! `POST /account/sessions/{id}/name`: names one of one's own sessions, alive or ended.

use actix_web::{
    HttpResponse,
    http::{StatusCode, header::RETRY_AFTER},
    web::Path,
};
use serde::Deserialize;

use super::{see_other, session_detail, with_cookie};
use crate::{
    sessions::{InvalidSessionName, Renaming, SessionId, SessionName},
    web::{
        SignedIn, access_refusal::refuse_foreign_session, csrf_form::CsrfForm, errors::WebError, flash::Notice,
        time_text::TimeText,
    },
    words::Words,
};

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct NameFields {
    name: String,
}

/// Names the session; an empty name removes the one that it has. Another user's session, an unknown id and a malformed id
/// get the same 404, whatever the name. After too many names within an hour, the page says when the next one is possible.
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
            let retry_after = match sessions.rename(user, id, name).await? {
                Renaming::Done(_) => {
                    let notice = session.state().flash.cookie(session.id, Notice::Renamed(id));
                    return with_cookie(see_other(&session_detail::path_of(id)), Some(notice));
                }
                Renaming::NoSuchSession => return Err(refuse_foreign_session(&session, id).await),
                Renaming::TooMany { retry_after } => retry_after,
            };
            let now = session.state().clock.now();
            let text = words.name_too_often(TimeText::ahead(words, now + retry_after, now).text);
            let mut response = reject(&session, words, id, (&fields.name, text)).await?;
            *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
            response.headers_mut().insert(RETRY_AFTER, retry_after.as_secs().max(1).into());
            Ok(response)
        }
        Err(error) => reject(&session, words, id, (&fields.name, message(words, error))).await,
    }
}

/// The page of the session, with the name as it was typed, and why the session does not have it.
async fn reject(
    session: &SignedIn,
    words: Words,
    id: SessionId,
    (typed, error): (&str, String),
) -> Result<HttpResponse, WebError> {
    let Some(record) = session.sessions().find_own(session.user.id, id).await? else {
        return Err(refuse_foreign_session(session, id).await);
    };
    let typed = typed.chars().take(2 * SessionName::MAX_CHARS).collect();
    session_detail::rejected_name(session, words, &record, typed, error).await
}

pub(super) fn message(words: Words, error: InvalidSessionName) -> String {
    match error {
        InvalidSessionName::TooLong => words.name_too_long().to_owned(),
        InvalidSessionName::HiddenCharacter(c) => words.name_hidden_character(format!("U+{:04X}", u32::from(c))),
    }
}
