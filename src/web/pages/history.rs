//! `GET /account/sessions?show=ended`: the devices that were signed in once, a page at a time.

use actix_web::{HttpResponse, http::StatusCode};
use askama::Template;

use super::{device_card::EndedCard, html};
use crate::{
    sessions::LiveSession,
    web::{RequestSession, errors::WebError, page::Page},
};

#[derive(Template)]
#[template(path = "history.html")]
struct HistoryPage {
    page: Page,
    rows: Vec<EndedCard>,
    newer: Option<String>,
    older: Option<String>,
}

const FIRST_PAGE: &str = "/account/sessions?show=ended";

/// The page after the cursor that the link before carried; a cursor that can't be read is the first page's.
pub(super) async fn show(visit: &RequestSession, live: &LiveSession, after: &str) -> Result<HttpResponse, WebError> {
    let (shared, now) = (visit.state(), visit.state().clock.now());
    let after = after.parse().ok();
    let history = shared.sessions.history_of(live.user.id, after).await?;
    let (csrf_token, _) = shared.csrf.token(visit.current_sid(), &actix_web::http::header::HeaderMap::new())?;
    let template = HistoryPage {
        page: Page::of(live, &csrf_token),
        rows: history.records.iter().map(|record| EndedCard::new(record, now)).collect(),
        newer: after.map(|_| FIRST_PAGE.to_owned()),
        older: history.older.map(|cursor| format!("{FIRST_PAGE}&after={cursor}")),
    };
    html(StatusCode::OK, &template)
}
