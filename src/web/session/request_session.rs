//! What one request knows of its session.

use std::{
    cell::{Cell, OnceCell, RefCell},
    future::{Ready, ready},
    net::IpAddr,
    ops::Deref,
    rc::Rc,
    sync::Arc,
};

use actix_session::Session;
use actix_web::{
    Error as ActixError, FromRequest, HttpMessage, HttpRequest, HttpResponse,
    cookie::Cookie,
    dev::Payload,
    error::ErrorInternalServerError,
    http::header::{HeaderMap, HeaderValue, USER_AGENT},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use super::{binding::RequestBinding, resume::Resumed};
use crate::{
    accounts::{AuthenticatedUser, BrowserId, SignInBrowserIds},
    clock::Timestamp,
    error::{Error, Result},
    events::Source,
    sessions::{
        BrowserIdHash, Client, ClientHints, IssuedSession, LiveSession, PresentedSession, Proof, SentForm, SessionId,
        Sessions, Sid, UserId,
    },
    web::{
        app_state::AppState,
        cookie::{Presented, VerifiedSid},
        errors::WebError,
        form_seed::VerifiedToken,
        password_change,
    },
    words::Language,
};

/// One request's session and client. Handlers behind the session layer take it as an argument.
#[derive(Clone)]
pub struct RequestSession(Rc<Inner>);

struct Inner {
    state: Arc<AppState>,
    ip_address: Option<IpAddr>,
    user_agent: Option<HeaderValue>,
    client: OnceCell<Client>,
    cookie: Option<VerifiedSid>,
    twins: Vec<Sid>,
    has_twins: bool,
    live: OnceCell<Rc<LiveSession>>,
    read_error: Option<Error>,
    /// The former sid of the session that the form was opened under.
    form_sid: OnceCell<Sid>,
    sign_in: RefCell<Option<SignIn>>,
    /// The token of the form that signs in.
    sign_in_form: OnceCell<VerifiedToken>,
    /// The token of any form whose token was verified.
    form_token: OnceCell<String>,
    /// Until when the browser of the sign-in needs no second factor.
    trust_until: Cell<Option<Timestamp>>,
    log_session: Cell<Option<SessionId>>,
    /// The cookie that makes the browser known, once it has signed in.
    browser_cookie: RefCell<Option<Cookie<'static>>>,
    /// The session's new sid, once the handler has renewed it after a proof.
    renewed: OnceCell<IssuedSession>,
    /// Answers if the sign-in turns out to be impossible.
    refused_sign_in: RefCell<Option<AnswerRefusedSignIn>>,
    binding: RequestBinding,
}

/// Answers a sign-in whose password was right when it was checked, and that can't start a session any longer. It takes the
/// session and the request as arguments: captured, they would own themselves.
pub(in crate::web) type AnswerRefusedSignIn =
    Box<dyn FnOnce(&RequestSession, &HttpRequest, &Error) -> Result<HttpResponse, WebError>>;

/// What a sign-in knows besides the session's data.
pub(super) struct SignIn {
    pub proof: Proof,
    pub remember: bool,
    /// The ids that the browser presented at the sign-in.
    pub browsers: Vec<BrowserId>,
    /// The language of its pages.
    pub language: Language,
    /// What the browser told of itself.
    pub hints: Option<ClientHints>,
}

impl RequestSession {
    /// `resumed` is the live session that the cookie names, or why it could not be read.
    pub(super) fn new(state: Arc<AppState>, request: &HttpRequest, presented: Presented, resumed: Resumed) -> Self {
        let binding = RequestBinding::of(&resumed);
        let (live, read_error) = match resumed.live {
            Ok(live) => (live.map(|live| OnceCell::from(Rc::new(live))).unwrap_or_default(), None),
            Err(error) => (OnceCell::new(), Some(error)),
        };
        let peer = request.peer_addr().map(|peer| peer.ip());
        state.proxy_warnings.check(&state.trusted_proxies, &state.public_url, peer, request.headers());
        Self(Rc::new(Inner {
            ip_address: state.trusted_proxies.client_ip(peer, request.headers()),
            user_agent: request.headers().get(USER_AGENT).cloned(),
            client: OnceCell::new(),
            log_session: Cell::new(live.get().map(|live| live.id)),
            cookie: presented.verified,
            twins: presented.twins,
            has_twins: presented.has_twins,
            live,
            read_error,
            form_sid: OnceCell::new(),
            sign_in: RefCell::default(),
            sign_in_form: OnceCell::new(),
            form_token: OnceCell::new(),
            trust_until: Cell::new(None),
            browser_cookie: RefCell::default(),
            renewed: OnceCell::new(),
            refused_sign_in: RefCell::default(),
            binding,
            state,
        }))
    }

    /// The one of a request that passed the session layer.
    pub(crate) fn of(request: &HttpRequest) -> Option<Self> {
        request.extensions().get::<Self>().cloned()
    }

    /// The session as the request found it, if it is signed in. One whose user must change the password first is not.
    pub fn current(&self) -> Option<&LiveSession> {
        self.live().filter(|live| !live.must_change_password)
    }

    /// The live session that the request's cookie names, also if its user must change the password first.
    pub(in crate::web) fn live(&self) -> Option<&LiveSession> {
        self.0.live.get().map(AsRef::as_ref)
    }

    pub(super) fn binding(&self) -> &RequestBinding {
        &self.0.binding
    }

    /// Lets a request continue a session that now has another sid than it has presented.
    pub(in crate::web) fn continue_as(&self, live: LiveSession, session: &Session) {
        fill(session, &live);
        self.set_log_session(live.id);
        // The request was not signed in.
        let _ = self.0.live.set(Rc::new(live));
    }

    /// Notes the former sid of the session that the request's form was opened under.
    pub(in crate::web) fn set_form_sid(&self, sid: Sid) {
        // A request has one form.
        let _ = self.0.form_sid.set(sid);
    }

    /// The client: its address and its user agent.
    pub fn client(&self) -> &Client {
        self.0.client.get_or_init(|| {
            // Not `to_str`, which takes ASCII only: one odd letter would cost the device its name.
            let user_agent = self.0.user_agent.as_ref().map(|value| String::from_utf8_lossy(value.as_bytes()));
            Client::new(self.0.ip_address, user_agent.as_deref())
        })
    }

    /// The client's address.
    pub(crate) fn ip_address(&self) -> Option<IpAddr> {
        self.0.ip_address
    }

    /// Who does what this request does: its client, in its session.
    pub(crate) fn source(&self) -> Source {
        let client = Source::user(self.ip_address());
        self.live().map_or(client.clone(), |live| client.in_session(live.id))
    }

    pub(crate) fn state(&self) -> &AppState {
        &self.0.state
    }

    /// The sid in the request's cookie, whether its session is alive or not.
    pub(in crate::web) fn cookie_sid(&self) -> Option<&Sid> {
        self.0.cookie.as_ref().map(|cookie| &cookie.sid)
    }

    /// Whether the request carries several session cookies, one of which another site of the domain has set.
    pub(in crate::web) fn has_twin_cookies(&self) -> bool {
        self.0.has_twins
    }

    /// The sids of the session cookies that don't count, since there are several.
    pub(super) fn twin_sids(&self) -> &[Sid] {
        &self.0.twins
    }

    /// The sid of the live session, which form tokens are bound to.
    pub(crate) fn current_sid(&self) -> Option<&Sid> {
        let presented = self.cookie_sid().filter(|_| self.0.live.get().is_some());
        self.renewed().map(|issued| &issued.sid).or(presented)
    }

    /// The live session as the request has presented it, or as its form was opened.
    pub(in crate::web) fn presented(&self) -> Option<PresentedSession> {
        let (live, sid) = self.live().zip(self.0.form_sid.get().or(self.cookie_sid()))?;
        Some(PresentedSession {
            id: live.id,
            user: live.user.id,
            sid: sid.clone(),
            ip_address: self.ip_address(),
            must_change_password: live.must_change_password,
        })
    }

    /// Notes the sid that the session has now. The response gets its cookie.
    pub(super) fn set_renewed(&self, issued: IssuedSession) {
        // A handler renews a session once.
        let _ = self.0.renewed.set(issued);
    }

    /// The session's new sid, if the handler has renewed it.
    pub(super) fn renewed(&self) -> Option<&IssuedSession> {
        self.0.renewed.get()
    }

    /// A token for the forms of a page, and the cookie that goes with it if there is neither a session nor a visitor's
    /// cookie.
    pub(crate) fn csrf_token(&self, headers: &HeaderMap) -> Result<(String, Option<Cookie<'static>>)> {
        self.state().csrf.token(self.current_sid(), headers)
    }

    /// Whether the cookie verified under a secret that no longer signs.
    pub(super) fn has_outdated_cookie(&self) -> bool {
        self.0.cookie.as_ref().is_some_and(|cookie| cookie.outdated)
    }

    /// Why the session could not be read, if so. Until it can be read, whether the request is signed in is unknown.
    pub(crate) fn read_error(&self) -> Option<Error> {
        self.0.read_error.as_ref().map(Error::duplicate)
    }

    /// The sid that the tokens of a sign-in form may be bound to: the current session's, or, while that can't be read,
    /// the cookie's.
    pub(crate) fn sign_in_sid(&self) -> Option<&Sid> {
        if self.0.read_error.is_some() { self.cookie_sid() } else { self.current_sid() }
    }

    /// Keeps the verified token of the form that signs in, and the time of its arrival.
    pub(in crate::web) fn note_sign_in_form(&self, token: &str, visitor: Option<String>) {
        let arrived = self.state().clock.now();
        self.0.sign_in_form.get_or_init(|| VerifiedToken { token: token.to_owned(), visitor, arrived });
    }

    /// Keeps the verified token of the request's form.
    pub(in crate::web) fn note_form(&self, token: &str) {
        self.0.form_token.get_or_init(|| token.to_owned());
    }

    /// Names the request's form: the same name if the form is sent twice, and another one each time that its page is loaded.
    pub(in crate::web) fn form_id(&self) -> String {
        let token = self.0.form_token.get().map(String::as_str).unwrap_or_default();
        BASE64_URL_SAFE_NO_PAD.encode(Sha256::new().chain_update("form ").chain_update(token).finalize())
    }

    /// Lets the browser of the sign-in do without a second factor until then.
    pub(in crate::web) fn trust_browser_until(&self, until: Timestamp) {
        self.0.trust_until.set(Some(until));
    }

    pub(super) fn trust_until(&self) -> Option<Timestamp> {
        self.0.trust_until.get()
    }

    /// When the form that signs in arrived, if the request is one.
    pub(in crate::web) fn sign_in_form_arrived(&self) -> Option<Timestamp> {
        self.0.sign_in_form.get().map(|form| form.arrived)
    }

    /// The form of a sign-in as this user, if the request sent one.
    pub(super) fn sent_form(&self, user: UserId, remember: bool) -> Option<SentForm> {
        let verified = self.0.sign_in_form.get()?;
        Some(self.state().form_seeds.form(verified, user, remember, self.client()))
    }

    /// Keeps what the session that is about to start needs besides its data.
    pub(crate) fn prepare_sign_in(&self, authenticated: AuthenticatedUser, remember: bool, headers: &HeaderMap) {
        let second_factor = authenticated.second_factor.checked().cloned();
        let AuthenticatedUser { user, password_changed_at, must_change_password, way_in, passkey, .. } = authenticated;
        let browsers = self.presented_browsers(headers);
        let proof = Proof { user, password_changed_at, must_change_password, way_in, passkey, second_factor };
        let (language, hints) = (self.state().languages.words(headers).language(), client_hints(headers));
        *self.0.sign_in.borrow_mut() = Some(SignIn { proof, remember, browsers, language, hints });
    }

    /// The ids that the browser presents in its cookie.
    pub(crate) fn presented_browsers(&self, headers: &HeaderMap) -> Vec<BrowserId> {
        self.state().browser_cookie.read(headers)
    }

    /// Sets the cookie of a browser that has signed in, whose account knows it by the id with this hash. One that is not
    /// known keeps the ids of other accounts.
    pub(super) fn set_browser_cookie(&self, ids: &SignInBrowserIds, known_as: Option<&BrowserIdHash>) {
        let id = known_as.and_then(|hash| ids.find(hash));
        if id.is_some() || !ids.presented().is_empty() {
            let cookie = self.state().browser_cookie.issue(id.as_ref(), ids.presented());
            *self.0.browser_cookie.borrow_mut() = Some(cookie);
        }
    }

    pub(super) fn take_browser_cookie(&self) -> Option<Cookie<'static>> {
        self.0.browser_cookie.borrow_mut().take()
    }

    /// Decides what is answered if the prepared sign-in turns out to be impossible.
    pub(in crate::web) fn on_refused_sign_in(
        &self,
        answer: impl FnOnce(&Self, &HttpRequest, &Error) -> Result<HttpResponse, WebError> + 'static,
    ) {
        *self.0.refused_sign_in.borrow_mut() = Some(Box::new(answer));
    }

    pub(super) fn take_refused_sign_in(&self) -> Option<AnswerRefusedSignIn> {
        self.0.refused_sign_in.borrow_mut().take()
    }

    pub(super) fn has_sign_in(&self) -> bool {
        self.0.sign_in.borrow().is_some()
    }

    pub(super) fn take_sign_in(&self) -> Option<SignIn> {
        self.0.sign_in.borrow_mut().take()
    }

    /// The session that the log names: the one that the request found, or started.
    pub(crate) fn log_session(&self) -> Option<SessionId> {
        self.0.log_session.get()
    }

    pub(super) fn set_log_session(&self, id: SessionId) {
        self.0.log_session.set(Some(id));
    }
}

