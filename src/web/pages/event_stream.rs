//! `GET /account/events`: tells the open pages of a browser what becomes of their session, as server-sent events
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).
//!
//! | event | data | meaning |
//! |---|---|---|
//! | `open` | `session`, `expires_at`, `idle` | the stream has begun; `idle` says whether activity puts the expiry off |
//! | `sessions-changed` | none | the list of the user's sessions has changed |
//! | `session-expiring` | as `open` | the session expires within two minutes unless it is used |
//! | `session-extended` | as `open` | it was used after such a warning |
//! | `session-ended` | `reason`, `at`, `message`, `action` | the session has ended; the stream ends, too. `message` says so in the
//! reader's language, as HTML, and `action` is the label of a link to sign in |
//!
//! An event's id is that of the latest security event of the account. A browser that connects again sends it
//! (`Last-Event-ID`), and is told at once if the list has changed since. A stream is no activity.

mod body;
mod message;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode};

use crate::{
    web::{SignedIn, errors::WebError},
    words::Words,
};
use body::EventStream;

/// Opens a stream. 401 without a session, so that the browser's `EventSource` stops; 503 while events can't be read.
pub(crate) async fn show(session: SignedIn, words: Words, request: HttpRequest) -> Result<HttpResponse, WebError> {
    let state = session.state();
    let unavailable = || WebError::from(crate::error::Error::Unavailable(anyhow::anyhow!("events are not read")));
    let subscription = state.broadcast.subscribe(session.user.id, session.id).await.ok_or_else(unavailable)?;
    let last_seen = request.headers().get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let stream = EventStream::open(&session, words, subscription, last_seen).await?;
    Ok(HttpResponse::build(StatusCode::OK)
        .content_type("text/event-stream")
        // Proxies pass each event on at once: nginx reads this.
        .insert_header(("x-accel-buffering", "no"))
        .body(stream))
}
