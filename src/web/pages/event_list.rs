//! A page of security events, the newest first: of an account, or of one session.

pub(super) mod samples;

use serde::Deserialize;

use super::{event_row::EventRow, pagination::Pagination};
use crate::{
    events::EventFilter,
    web::{SignedIn, errors::WebError, places::Places},
};

/// The values of `partials/events.html` and its links.
pub(super) struct EventList {
    pub rows: Vec<EventRow>,
    pub pagination: Pagination,
}

#[derive(Deserialize, Default)]
pub(crate) struct EventListQuery {
    #[serde(default)]
    before: String,
}

impl EventList {
    /// Reads the events of the session's user before the id `before`; the newest ones if that can't be parsed.
    /// `first_page` is the path of the newest ones.
    pub async fn read(
        session: &SignedIn,
        places: &Places,
        filter: EventFilter,
        query: &EventListQuery,
        first_page: &str,
    ) -> Result<Self, WebError> {
        let (state, now) = (session.state(), session.state().clock.now());
        let before: Option<i64> = query.before.parse().ok();
        let found = state.sessions.events().newest(filter, before).await?;
        let pagination = Pagination::newest_first(
            places.words,
            places.words.activity_pages(),
            before.map(|_| first_page.to_owned()),
            found.older.map(|id| format!("{first_page}?before={id}")),
        );
        let rows = EventRow::all(&state.sessions, places, session.user.id, &found.events, now).await?;
        Ok(Self { rows, pagination })
    }
}
