//! A visit: what one request knows of its session, and what it decides.
//!
//! actix-session calls the store before and after the handler without the request, so the visit goes beside it: in the
//! request's extensions for guards and pages, in a task-local for the store.

use std::{
    cell::{Cell, OnceCell, RefCell},
    future::{Ready, ready},
    net::IpAddr,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use actix_session::SessionStatus;
use actix_web::{Error as ActixError, FromRequest, HttpMessage, HttpRequest, dev::Payload, http::header::HeaderValue};

use crate::{
    accounts::Authenticated,
    error::Error,
    sessions::{Client, LiveSession, SessionId, Sid},
    web::{app_state::AppState, cookie::Presented},
};

tokio::task_local! {
    pub(super) static VISIT: RequestSession;
}

/// What becomes of the cookie.
#[derive(Debug, Clone)]
pub(super) enum CookieChange {
    Issue { sid: Sid, max_age: Option<Duration> },
    Remove,
}

/// One request's dealings with its session. Handlers take it as an argument.
#[derive(Clone)]
pub struct RequestSession(Rc<Inner>);

struct Inner {
    shared: Arc<AppState>,
    ip_address: Option<IpAddr>,
    user_agent: Option<HeaderValue>,
    client: OnceCell<Client>,
    presented: Option<Presented>,
    live: RefCell<Option<Rc<LiveSession>>>,
    session_id: Cell<Option<SessionId>>,
    unreadable: RefCell<Option<Error>>,
    unwritten: RefCell<Option<Error>>,
    status: RefCell<SessionStatus>,
    renewed: RefCell<Option<Sid>>,
    sign_in: RefCell<Option<SignIn>>,
    cookie: RefCell<Option<CookieChange>>,
}

/// What the sign-in page tells the store of the session that it will start.
#[derive(Debug, Clone)]
pub(super) struct SignIn {
    pub who: Authenticated,
    pub remember: bool,
}

impl RequestSession {
    pub(super) fn new(
        shared: Arc<AppState>,
        ip_address: Option<IpAddr>,
        user_agent: Option<HeaderValue>,
        presented: Option<Presented>,
    ) -> Self {
        Self(Rc::new(Inner {
            shared,
            ip_address,
            user_agent,
            client: OnceCell::new(),
            presented,
            live: RefCell::default(),
            session_id: Cell::default(),
            unreadable: RefCell::default(),
            unwritten: RefCell::default(),
            status: RefCell::default(),
            renewed: RefCell::default(),
            sign_in: RefCell::default(),
            cookie: RefCell::default(),
        }))
    }

    /// The visit of a request that passed the session layer.
    pub(crate) fn of(request: &HttpRequest) -> Option<Self> {
        request.extensions().get::<Self>().cloned()
    }

    /// The session, if this request is signed in.
    pub fn live(&self) -> Option<Rc<LiveSession>> {
        self.0.live.borrow().clone()
    }

    /// The session that this request was, or came to be, about.
    pub(crate) fn session_id(&self) -> Option<SessionId> {
        self.0.session_id.get()
    }

    /// The device at the other end.
    pub fn client(&self) -> &Client {
        self.0.client.get_or_init(|| {
            // Not `to_str`, which takes ASCII only: one odd letter would cost the device its name.
            let user_agent = self.0.user_agent.as_ref().map(|value| String::from_utf8_lossy(value.as_bytes()));
            Client::new(self.0.ip_address, user_agent.as_deref())
        })
    }

    /// The address at the other end, without looking at the rest.
    pub(crate) fn ip_address(&self) -> Option<IpAddr> {
        self.0.ip_address
    }

    pub(crate) fn shared(&self) -> &AppState {
        &self.0.shared
    }

    /// The sid of the live session, which form tokens are bound to.
    pub(crate) fn live_sid(&self) -> Option<&Sid> {
        self.presented().filter(|_| self.0.live.borrow().is_some())
    }

    pub(crate) fn presented(&self) -> Option<&Sid> {
        self.0.presented.as_ref().map(|presented| &presented.sid)
    }

    /// Whether the cookie verified under a secret that no longer signs.
    pub(super) fn is_outdated(&self) -> bool {
        self.0.presented.as_ref().is_some_and(|presented| presented.outdated)
    }

    /// Tells the store what it will not learn from the session's state when the handler has returned.
    pub(crate) fn expect_sign_in(&self, who: Authenticated, remember: bool) {
        *self.0.sign_in.borrow_mut() = Some(SignIn { who, remember });
    }

    pub(super) fn sign_in(&self) -> Option<SignIn> {
        self.0.sign_in.borrow().clone()
    }

    pub(super) fn resumed(&self, live: LiveSession) {
        self.0.session_id.set(Some(live.id));
        *self.0.live.borrow_mut() = Some(Rc::new(live));
    }

    /// The session could not be read: whether this request is signed in is not known.
    pub(super) fn could_not_read(&self, error: Error) {
        *self.0.unreadable.borrow_mut() = Some(error);
    }

    /// Why the session could not be read, if it could not.
    pub(crate) fn take_unreadable(&self) -> Option<Error> {
        self.0.unreadable.borrow_mut().take()
    }

    /// What the handler did to the session could not be written: its answer must not be sent.
    pub(super) fn could_not_write(&self, error: Error) {
        *self.0.unwritten.borrow_mut() = Some(error);
    }

    pub(super) fn take_unwritten(&self) -> Option<Error> {
        self.0.unwritten.borrow_mut().take()
    }

    pub(super) fn set_status(&self, status: SessionStatus) {
        *self.0.status.borrow_mut() = status;
    }

    pub(super) fn is_renewing(&self) -> bool {
        *self.0.status.borrow() == SessionStatus::Renewed
    }

    pub(super) fn set_renewed(&self, old: Sid) {
        *self.0.renewed.borrow_mut() = Some(old);
    }

    pub(super) fn take_renewed(&self) -> Option<Sid> {
        self.0.renewed.borrow_mut().take()
    }

    pub(super) fn issue_cookie(&self, id: SessionId, sid: Sid, max_age: Option<Duration>) {
        self.0.session_id.set(Some(id));
        *self.0.cookie.borrow_mut() = Some(CookieChange::Issue { sid, max_age });
    }

    /// Makes the browser forget its cookie with this answer.
    pub(crate) fn forget_cookie(&self) {
        *self.0.cookie.borrow_mut() = Some(CookieChange::Remove);
    }

    pub(super) fn take_cookie(&self) -> Option<CookieChange> {
        self.0.cookie.borrow_mut().take()
    }
}

impl FromRequest for RequestSession {
    type Error = ActixError;
    type Future = Ready<Result<Self, ActixError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request).ok_or_else(|| {
            actix_web::error::ErrorInternalServerError("the route is not behind Keyrack's session layer")
        }))
    }
}
