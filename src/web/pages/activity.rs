//! `GET /account/activity`: the security events of one's own account, one page at a time.

pub(in crate::web) mod states;

use actix_web::{HttpResponse, http::StatusCode, web::Query};
use askama::Template;

use super::{
    event_list::{EventList, EventListQuery},
    html,
};
use crate::{
    events::EventFilter,
    web::{SignedIn, errors::WebError, page::Page, places::Places},
    words::Words,
};

#[derive(Template)]
#[template(path = "activity.html")]
struct ActivityPage {
    page: Page,
    events: EventList,
}

/// Shows the events of all sessions, and of the account itself.
pub(crate) async fn show(
    session: SignedIn,
    words: Words,
    query: Query<EventListQuery>,
) -> Result<HttpResponse, WebError> {
    let filter = EventFilter::User(session.user.id);
    let places = Places::new(session.state(), words);
    let events = EventList::read(&session, &places, filter, &query, "/account/activity").await?;
    let page = Page::of(&session, &session.csrf_token()?, words).with_places(&places);
    html(words, StatusCode::OK, &ActivityPage { page, events })
}
