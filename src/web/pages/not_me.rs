//! "This wasn't me": `GET /account/sessions/{id}/not-me` says what will happen, `POST /account/sessions/{id}/report` does it,
//! and the first page then shows what came of the session.

pub(in crate::web) mod states;

use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Path, Query},
};
use askama::Template;

use super::{
    address_use::AddressUse,
    device_card::{DeviceCard, set_labels},
    event_list::{EventList, EventListQuery},
    html, see_other,
    session_detail::path_of,
};
use crate::{
    accounts::{EmailUndoing, Undoing},
    clock::Timestamp,
    events::EventFilter,
    sessions::{SessionId, SessionRecord, WayIn},
    web::{
        SignedIn,
        access_refusal::{find_own_session, refuse_foreign_session},
        csrf_form::CsrfOnlyForm,
        errors::{WebError, reauth_page},
        labels::{self, title_with_device},
        page::Page,
        places::Places,
        time_text::TimeText,
    },
    words::Words,
};

#[derive(Template)]
#[template(path = "not_me.html")]
struct NotMePage {
    page: Page,
    csrf_token: String,
    id: String,
    title: String,
    is_current: bool,
    /// What follows if it was not.
    steps: Vec<String>,
    /// Where the reporter proves by the password that they may undo what it has added; `None` if they may.
    prove_at: Option<String>,
    /// Where the session was used, which tells its owner whether it is theirs.
    addresses: Vec<AddressUse>,
}

#[derive(Template)]
#[template(path = "reported.html")]
struct ReportedPage {
    page: Page,
    csrf_token: String,
    title: String,
    reported: TimeText,
    /// Whether it was let in by a passkey instead of the password.
    is_by_passkey: bool,
    /// The other sessions that the same password has let in since.
    since: Vec<SessionSince>,
    has_more: bool,
    /// Where the reported session was used, if from several addresses.
    addresses: Vec<AddressUse>,
    events: EventList,
}

/// A session that may be of the same person as the reported one.
struct SessionSince {
    card: DeviceCard,
    is_current: bool,
    /// Why it ended; `None` while it is active.
    ended: Option<&'static str>,
}

/// What follows from a report.
struct Follows {
    /// Whether the session is signed out already.
    has_ended: bool,
    /// Whether a browser is forgotten.
    forgets_browser: bool,
    undoing: Undoing,
}

/// Says it, in the order in which it happens.
fn steps(words: Words, follows: &Follows) -> Vec<String> {
    let undoing = &follows.undoing;
    let fixed = |is_so: bool, text: &str| is_so.then(|| text.to_owned());
    let steps = [
        fixed(!follows.has_ended, words.not_me_ends()),
        fixed(follows.has_ended, words.not_me_has_ended()),
        fixed(follows.forgets_browser, words.not_me_forgets()),
        (undoing.sessions > 0).then(|| words.not_me_ends_others(undoing.sessions)),
        fixed(undoing.removes_app, words.not_me_removes_app()),
        fixed(undoing.removes_recovery_codes, words.not_me_removes_recovery_codes()),
        (undoing.passkeys > 0).then(|| words.not_me_removes_passkeys(undoing.passkeys)),
        fixed(undoing.is_held_back, words.not_me_stays()),
        (undoing.names > 0).then(|| words.not_me_restores_names(undoing.names)),
        (undoing.passkey_names > 0).then(|| words.not_me_restores_passkey_names(undoing.passkey_names)),
        fixed(matches!(undoing.email, EmailUndoing::IsRestored { .. }), words.not_me_restores_email()),
        fixed(undoing.email == EmailUndoing::IsRestored { removes_password: true }, words.not_me_removes_password()),
        fixed(matches!(undoing.email, EmailUndoing::IsTaken { .. }), words.not_me_email_taken()),
        fixed(
            undoing.email == EmailUndoing::IsTaken { removes_password: true },
            words.not_me_removes_password_of_taken_address(),
        ),
        fixed(true, words.not_me_shows()),
        fixed(true, words.not_me_password()),
    ];
    steps.into_iter().flatten().collect()
}

