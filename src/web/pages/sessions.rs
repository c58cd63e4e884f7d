//! `GET /account/sessions`: the user's active sessions.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web::Query};
use askama::Template;
use serde::Deserialize;

use super::{device_card::DeviceCard, history, html, with_cookie};
use crate::{
    error::Error,
    web::{SignedIn, errors::WebError, flash::Notice, page::Page, time_text::count_text},
};

#[derive(Template)]
#[template(path = "sessions.html")]
struct SessionsPage {
    page: Page,
    csrf_token: String,
    count: String,
    current: DeviceCard,
    others: Vec<DeviceCard>,
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
    if query.show == "ended" { history::show(&session, &query.after).await } else { list(&session, &request).await }
}

async fn list(session: &SignedIn, request: &HttpRequest) -> Result<HttpResponse, WebError> {
    let (state, now) = (session.state(), session.state().clock.now());
    let records = state.sessions.live_of(session.user.id).await?;
    let (own, others): (Vec<_>, Vec<_>) = records.iter().partition(|record| record.id == session.id);
    // Revoked after the session was resumed.
    let current = own.first().ok_or(Error::SessionEnded)?;

    let notice = state.flash.read(session.id, request.headers());
    let csrf_token = session.csrf_token()?;
    let mut page = Page::of(session, &csrf_token);
    page.flash = match notice {
        Some(notice) => notice_text(session, notice).await?,
        None => None,
    };
    let template = SessionsPage {
        page,
        csrf_token,
        count: count_text(records.len(), "active session"),
        current: DeviceCard::new(current, now),
        others: others.into_iter().map(|record| DeviceCard::new(record, now)).collect(),
    };
    let used = state.flash.is_present(request.headers()).then(|| state.flash.removal());
    with_cookie(html(StatusCode::OK, &template)?, used)
}

/// The notice in words. The device's name is looked up among the user's own sessions, so that a forged cookie reveals
/// nothing.
async fn notice_text(session: &SignedIn, notice: Notice) -> Result<Option<String>, WebError> {
    let text = match notice {
        Notice::Revoked(id) => {
            let Some(record) = session.state().sessions.find_own(session.user.id, id).await? else { return Ok(None) };
            format!("Signed out {}.", record.device().title())
        }
        Notice::RevokedOthers(0) => "No other devices were signed in.".to_owned(),
        Notice::RevokedOthers(count) => format!("Signed out {}.", count_text(count, "other device")),
    };
    Ok(Some(text))
}
