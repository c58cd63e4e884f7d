//! `GET /account/sessions`: the user's active sessions, one page at a time.

pub(in crate::web) mod states;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web::Query};
use askama::Template;
use serde::Deserialize;

use super::{
    HOME, breached_password,
    device_card::{DeviceCard, set_labels},
    history, html,
    pagination::Pagination,
    with_cookie,
};
use crate::{
    clock::Timestamp,
    sessions::{DevicePage, SessionRecord, Sessions},
    web::{
        SignedIn,
        errors::WebError,
        flash::Notice,
        labels::{device_title, title_with_device},
        page::{FlashMessage, Page},
        places::Places,
        time_text::TimeText,
    },
    words::{Html, Words},
};

#[derive(Template)]
#[template(path = "sessions.html")]
struct SessionsPage {
    page: Page,
    csrf_token: String,
    /// Whether the user signed in with a leaked password.
    has_breached_password: bool,
    /// That another browser has tried to use a session.
    refused: Option<Html>,
    count: String,
    /// The token of the latest event that has changed the list: the script asks for a newer list once there is another one.
    event: String,
    /// This device, on the first page.
    current: Option<DeviceCard>,
    others: Vec<DeviceCard>,
    other_count: usize,
    /// What happens if all others are signed out.
    revoke_others_text: String,
    is_sorted: bool,
    pagination: Pagination,
}

#[derive(Deserialize)]
pub(crate) struct SessionsQuery {
    #[serde(default)]
    show: String,
    #[serde(default)]
    after: String,
}

/// Lists the devices, this one first; with `?show=ended`, the history instead.
pub(crate) async fn show(
    session: SignedIn,
    words: Words,
    request: HttpRequest,
    query: Query<SessionsQuery>,
) -> Result<HttpResponse, WebError> {
    if query.show == "ended" {
        history::show(&session, words, &query.after).await
    } else {
        list(&session, words, &request, &query.after).await
    }
}

/// Shows the page after the cursor `after`; the first page if that can't be parsed.
async fn list(session: &SignedIn, words: Words, request: &HttpRequest, after: &str) -> Result<HttpResponse, WebError> {
    let (state, now) = (session.state(), session.state().clock.now());
    let after = after.parse().ok();
    // Before the list, which may have more than this tells, but never less.
    let event = state.sessions.events().newest_list_change(session.user.id).await?;
    let event = state.event_tokens.token(session.user.id, event);
    let devices = state.sessions.devices_of(session.user.id, session.id, after).await?;

    let notice = state.flash.read(session.id, request.headers());
    let places = Places::new(state, words);
    let mut page = Page::of(session, &session.csrf_token()?, words).with_places(&places);
    page.flash = match notice {
        Some(notice) => {
            let shown = devices.this.iter().chain(&devices.others);
            let text = notice_text(session, words, notice, shown, now).await?;
            let is_success = !matches!(notice, Notice::ChangeExpired | Notice::RevokedSelected(0));
            text.map(|text| FlashMessage { text, is_success })
        }
        None if state.flash.has_unmade_change(request.headers(), now) => Some(FlashMessage::unmade_change(words)),
        None => None,
    };
    let has_breached_password = breached_password::is_in_use(session).await?;
    let template = SessionsPage {
        has_breached_password,
        refused: refused_copy(session, &places, &devices, now).await?,
        event,
        ..SessionsPage::new(page, &places, &devices, after.is_none(), now)
    };
    let used = state.flash.is_present(request.headers()).then(|| state.flash.removal());
    with_cookie(html(words, StatusCode::OK, &template)?, used)
}

/// Says that another browser has lately tried to use a bound session. It is looked up only if one is shown.
async fn refused_copy(
    session: &SignedIn,
    places: &Places,
    devices: &DevicePage,
    now: Timestamp,
) -> Result<Option<Html>, WebError> {
    if !devices.this.iter().chain(&devices.others).any(|record| record.binding.is_bound()) {
        return Ok(None);
    }
    let refused_at = session.state().sessions.latest_refusal(session.user.id).await?;
    let text = |at| places.words.bound_refused_warning(TimeText::ago(places.words, at, now), "/account/activity");
    Ok(refused_at.map(text))
}

