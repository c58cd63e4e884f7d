//! The body of the stream: waits for the next thing to tell.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use actix_web::{
    body::{BodySize, MessageBody},
    web::Bytes,
};
use tokio::time::{Instant, timeout_at};

use super::message::{HEARTBEAT, Messages, expiry};
use crate::{
    clock::Timestamp,
    error::Result,
    events::{Change, Subscription},
    sessions::{EndReason, Liveness, SessionEnd, SessionId, Sid, UserId},
    web::{AppState, SignedIn, pages::end_notice},
    words::Words,
};

/// The longest silence on a stream. Proxies close a connection after 30 to 60 seconds of it.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(25);

/// How long before its expiry a page is warned (WCAG 2.2.1 asks for 20 seconds at least); a third of the idle timeout if that
/// is shorter, or a page would be warned all the time.
const WARNING: Duration = Duration::from_secs(120);

/// How often a session is looked at that is about to expire.
const WARNED_LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// How long after an idle expiry a page is told of it: activity of a moment before, on any instance, is written by then.
const ACTIVITY_DELAY: Duration = Duration::from_millis(500);

/// When a session is looked at for the second time whose idle expiry is near as a page opens: the page itself is activity,
/// which is written within a second.
const SECOND_LOOK_DELAY: Duration = Duration::from_millis(1500);

/// How long a stream lasts at least; then the browser opens another one. Load balancers spread streams again by it.
const LIFETIME: Duration = Duration::from_secs(30 * 60);

/// The stream of a bound session lasts no longer than the proof of its request: the next one needs a new proof.
fn lifetime(app: &AppState, session: &SignedIn, spread_secs: u32) -> Duration {
    let longest = LIFETIME + Duration::from_secs(spread_secs.into());
    session.request().proved_until().map_or(longest, |until| longest.min(until.since(app.clock.now())))
}

/// The pause before a browser connects again, and its random part: after a restart they come one after the other.
const RETRY_MILLIS: u64 = 1_000;
const RETRY_SPREAD_MILLIS: u32 = 4_000;

/// The pause after a question to the database that was not answered.
const RETRY_DELAY: Duration = Duration::from_secs(2);

/// What a stream knows.
struct State {
    app: Arc<AppState>,
    subscription: Subscription,
    words: Words,
    user: UserId,
    session: SessionId,
    sid: Sid,
    reader: Reader,
    /// The token of the event that the browser was last told.
    last_event: String,
    heartbeat_at: Instant,
    closes_at: Instant,
    warning: Duration,
    /// When the session has to be looked at: it is about to expire.
    look_at: Instant,
    /// The expiry that the browser was warned of.
    warned_of: Option<Timestamp>,
    is_over: bool,
}

/// The page that reads a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// One of Keyrack's own origin.
    OwnOrigin,
    /// One of an application at another origin. It can't read the list of sessions, so it is not told when that changes.
    OtherOrigin,
}

/// Waits for what is sent next, and gives the state back.
type NextBytes = Pin<Box<dyn Future<Output = (Bytes, State)>>>;

/// The body of the response.
pub(super) struct EventStream {
    first: Option<Bytes>,
    /// `None` once the stream has ended.
    next: Option<NextBytes>,
}

impl EventStream {
    /// Begins the stream of a session that has subscribed. `last_seen` is the id of the last event that the browser got.
    pub async fn open(
        app: Arc<AppState>,
        session: &SignedIn,
        words: Words,
        subscription: Subscription,
        reader: Reader,
        last_seen: Option<&str>,
    ) -> Result<Self> {
        let now = Instant::now();
        let spread = |most: u32| getrandom::u32().map_or(0, |random| random % most);
        let closes_at = now + lifetime(&app, session, spread(600));
        let mut state = State {
            app,
            subscription,
            words,
            user: session.user.id,
            session: session.id,
            sid: session.presented()?.sid,
            reader,
            last_event: String::new(),
            heartbeat_at: now + HEARTBEAT_INTERVAL,
            closes_at,
            warning: WARNING.min(session.idle_timeout() / 3),
            look_at: now,
            warned_of: None,
            is_over: false,
        };
        let newest = state.app.sessions.events().newest_list_change(state.user).await?;
        state.last_event = state.token(newest);
        let mut messages = Messages::default().retry(RETRY_MILLIS + u64::from(spread(RETRY_SPREAD_MILLIS)));
        // What was committed before the subscription is told here only.
        messages = state.look(messages, true).await?;
        if !state.is_over && last_seen.is_some_and(|last_seen| last_seen != state.last_event) {
            messages = state.list_changed(messages);
        }
        let is_over = state.is_over;
        Ok(Self { first: Some(messages.into_bytes()), next: (!is_over).then(|| Self::boxed(state)) })
    }

    /// Ends the stream after its first events.
    pub fn only_first(self) -> Self {
        Self { next: None, ..self }
    }

    fn boxed(mut state: State) -> NextBytes {
        Box::pin(async move {
            let bytes = state.next().await;
            (bytes, state)
        })
    }
}

