//! `GET /account/sessions/{id}`: one of one's own sessions, alive or ended: all that is known, its events, its button.

use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Path, Query},
};
use askama::Template;

use super::{
    event_list::{EventList, EventListQuery},
    html,
};
use crate::{
    events::EventFilter,
    sessions::SessionId,
    web::{
        SignedIn,
        access_refusal::refuse_foreign_session,
        errors::WebError,
        labels::{self, device_title},
        page::Page,
        time_text::TimeText,
    },
    words::Words,
};

#[derive(Template)]
#[template(path = "session.html")]
struct SessionPage {
    page: Page,
    csrf_token: String,
    device: SessionFacts,
    events: EventList,
}

/// What is known of the session, ready to print.
struct SessionFacts {
    id: String,
    title: String,
    kind_label: &'static str,
    is_current: bool,
    authorised_by: String,
    signed_in: TimeText,
    last_active: TimeText,
    expires: TimeText,
    has_absolute_expiry: bool,
    /// When and why it ended; `None` while it is alive.
    ended: Option<(TimeText, &'static str)>,
    remembered: bool,
    ip_address: String,
    user_agent: String,
}

/// Shows the session. Another user's, an unknown id and a malformed id get the same 404.
pub(crate) async fn show(
    session: SignedIn,
    words: Words,
    id: Path<String>,
    query: Query<EventListQuery>,
) -> Result<HttpResponse, WebError> {
    let id: SessionId = id.parse().map_err(|_| WebError::NotFound)?;
    let (state, now, user) = (session.state(), session.state().clock.now(), session.user.id);
    let Some(record) = state.sessions.find_own(user, id).await? else {
        return Err(refuse_foreign_session(&session, id).await);
    };
    let first_page = format!("/account/sessions/{id}");
    let events = EventList::read(&session, words, EventFilter::Session(user, id), &query, &first_page).await?;
    let expired = record.logged_out_at.is_none() && record.expires_at <= now;
    let ended = match record.logged_out_at {
        Some(at) => Some((TimeText::ago(words, at, now), labels::end_of(words, &record))),
        // The next purge ends it.
        None => expired.then(|| (TimeText::ago(words, record.expires_at, now), words.end_absolute_timeout())),
    };
    let device = record.device();
    let facts = SessionFacts {
        id: record.id.to_string(),
        title: device_title(words, &device),
        kind_label: labels::kind(words, device.kind),
        is_current: record.id == session.id,
        authorised_by: labels::way_in(words, &record),
        signed_in: TimeText::ago(words, record.created_at, now),
        last_active: TimeText::activity(words, record.last_seen_at, now),
        expires: TimeText::ahead(words, record.expires_at, now),
        has_absolute_expiry: record.has_absolute_expiry,
        ended,
        remembered: record.remembered,
        ip_address: record.ip_address.clone().unwrap_or_default(),
        user_agent: record.user_agent.clone().unwrap_or_default(),
    };
    let csrf_token = session.csrf_token()?;
    let template = SessionPage { page: Page::of(&session, &csrf_token, words), csrf_token, device: facts, events };
    html(StatusCode::OK, &template)
}