impl SessionsPage {
    /// The page of these devices, which is the first one or a later one.
    fn new(page: Page, places: &Places, devices: &DevicePage, is_first: bool, now: Timestamp) -> Self {
        let (words, count) = (page.words, devices.count);
        let mut others: Vec<DeviceCard> =
            devices.others.iter().map(|record| DeviceCard::new(places, record, now)).collect();
        set_labels(words, &mut others);
        let other_count = count.saturating_sub(1);
        Self {
            csrf_token: page.csrf_token.clone(),
            page,
            has_breached_password: false,
            refused: None,
            count: if count < Sessions::MAX_COUNTED {
                words.active_sessions(count)
            } else {
                words.active_sessions_or_more(Sessions::MAX_COUNTED)
            },
            event: String::new(),
            current: devices.this.as_ref().map(|record| DeviceCard::new(places, record, now)),
            others,
            other_count,
            revoke_others_text: if count < Sessions::MAX_COUNTED {
                words.others_will_be_signed_out(other_count)
            } else {
                words.others_or_more_will_be_signed_out(Sessions::MAX_COUNTED - 1)
            },
            is_sorted: devices.is_sorted,
            pagination: Pagination {
                name: words.device_pages(),
                first: (!is_first).then(|| HOME.to_owned()),
                first_text: words.first_page(),
                next: devices.next.as_ref().map(|cursor| format!("{HOME}?after={cursor}")),
                next_text: words.more_devices(),
            },
        }
    }
}

/// The notice in words. The device's name is looked up among the user's own sessions, so that a forged cookie reveals
/// nothing. If a device with the same name is `shown`, the words tell the two apart.
pub(super) async fn notice_text(
    session: &SignedIn,
    words: Words,
    notice: Notice,
    shown: impl Iterator<Item = &SessionRecord>,
    now: Timestamp,
) -> Result<Option<String>, WebError> {
    let text = match notice {
        Notice::Revoked(id) => {
            let Some(record) = session.state().sessions.find_own(session.user.id, id).await? else { return Ok(None) };
            signed_out(words, &record, shown, now)
        }
        Notice::RevokedSelected(count) => words.selected_signed_out(count),
        Notice::Renamed(id) => {
            let Some(record) = session.state().sessions.find_own(session.user.id, id).await? else { return Ok(None) };
            let device = device_title(words, &record.device());
            match record.name {
                Some(name) => words.session_named(device, name),
                None => words.session_unnamed(device),
            }
        }
        Notice::RevokedOthers(count) => words.others_signed_out(count),
        Notice::RevokedAllOthers => words.all_others_signed_out().to_owned(),
        Notice::PasswordChanged(None) => words.password_changed_others_kept().to_owned(),
        Notice::PasswordChanged(Some(count)) => words.password_changed(count),
        Notice::RemovalTooSoon => words.security_app_remove_too_soon().to_owned(),
        Notice::EmailChangeCancelled => words.email_change_cancelled().to_owned(),
        Notice::PasskeyAdded => words.passkey_was_added().to_owned(),
        Notice::PasskeyRenamed => words.passkey_was_renamed().to_owned(),
        Notice::PasskeyRemoved => words.passkey_was_removed().to_owned(),
        Notice::ChangeExpired => words.change_expired().to_owned(),
        Notice::SecondFactorRemoved => words.second_factor_removed().to_owned(),
        Notice::CodesAskedAgain => words.codes_asked_again().to_owned(),
    };
    Ok(Some(text))
}

/// Says that a session was ended, so that it can be told apart from those that are shown.
fn signed_out<'a>(
    words: Words,
    record: &SessionRecord,
    mut shown: impl Iterator<Item = &'a SessionRecord>,
    now: Timestamp,
) -> String {
    let title = title_with_device(words, record);
    if !shown.any(|other| title_with_device(words, other) == title) {
        return words.device_signed_out(title);
    }
    let ago = TimeText::ago(words, record.created_at, now).text;
    match &record.ip_address {
        Some(address) => words.device_at_address_signed_out(title, address, ago),
        None => words.device_since_signed_out(title, ago),
    }
}