impl MessageBody for EventStream {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        let Some(next) = &mut self.next else { return Poll::Ready(None) };
        let (bytes, state) = ready!(next.as_mut().poll(cx));
        self.next = (!state.is_over).then(|| Self::boxed(state));
        // An empty chunk would end the response.
        Poll::Ready(if bytes.is_empty() { None } else { Some(Ok(bytes)) })
    }
}

impl State {
    /// Waits until there is something to send. Nothing is sent at the end of a stream's lifetime.
    async fn next(&mut self) -> Bytes {
        loop {
            let now = Instant::now();
            if self.is_over || now >= self.closes_at {
                self.is_over = true;
                return Bytes::new();
            }
            if now >= self.heartbeat_at {
                self.heartbeat_at = now + HEARTBEAT_INTERVAL;
                return HEARTBEAT;
            }
            let messages = if now >= self.look_at {
                self.look(Messages::default(), false).await.unwrap_or_else(|error| {
                    tracing::debug!(error = error.chain(), "an open page is not told of its session's state yet");
                    self.look_at = Instant::now() + RETRY_DELAY;
                    Messages::default()
                })
            } else {
                let wake_at = self.heartbeat_at.min(self.closes_at).min(self.look_at);
                let change = timeout_at(wake_at, self.subscription.next()).await;
                change.map_or_else(|_| Messages::default(), |change| self.handle(change))
            };
            if !messages.is_empty() {
                return messages.into_bytes();
            }
        }
    }

    fn handle(&mut self, change: Change) -> Messages {
        let messages = Messages::default();
        if let Some(ended) = change.ended {
            let at = ended.at.unwrap_or_else(|| self.app.clock.now());
            let end = SessionEnd { reason: EndReason::parse(&ended.reason), at, is_continued: false };
            return self.end(messages, &end);
        }
        if change.must_look {
            self.look_at = Instant::now();
        }
        // A browser connects again with the cookie that it has now; a copy of an older one is refused then.
        self.is_over |= change.is_closing || change.has_new_sid;
        match change.list_changed {
            Some(id) => {
                self.last_event = self.token(id);
                self.list_changed(messages)
            }
            None => messages,
        }
    }

    fn list_changed(&self, messages: Messages) -> Messages {
        match self.reader {
            Reader::OwnOrigin => messages.event("sessions-changed", &self.last_event, &serde_json::json!({})),
            Reader::OtherOrigin => messages,
        }
    }

    fn token(&self, event: i64) -> String {
        self.app.event_tokens.token(self.user, event)
    }

    fn end(&mut self, messages: Messages, end: &SessionEnd) -> Messages {
        self.is_over = true;
        let data = serde_json::json!({
            "session": self.session,
            "reason": end.reason.map(EndReason::as_str),
            "at": end.at,
            "message": end_notice::text(self.words, end, self.app.clock.now()).to_string(),
            "action": self.words.sign_in_again(),
        });
        messages.event("session-ended", &self.last_event, &data)
    }

    /// Looks at the session: tells its end, or warns of its expiry. Decides when to look again.
    async fn look(&mut self, messages: Messages, is_first: bool) -> Result<Messages> {
        match self.app.sessions.liveness(self.user, self.session, &self.sid).await? {
            Some(Liveness::Alive { until, is_idle_expiry }) => {
                Ok(self.tell_expiry(messages, until, is_idle_expiry, is_first))
            }
            Some(Liveness::Over(end)) if self.may_have_been_used(&end) => {
                self.look_at = Instant::now() + ACTIVITY_DELAY;
                Ok(messages)
            }
            Some(Liveness::Over(end)) => Ok(self.end(messages, &end)),
            // The browser connects again with the cookie that it has now.
            Some(Liveness::Renewed) => {
                self.is_over = true;
                Ok(messages)
            }
            // Its user was deleted, and it with them.
            None => {
                let at = self.app.clock.now();
                Ok(self.end(messages, &SessionEnd { reason: None, at, is_continued: false }))
            }
        }
    }

    /// Whether activity of a moment before its idle expiry may not be written yet, which keeps the session alive.
    fn may_have_been_used(&self, end: &SessionEnd) -> bool {
        end.reason == Some(EndReason::IdleTimeout) && self.app.clock.now().since(end.at) < ACTIVITY_DELAY
    }

    fn tell_expiry(&mut self, messages: Messages, until: Timestamp, is_idle_expiry: bool, is_first: bool) -> Messages {
        let left = until.since(self.app.clock.now());
        let until_warning = left.saturating_sub(self.warning);
        let is_near = until_warning.is_zero();
        // Activity in another tab is no event.
        self.look_at = Instant::now() + if is_near { left.min(WARNED_LOOK_INTERVAL) } else { until_warning };
        let data = expiry(&self.session.to_string(), until, is_idle_expiry);
        let messages = if is_first { messages.event("open", &self.last_event, &data) } else { messages };
        if is_near && is_first && is_idle_expiry {
            self.look_at = Instant::now() + left.min(SECOND_LOOK_DELAY);
            messages
        } else if is_near && self.warned_of != Some(until) {
            self.warned_of = Some(until);
            messages.event("session-expiring", &self.last_event, &data)
        } else if !is_near && self.warned_of.take().is_some() {
            // Activity has put off an expiry that the page counts down to.
            messages.event("session-extended", &self.last_event, &data)
        } else {
            messages
        }
    }
}
