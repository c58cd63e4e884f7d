//! The session layer: actix-session and actix-identity between two thin layers of ours.
//!
//! From the outside in:
//! 1. [`SessionLayer`] reads our signed cookie, hands its sid to the inner middleware in the form that it expects, and on the
//!    way back writes our cookie, or answers for the session if it could not be read or written.
//! 2. actix-session's middleware, over [`store::Store`]; actix-identity, with the key `userId`.
//! 3. [`Noticing`] looks at what the handler left before the middleware takes it away.

mod request_session;
mod store;

use std::{future::Future, pin::Pin, rc::Rc, sync::Arc, task};

use actix_identity::IdentityMiddleware;
use actix_session::{SessionExt, SessionMiddleware, SessionStatus};
use actix_web::{
    Error as ActixError, HttpMessage, HttpRequest,
    body::{EitherBody, MessageBody},
    cookie::{Cookie, CookieJar, Key},
    dev::{Service, ServiceRequest, ServiceResponse, Transform},
    http::header::{COOKIE, HeaderMap, HeaderValue, SET_COOKIE, USER_AGENT},
};

use super::{app_state::AppState, cookie::cookie_pairs, errors};

pub use request_session::RequestSession;
use request_session::{CookieChange, VISIT};
use store::{Store, USER_KEY};

/// The cookie between our layer and the middleware; no browser ever sees or sends it.
const INNER_COOKIE: &str = "keyrack-inner";

type LocalFuture<T> = Pin<Box<dyn Future<Output = T>>>;

/// Gives every request its session: wrap routes with it, and their handlers can take actix-session's `Session`,
/// actix-identity's `Identity` and [`RequestSession`].
///
/// It lets requests without a session pass; wrap the routes that need one with [`signed_in`](crate::web::signed_in) too.
#[derive(Clone)]
pub struct SessionLayer {
    shared: Arc<AppState>,
    /// Signs the inner cookie: random, since that cookie never leaves the process.
    inner_key: Key,
    /// The inner cookie as the middleware wants to see it. It only says that there is a session; which one, the store knows
    /// from the [`RequestSession`].
    inner_cookie: HeaderValue,
}

impl SessionLayer {
    pub(crate) fn new(shared: Arc<AppState>) -> Self {
        let inner_key = Key::generate();
        let mut jar = CookieJar::new();
        jar.signed_mut(&inner_key).add(Cookie::new(INNER_COOKIE, "present"));
        let cookie = jar.delta().map(|cookie| cookie.encoded().to_string()).collect::<String>();
        let inner_cookie = HeaderValue::try_from(cookie).expect("an encoded cookie is a header value");
        Self { shared, inner_key, inner_cookie }
    }

    fn session_middleware(&self) -> SessionMiddleware<Store> {
        SessionMiddleware::builder(Store::new(self.shared.sessions.clone()), self.inner_key.clone())
            .cookie_name(INNER_COOKIE.to_owned())
            .cookie_content_security(actix_session::config::CookieContentSecurity::Signed)
            .build()
    }
}

/// The middlewares between our two layers, around `S`.
type Inner<S> = <SessionMiddleware<Store> as Transform<
    <IdentityMiddleware as Transform<Noticing<S>, ServiceRequest>>::Transform,
    ServiceRequest,
>>::Transform;

impl<S, B> Transform<S, ServiceRequest> for SessionLayer
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = ActixError> + 'static,
    S::Future: 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = ActixError;
    type Transform = SessionService<Inner<S>>;
    type InitError = ();
    type Future = LocalFuture<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        let layer = self.clone();
        Box::pin(async move {
            let identity = IdentityMiddleware::builder().id_key(USER_KEY).build();
            let service = identity.new_transform(Noticing(service)).await?;
            let service = layer.session_middleware().new_transform(service).await?;
            Ok(SessionService { service: Rc::new(service), layer })
        })
    }
}

/// See [`SessionLayer`].
pub struct SessionService<S> {
    service: Rc<S>,
    layer: SessionLayer,
}

impl<S, B> Service<ServiceRequest> for SessionService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = ActixError> + 'static,
    S::Future: 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = ActixError;
    type Future = LocalFuture<Result<Self::Response, ActixError>>;

    fn poll_ready(&self, context: &mut task::Context<'_>) -> task::Poll<Result<(), ActixError>> {
        self.service.poll_ready(context)
    }

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let shared = &self.layer.shared;
        let presented = shared.cookie.read(request.headers());
        let ip = shared.trusted_proxies.client_ip(request.peer_addr().map(|peer| peer.ip()), request.headers());
        let user_agent = request.headers().get(USER_AGENT).cloned();
        let visit = RequestSession::new(Arc::clone(shared), ip, user_agent, presented);
        self.layer.translate_cookie(request.headers_mut(), visit.presented().is_some());
        request.extensions_mut().insert(visit.clone());

        let service = Rc::clone(&self.service);
        let answer = VISIT.scope(visit.clone(), async move { service.call(request).await });
        Box::pin(async move { Ok(conclude(&visit, answer.await?)) })
    }
}