/// The client hints of a request. Only a sign-in reads them.
fn client_hints(headers: &HeaderMap) -> Option<ClientHints> {
    ClientHints::from_headers(|name| headers.get(name)?.to_str().ok())
}

/// A request that is signed in, and its session. Handlers behind [`require_sign_in`](crate::require_sign_in) take it in
/// place of [`RequestSession`].
pub struct SignedIn {
    request: RequestSession,
    current: Rc<LiveSession>,
}

impl SignedIn {
    /// What the request knows of its session.
    pub(in crate::web) fn request(&self) -> &RequestSession {
        &self.request
    }

    pub(crate) fn state(&self) -> &AppState {
        self.request.state()
    }

    /// The client's address.
    pub(crate) fn ip_address(&self) -> Option<IpAddr> {
        self.request.ip_address()
    }

    /// The sessions, for what this request does to them.
    pub(crate) fn sessions(&self) -> Sessions {
        self.state().sessions.on_behalf_of(self.request.source())
    }

    /// The session as the request has presented it.
    pub(crate) fn presented(&self) -> Result<PresentedSession> {
        self.request.presented().ok_or(Error::SessionEnded)
    }

    /// Notes the new sid that the handler has given the session. The response gets its cookie.
    pub(crate) fn set_renewed(&self, issued: IssuedSession) {
        self.request.set_renewed(issued);
    }

