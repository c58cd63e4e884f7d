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
//! An event's id stands for the latest security event that has changed the account's list of sessions. A browser that connects again sends it
//! (`Last-Event-ID`), and is told at once if the list has changed since. A stream is no activity.
//!
//! With the query `once`, the response ends after the first events: a page asks so whether its session is alive. Pages of
//! other origins (`KEYRACK_APP_ORIGINS`) are told the same, except for `sessions-changed`; they can't ask
//! `GET /api/session`, whose CSRF token would let them change something.

mod body;
mod message;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web::Data};

use crate::{
    web::{AppState, SignedIn, errors::WebError},
    words::Words,
};
use body::{EventStream, Reader};

/// The query of a request for the first events only.
const ONCE: &str = "once";

/// Opens a stream. 401 without a session, so that the browser's `EventSource` stops; 503 while events can't be read.
pub(crate) async fn show(
    state: Data<AppState>,
    session: SignedIn,
    words: Words,
    request: HttpRequest,
) -> Result<HttpResponse, WebError> {
    let unavailable = || WebError::from(crate::error::Error::Unavailable(anyhow::anyhow!("events are not read")));
    let subscription = state.broadcast.subscribe(session.user.id, session.id).await.ok_or_else(unavailable)?;
    let is_other = state.app_origins.find(request.headers()).is_some();
    let reader = if is_other { Reader::OtherOrigin } else { Reader::OwnOrigin };
    let last_seen = request.headers().get("last-event-id").and_then(|id| id.to_str().ok());
    let stream = EventStream::open(state.into_inner(), &session, words, subscription, reader, last_seen).await?;
    let stream = if request.query_string() == ONCE { stream.only_first() } else { stream };
    Ok(HttpResponse::build(StatusCode::OK)
        .content_type("text/event-stream")
        // Proxies pass each event on at once: nginx reads this.
        .insert_header(("x-accel-buffering", "no"))
        .body(stream))
}
