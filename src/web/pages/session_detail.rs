//! `GET /account/sessions/{id}`: one of one's own sessions, alive or ended: all that is known, its events, its button.

pub(in crate::web) mod states;

use std::iter;

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Path, Query},
};
use askama::Template;

use super::{
    HOME,
    address_use::AddressUse,
    event_list::{EventList, EventListQuery},
    html,
    sessions::notice_text,
    with_cookie,
};
use crate::{
    clock::Timestamp,
    events::EventFilter,
    sessions::{Binding, SessionId, SessionRecord},
    web::{
        SignedIn,
        access_refusal::find_own_session,
        errors::WebError,
        flash::Notice,
        labels::{self, device_title, session_title},
        page::{FlashMessage, Page},
        places::{AddressText, Places},
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
    /// What its owner calls it, or has typed.
    name: String,
    /// Why the name was rejected.
    name_error: Option<String>,
    /// Where it was used, if from several addresses.
    addresses: Vec<AddressUse>,
    events: EventList,
}

/// What is known of the session, ready to print.
struct SessionFacts {
    id: String,
    title: String,
    /// The device, also if its owner has given the session a name.
    device: String,
    kind_label: &'static str,
    is_current: bool,
    /// "New", if the session is; otherwise empty.
    badge: &'static str,
    authorised_by: String,
    signed_in: TimeText,
    /// When the password was last entered, if that was after the first sign-in.
    proved: Option<TimeText>,
    last_active: TimeText,
    expires: TimeText,
    has_absolute_expiry: bool,
    /// When and why it ended; `None` while it is alive.
    ended: Option<(TimeText, &'static str)>,
    remembered: bool,
    /// Whether it is bound to its browser.
    binding: Binding,
    address: AddressText,
    user_agent: String,
    /// From client hints; empty if they were not sent.
    model: String,
    browser_version: String,
    system_version: String,
}

/// Shows the session. Another user's, an unknown id and a malformed id get the same 404.
pub(crate) async fn show(
    session: SignedIn,
    words: Words,
    request: HttpRequest,
    id: Path<String>,
    query: Query<EventListQuery>,
) -> Result<HttpResponse, WebError> {
    let (state, record) = (session.state(), find_own_session(&session, &id).await?);
    let mut template = template(&session, words, &record, &query).await?;
    let notice = state.flash.read(session.id, request.headers()).filter(|notice| matches!(notice, Notice::Renamed(_)));
    if let Some(notice) = notice {
        let text = notice_text(&session, words, notice, iter::empty(), state.clock.now()).await?;
        template.page.flash = text.map(|text| FlashMessage { text, is_success: true });
    }
    with_cookie(html(words, StatusCode::OK, &template)?, notice.map(|_| state.flash.removal()))
}

/// The page of a session whose new name was rejected, with the name as it was typed.
pub(super) async fn rejected_name(
    session: &SignedIn,
    words: Words,
    record: &SessionRecord,
    typed: String,
    error: String,
) -> Result<HttpResponse, WebError> {
    let mut template = template(session, words, record, &EventListQuery::default()).await?;
    template.name = typed;
    template.name_error = Some(error);
    html(words, StatusCode::UNPROCESSABLE_ENTITY, &template)
}

async fn template(
    session: &SignedIn,
    words: Words,
    record: &SessionRecord,
    query: &EventListQuery,
) -> Result<SessionPage, WebError> {
    let now = session.state().clock.now();
    let filter = EventFilter::Session(session.user.id, record.id);
    let places = Places::new(session.state(), words);
    let events = EventList::read(session, &places, filter, query, &path_of(record.id)).await?;
    let csrf_token = session.csrf_token()?;
    Ok(SessionPage {
        page: Page::of(session, &csrf_token, words).with_places(&places),
        csrf_token,
        device: SessionFacts::new(&places, record, session.id, now),
        name: record.name.clone().unwrap_or_default(),
        name_error: None,
        addresses: AddressUse::all(session, &places, record.id).await?,
        events,
    })
}

/// The path of the page of a session.
pub(super) fn path_of(id: SessionId) -> String {
    format!("{HOME}/{id}")
}

impl SessionFacts {
    fn new(places: &Places, record: &SessionRecord, current: SessionId, now: Timestamp) -> Self {
        let words = places.words;
        let expired = record.logged_out_at.is_none() && record.expires_at <= now;
        let ended = match record.logged_out_at {
            Some(at) => Some((TimeText::ago(words, at, now), labels::end_of(words, record))),
            // The next purge ends it.
            None => expired.then(|| (TimeText::ago(words, record.expires_at, now), words.end_absolute_timeout())),
        };
        let device = record.device();
        Self {
            id: record.id.to_string(),
            title: session_title(words, record),
            device: device_title(words, &device),
            kind_label: labels::kind(words, device.kind),
            is_current: record.id == current,
            badge: if record.is_new(now) { words.badge_new() } else { "" },
            authorised_by: labels::way_in(words, record),
            signed_in: TimeText::ago(words, record.created_at, now),
            proved: record
                .authenticated_at
                .filter(|at| *at > record.created_at)
                .map(|at| TimeText::ago(words, at, now)),
            last_active: TimeText::activity(words, record.last_seen_at, now),
            expires: TimeText::ahead(words, record.expires_at, now),
            has_absolute_expiry: record.has_absolute_expiry,
            ended,
            remembered: record.remembered,
            binding: record.binding,
            address: places.find(record.ip_address.as_deref()),
            user_agent: record.user_agent.clone().unwrap_or_default(),
            model: device.model.unwrap_or_default(),
            browser_version: device.browser_version.unwrap_or_default(),
            system_version: device.system_version.unwrap_or_default(),
        }
    }
}