    /// A token for the forms of a page of this session.
    pub(crate) fn csrf_token(&self) -> Result<String> {
        let sid = self.request.current_sid().ok_or(Error::SessionEnded)?;
        self.state().csrf.session_token(sid)
    }

    /// Names the request's form.
    pub(in crate::web) fn form_id(&self) -> String {
        self.request.form_id()
    }

    /// A token for programs, in a response that repeats nothing of the request.
    pub(crate) fn api_csrf_token(&self) -> Result<String> {
        let sid = self.request.current_sid().ok_or(Error::SessionEnded)?;
        Ok(self.state().csrf.unsalted_token(sid))
    }
}

impl Deref for SignedIn {
    type Target = LiveSession;

    fn deref(&self) -> &LiveSession {
        &self.current
    }
}

impl FromRequest for SignedIn {
    type Error = ActixError;
    type Future = Ready<Result<Self, ActixError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let allows_password_change = password_change::is_allowed(request);
        let signed_in = |request: RequestSession| match request.0.live.get().cloned() {
            Some(live) if live.must_change_password && !allows_password_change => {
                Err(WebError::PasswordChangeRequired.into())
            }
            Some(current) => Ok(Self { request, current }),
            None => Err(WebError::from(request.read_error().unwrap_or(Error::SessionEnded)).into()),
        };
        ready(RequestSession::from_request(request, payload).into_inner().and_then(signed_in))
    }
}

impl FromRequest for RequestSession {
    type Error = ActixError;
    type Future = Ready<Result<Self, ActixError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(
            Self::of(request)
                .ok_or_else(|| ErrorInternalServerError("the route is not behind Keyrack's session layer")),
        )
    }
}

/// Shows the stored data to the handler. actix-session now calls the session changed, whatever the handler does;
/// [`persist`](super::persist) compares the data instead.
pub(super) fn fill(session: &Session, current: &LiveSession) {
    for (key, value) in current.data.values() {
        // Fails only for values that are not JSON.
        session.insert(key, value).ok();
    }
}