impl SessionLayer {
    /// Takes our cookie out of the request and puts the inner one in, if a sid was presented. Whatever a client sends under
    /// the inner name is dropped.
    fn translate_cookie(&self, headers: &mut HeaderMap, is_presented: bool) {
        if !headers.contains_key(COOKIE) {
            return;
        }
        let own = [self.shared.cookie.name(), INNER_COOKIE];
        let mut cookies = Vec::new();
        for (name, value) in cookie_pairs(headers).filter(|(name, _)| !own.contains(name)) {
            for part in [name, "=", value, "; "] {
                cookies.extend_from_slice(part.as_bytes());
            }
        }
        headers.remove(COOKIE);
        if is_presented && cookies.is_empty() {
            headers.insert(COOKIE, self.inner_cookie.clone());
            return;
        }
        if is_presented {
            cookies.extend_from_slice(self.inner_cookie.as_bytes());
        }
        let cookies = cookies.strip_suffix(b"; ").unwrap_or(&cookies);
        if let (false, Ok(value)) = (cookies.is_empty(), HeaderValue::from_bytes(cookies)) {
            headers.insert(COOKIE, value);
        }
    }
}

/// Turns what the visit came to into the answer: its cookie, or, if what the handler did to the session could not be
/// written, that instead of the handler's answer and without any cookie.
fn conclude<B: MessageBody>(visit: &RequestSession, mut answer: ServiceResponse<B>) -> ServiceResponse<EitherBody<B>> {
    if let Some(error) = visit.take_unwritten() {
        let response = errors::of_session(answer.request(), error);
        return answer.into_response(response).map_into_right_body();
    }
    drop_inner_cookie(answer.headers_mut());
    if let Some(cookie) = cookie_for(visit)
        && let Ok(value) = HeaderValue::from_str(&cookie.to_string())
    {
        answer.headers_mut().append(SET_COOKIE, value);
    }
    answer.map_into_left_body()
}

fn drop_inner_cookie(headers: &mut HeaderMap) {
    let is_inner = |value: &HeaderValue| value.as_bytes().starts_with(INNER_COOKIE.as_bytes());
    if headers.get_all(SET_COOKIE).any(is_inner) {
        let others: Vec<HeaderValue> = headers.remove(SET_COOKIE).filter(|value| !is_inner(value)).collect();
        for value in others {
            headers.append(SET_COOKIE, value);
        }
    }
}

/// The cookie that the answer sets. Most set none; a live session's cookie under an old secret is signed anew.
fn cookie_for(visit: &RequestSession) -> Option<Cookie<'static>> {
    let cookie = &visit.shared().cookie;
    match visit.take_cookie() {
        Some(CookieChange::Issue { sid, max_age }) => Some(cookie.issue(&sid, max_age)),
        Some(CookieChange::Remove) => Some(cookie.removal()),
        None if visit.is_outdated() => {
            let live = visit.live()?;
            let max_age = live.remembered.then(|| live.expires_at.since(visit.shared().clock.now()));
            Some(cookie.issue(visit.presented()?, max_age))
        }
        None => None,
    }
}

/// Looks at the session between handler and middleware, see [`SessionLayer`].
pub struct Noticing<S>(S);

impl<S, B> Service<ServiceRequest> for Noticing<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = ActixError> + 'static,
    S::Future: 'static,
{
    type Response = ServiceResponse<B>;
    type Error = ActixError;
    type Future = LocalFuture<Result<Self::Response, ActixError>>;

    fn poll_ready(&self, context: &mut task::Context<'_>) -> task::Poll<Result<(), ActixError>> {
        self.0.poll_ready(context)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let answer = self.0.call(request);
        Box::pin(async move {
            let answer = answer.await?;
            notice(&VISIT.get(), answer.request());
            Ok(answer)
        })
    }
}

/// Tells the store whether a `delete` will be half of a renewal, and the middleware of a change that it would miss:
/// actix-session's `Session::update` changes the state without marking it.
fn notice(visit: &RequestSession, request: &HttpRequest) {
    let session = request.get_session();
    if session.status() == SessionStatus::Unchanged
        && visit.live().is_some_and(|live| !store::is_state_of(&live, &session.entries()))
    {
        // Removing a key that is not there marks the state as changed, and changes nothing.
        session.remove("");
    }
    visit.set_status(session.status());
}
