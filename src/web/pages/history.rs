//! `GET /account/sessions?show=ended`: the user's ended sessions, one page at a time.

pub(in crate::web) mod states;

use actix_web::{HttpResponse, http::StatusCode};
use askama::Template;

use super::{device_card::EndedCard, html, pagination::Pagination};
use crate::{
    web::{SignedIn, errors::WebError, page::Page, places::Places},
    words::Words,
};

#[derive(Template)]
#[template(path = "history.html")]
struct HistoryPage {
    page: Page,
    rows: Vec<EndedCard>,
    pagination: Pagination,
}

const FIRST_PAGE: &str = "/account/sessions?show=ended";

/// Shows the page after the cursor `after`; the first page if that can't be parsed.
pub(super) async fn show(session: &SignedIn, words: Words, after: &str) -> Result<HttpResponse, WebError> {
    let (state, now) = (session.state(), session.state().clock.now());
    let places = Places::new(state, words);
    let after = after.parse().ok();
    let history = state.sessions.history_of(session.user.id, after).await?;
    let template = HistoryPage {
        page: Page::of(session, &session.csrf_token()?, words).with_places(&places),
        rows: history.records.iter().map(|record| EndedCard::new(&places, record, now)).collect(),
        pagination: Pagination::newest_first(
            words,
            words.history_pages(),
            after.map(|_| FIRST_PAGE.to_owned()),
            history.older.map(|cursor| format!("{FIRST_PAGE}&after={cursor}")),
        ),
    };
    html(words, StatusCode::OK, &template)
}
