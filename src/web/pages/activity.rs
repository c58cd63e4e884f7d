//! `GET /account/activity`: the security events of one's own account, one page at a time.

use actix_web::{HttpResponse, http::StatusCode, web::Query};
use askama::Template;
use serde::Deserialize;

use super::{event_row::EventRow, html, pagination::Pagination};
use crate::{
    events::EventFilter,
    web::{SignedIn, errors::WebError, page::Page},
};

#[derive(Template)]
#[template(path = "activity.html")]
struct ActivityPage {
    page: Page,
    rows: Vec<EventRow>,
    pagination: Pagination,
}

#[derive(Deserialize)]
pub(crate) struct ActivityQuery {
    #[serde(default)]
    before: String,
}

const FIRST_PAGE: &str = "/account/activity";

/// Shows the events before the id `before`; the newest ones if that can't be parsed.
pub(crate) async fn show(session: SignedIn, query: Query<ActivityQuery>) -> Result<HttpResponse, WebError> {
    let (state, now, user) = (session.state(), session.state().clock.now(), session.user.id);
    let before: Option<i64> = query.before.parse().ok();
    let found = state.sessions.events().newest(EventFilter::User(user), before).await?;
    let template = ActivityPage {
        page: Page::of(&session, &session.csrf_token()?),
        rows: EventRow::all(&state.sessions, user, &found.events, now).await?,
        pagination: Pagination {
            name: "Activity pages",
            first: before.map(|_| FIRST_PAGE.to_owned()),
            first_text: "Newest",
            next: found.older.map(|id| format!("{FIRST_PAGE}?before={id}")),
            next_text: "Older",
        },
    };
    html(StatusCode::OK, &template)
}
