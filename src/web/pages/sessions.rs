//! `GET /account/sessions`: the devices that are signed in.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web::Query};
use askama::Template;
use serde::Deserialize;

use super::{device_card::DeviceCard, history, html, with_cookie};
use crate::{
    error::Error,
    web::{
        SignedIn,
        errors::WebError,
        flash::{self, Done},
        page::{Flash, Page},
        time_text::count_of,
    },
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

/// The devices, this one first; with `?show=ended` the history instead.
pub(crate) async fn show(
    session: SignedIn,
    request: HttpRequest,
    query: Query<SessionsQuery>,
) -> Result<HttpResponse, WebError> {
    if query.show == "ended" { history::show(&session, &query.after).await } else { list(&session, &request).await }
}

async fn list(session: &SignedIn, request: &HttpRequest) -> Result<HttpResponse, WebError> {
    let (state, now) = (session.state(), session.state().clock.now());
    let records = state.sessions.active_of(session.user.id).await?;
    let (own, others): (Vec<_>, Vec<_>) = records.iter().partition(|record| record.id == session.id);
    // Revoked between the check and the list.
    let current = own.first().ok_or(Error::SessionEnded)?;

    let done = flash::read(request.headers(), &state.public_url);
    let csrf_token = session.csrf_token()?;
    let mut page = Page::of(session, &csrf_token);
    page.flash = match done {
        Some(done) => say(session, done).await?,
        None => None,
    };
    let template = SessionsPage {
        page,
        csrf_token,
        count: count_of(records.len(), "active session"),
        current: DeviceCard::new(current, now),
        others: others.into_iter().map(|record| DeviceCard::new(record, now)).collect(),
    };
    with_cookie(html(StatusCode::OK, &template)?, done.map(|_| flash::removal(&state.public_url)))
}

/// What was just done, in words. The device's name is looked up among the user's own sessions, so that a forged cookie can
/// say nothing.
async fn say(session: &SignedIn, done: Done) -> Result<Option<Flash>, WebError> {
    let text = match done {
        Done::Revoked(id) => {
            let Some(record) = session.state().sessions.find_own(session.user.id, id).await? else { return Ok(None) };
            format!("Signed out {}.", record.device().title())
        }
        Done::RevokedOthers(0) => "No other device was signed in.".to_owned(),
        Done::RevokedOthers(count) => format!("Signed out {}.", count_of(count, "other device")),
    };
    Ok(Some(Flash { good: true, text }))
}
