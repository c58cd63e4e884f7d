//! `GET /account/sessions`: the user's active sessions, one page at a time.

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
        page::{FlashMessage, Page},
        time_text::{TimeText, count_text, count_text_up_to},
    },
};

/// From this number of other devices on, "Sign out all other devices" is also above the list.
const LONG_LIST: usize = 5;

#[derive(Template)]
#[template(path = "sessions.html")]
struct SessionsPage {
    page: Page,
    csrf_token: String,
    /// Whether the user signed in with a leaked password.
    has_breached_password: bool,
    count: String,
    /// This device, on the first page.
    current: Option<DeviceCard>,
    others: Vec<DeviceCard>,
    other_count: usize,
    /// "3 other devices"
    other_count_text: String,
    is_long: bool,
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
    request: HttpRequest,
    query: Query<SessionsQuery>,
) -> Result<HttpResponse, WebError> {
    if query.show == "ended" {
        history::show(&session, &query.after).await
    } else {
        list(&session, &request, &query.after).await
    }
}

/// Shows the page after the cursor `after`; the first page if that can't be parsed.
async fn list(session: &SignedIn, request: &HttpRequest, after: &str) -> Result<HttpResponse, WebError> {
    let (state, now) = (session.state(), session.state().clock.now());
    let after = after.parse().ok();
    let DevicePage { this, others, is_sorted, count, next } =
        state.sessions.devices_of(session.user.id, session.id, after).await?;

    let notice = state.flash.read(session.id, request.headers());
    let csrf_token = session.csrf_token()?;
    let mut page = Page::of(session, &csrf_token);
    page.flash = match notice {
        Some(notice) => {
            let text = notice_text(session, notice, this.iter().chain(&others), now).await?;
            text.map(|text| FlashMessage { text, is_success: notice != Notice::ChangeExpired })
        }
        None if state.flash.has_unmade_change(request.headers(), now) => Some(FlashMessage::unmade_change()),
        None => None,
    };
    let mut cards: Vec<DeviceCard> = others.iter().map(|record| DeviceCard::new(record, now)).collect();
    set_labels(&mut cards);
    let other_count = count.saturating_sub(1);
    let template = SessionsPage {
        page,
        csrf_token,
        has_breached_password: breached_password::is_in_use(session).await?,
        count: count_text_up_to(count, Sessions::MAX_COUNTED, "active session"),
        current: this.as_ref().map(|record| DeviceCard::new(record, now)),
        others: cards,
        other_count,
        other_count_text: count_text_up_to(other_count, Sessions::MAX_COUNTED - 1, "other device"),
        is_long: other_count > LONG_LIST,
        is_sorted,
        pagination: Pagination {
            name: "Device pages",
            first: after.map(|_| HOME.to_owned()),
            first_text: "First page",
            next: next.map(|cursor| format!("{HOME}?after={cursor}")),
            next_text: "More devices",
        },
    };
    let used = state.flash.is_present(request.headers()).then(|| state.flash.removal());
    with_cookie(html(StatusCode::OK, &template)?, used)
}

/// The notice in words. The device's name is looked up among the user's own sessions, so that a forged cookie reveals
/// nothing. If a device with the same name is `shown`, the words tell the two apart.
async fn notice_text(
    session: &SignedIn,
    notice: Notice,
    mut shown: impl Iterator<Item = &SessionRecord>,
    now: Timestamp,
) -> Result<Option<String>, WebError> {
    let text = match notice {
        Notice::Revoked(id) => {
            let Some(record) = session.state().sessions.find_own(session.user.id, id).await? else { return Ok(None) };
            let title = record.device().title();
            if shown.any(|other| other.device().title() == title) {
                let address = record.ip_address.as_deref().map(|address| format!("{address}, ")).unwrap_or_default();
                let signed_in = TimeText::ago(record.created_at, now).text;
                format!("Signed out {title} ({address}signed in {signed_in}).")
            } else {
                format!("Signed out {title}.")
            }
        }
        Notice::RevokedOthers(0) => "No other devices were signed in.".to_owned(),
        Notice::RevokedOthers(count) => format!("Signed out {}.", count_text(count, "other device")),
        Notice::RevokedAllOthers => "Signed out all other devices.".to_owned(),
        Notice::PasswordChanged(None) => {
            "Your password was changed. Your other devices are still signed in.".to_owned()
        }
        Notice::PasswordChanged(Some(0)) => "Your password was changed.".to_owned(),
        Notice::PasswordChanged(Some(count)) => {
            format!("Your password was changed. Signed out {}.", count_text(count, "other device"))
        }
        Notice::ChangeExpired => {
            "You confirmed that it’s you, but too late for what you asked for, so nothing was changed. Try it again."
                .to_owned()
        }
    };
    Ok(Some(text))
}