/// Asks before the report, or shows what came of the session after it. Another user's session, an unknown id and a
/// malformed id get the same 404.
pub(crate) async fn show(
    session: SignedIn,
    words: Words,
    id: Path<String>,
    query: Query<EventListQuery>,
) -> Result<HttpResponse, WebError> {
    let (sessions, record) = (&session.state().sessions, find_own_session(&session, &id).await?);
    let accounts = &session.state().accounts;
    let undoing = accounts.undoing(session.id, &record).await?;
    // A session of another program may be alive again after its end, and a report by the link of a mail takes nothing out.
    let is_done = record.logged_out_at.is_some() && undoing == Undoing::default();
    if let Some(reported_at) = sessions.reported_at(&record).await?.filter(|_| is_done) {
        return html(words, StatusCode::OK, &reported(&session, words, &record, reported_at, &query).await?);
    }
    let (csrf_token, places) = (session.csrf_token()?, Places::new(session.state(), words));
    let follows = Follows {
        has_ended: record.logged_out_at.is_some(),
        forgets_browser: sessions.has_browser_to_forget(session.user.id, record.id).await?,
        undoing,
    };
    let template = NotMePage {
        page: Page::of(&session, &csrf_token, words).with_places(&places),
        csrf_token,
        id: record.id.to_string(),
        title: title_with_device(words, &record),
        is_current: record.id == session.id,
        steps: steps(words, &follows),
        prove_at: undoing.is_held_back.then(|| reauth_page(&format!("{}/not-me", path_of(record.id)), None)),
        addresses: AddressUse::all(&session, &places, record.id).await?,
    };
    html(words, StatusCode::OK, &template)
}

/// Ends the session. The one that asks for it stays: the page leads its user to a new password.
pub(crate) async fn submit(session: SignedIn, id: Path<String>, _: CsrfOnlyForm) -> Result<HttpResponse, WebError> {
    let id: SessionId = id.parse().map_err(|_| WebError::NoSuchSession)?;
    report(&session, id).await
}

/// Ends a session that another person has started, and shows what came of it.
pub(super) async fn report(session: &SignedIn, id: SessionId) -> Result<HttpResponse, WebError> {
    let page = format!("{}/not-me", path_of(id));
    if id == session.id {
        return Ok(see_other(&page));
    }
    if !session.state().accounts.report_session(&session.presented()?, id).await? {
        return Err(refuse_foreign_session(session, id).await);
    }
    Ok(see_other(&page))
}

async fn reported(
    session: &SignedIn,
    words: Words,
    record: &SessionRecord,
    reported_at: Timestamp,
    query: &EventListQuery,
) -> Result<ReportedPage, WebError> {
    let (state, now) = (session.state(), session.state().clock.now());
    let found = state.sessions.let_in_since(record).await?;
    let places = Places::new(state, words);
    let since = |other: &SessionRecord| SessionSince {
        card: DeviceCard::new(&places, other, now),
        is_current: other.id == session.id,
        ended: ended(words, other, now),
    };
    let filter = EventFilter::Session(session.user.id, record.id);
    let first_page = format!("{}/not-me", path_of(record.id));
    let csrf_token = session.csrf_token()?;
    let mut page = ReportedPage {
        page: Page::of(session, &csrf_token, words).with_places(&places),
        csrf_token,
        title: title_with_device(words, record),
        reported: TimeText::ago(words, reported_at, now),
        is_by_passkey: WayIn::parse(&record.authorised_by) == Some(WayIn::Passkey),
        since: found.records.iter().map(since).collect(),
        has_more: found.has_more,
        addresses: AddressUse::all(session, &places, record.id).await?,
        events: EventList::read(session, &places, filter, query, &first_page).await?,
    };
    set_labels(words, page.since.iter_mut().map(|since| &mut since.card));
    Ok(page)
}

/// Why a session is over; `None` if it is not. One that has expired is ended by the next purge.
fn ended(words: Words, record: &SessionRecord, now: Timestamp) -> Option<&'static str> {
    match record.logged_out_at {
        Some(_) => Some(labels::end_of(words, record)),
        None => (record.expires_at <= now).then(|| words.end_absolute_timeout()),
    }
}
