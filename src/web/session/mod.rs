//! The session layer: reads the session before the handler, and persists what the handler left of it.
//!
//! Handlers use actix-session's `Session` and actix-identity's `Identity`. The session middleware of actix-session is
//! not used: its cookie has another format than Express applications read, it calls its store twice for one renewal,
//! and it turns an error of the store into a response without knowing the request.

mod binding;
mod continue_sign_in;
mod persist;
mod proof;
mod request_session;
mod resume;

use std::{
    collections::HashMap,
    future::Future,
    pin::Pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task,
};

use actix_identity::IdentityMiddleware;
use actix_session::{Session, SessionExt};
use actix_web::{
    Error as ActixError, HttpMessage, HttpRequest, HttpResponse,
    body::{EitherBody, MessageBody},
    cookie::Cookie,
    dev::{Service, ServiceRequest, ServiceResponse, Transform},
    http::header::HOST,
    web::Data,
};
use serde_json::value::RawValue;

use super::{
    app_state::AppState,
    bound::UnprovedSession,
    errors,
    page::{ErrorPageContext, ErrorPageSource, Page},
};
use crate::{error::Error, words::Words};

use persist::{USER_KEY, persist};
use request_session::fill;
pub use request_session::{RequestSession, SignedIn};
pub(super) use resume::{check, record_refusal};

/// Gives every request its session: wrap routes with it, and their handlers can take actix-session's `Session`,
/// actix-identity's `Identity` and [`RequestSession`].
///
/// It lets requests without a session pass; wrap the routes that need one with
/// [`require_sign_in`](crate::require_sign_in) too.
#[derive(Clone)]
pub struct SessionLayer(Arc<AppState>);

impl SessionLayer {
    pub(crate) fn new(state: Arc<AppState>) -> Self {
        Self(state)
    }
}

type WithIdentity<S> = <IdentityMiddleware as Transform<S, ServiceRequest>>::Transform;
type LocalFuture<T> = Pin<Box<dyn Future<Output = T>>>;

impl<S, B> Transform<S, ServiceRequest> for SessionLayer
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = ActixError> + 'static,
    S::Future: 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = ActixError;
    type Transform = SessionService<WithIdentity<S>>;
    type InitError = ();
    type Future = LocalFuture<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        let state = Arc::clone(&self.0);
        let identity = IdentityMiddleware::builder().id_key(USER_KEY).build().new_transform(service);
        Box::pin(async move { Ok(SessionService { service: Rc::new(identity.await?), state }) })
    }
}

/// See [`SessionLayer`].
pub struct SessionService<S> {
    service: Rc<S>,
    state: Arc<AppState>,
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
        let (service, state) = (Rc::clone(&self.service), Arc::clone(&self.state));
        Box::pin(async move {
            if RequestSession::of(request.request()).is_some() {
                // A second layer around the same route has nothing to do.
                return service.call(request).await.map(ServiceResponse::map_into_left_body);
            }
            let cookie = state.cookie.take(request.headers_mut());
            let resumed = resume::resume(&state, &request, &cookie).await;
            let request_session = RequestSession::new(state, request.request(), cookie, resumed);
            let session = request.get_session();
            let outer = take_entries(&session);
            if let Some(current) = request_session.live() {
                fill(&session, current);
            }
            if request_session.is_unproved() {
                request.extensions_mut().insert(UnprovedSession);
            }
            request.extensions_mut().insert(request_session.clone());
            request.extensions_mut().insert(ErrorPageContext(Rc::new(request_session.clone())));

            let response = service.call(request).await;
            let persisted = match &response {
                Ok(response) => persist(&request_session, &session, response.request().headers()).await,
                Err(_) => Ok(None),
            };
            session.clear();
            restore_entries(&session, outer);

            let mut response = response?;
            match persisted {
                Ok(cookie) => {
                    // The removals come first: one of them may be for the very cookie that is set.
                    let removals = remove_twins(&request_session, response.request());
                    let browser = request_session.take_browser_cookie();
                    let proof = request_session.removal_of_proof(response.request().headers());
                    for cookie in removals.iter().chain(&cookie).chain(&browser).chain(&proof) {
                        if let Err(error) = response.response_mut().add_cookie(cookie) {
                            tracing::error!(%error, "a cookie was not sent: check its name and domain");
                        }
                    }
                    request_session.add_registration(response.headers_mut());
                    Ok(response.map_into_left_body())
                }
                // The handler's response, cookies included, reports something that has not happened.
                Err(error) => {
                    let replacement = error_response(&request_session, response.request(), error);
                    Ok(response.into_response(replacement).map_into_right_body())
                }
            }
        })
    }
}

/// The response to a request whose session could not be read or written. A form that signs in says itself why it can't.
fn error_response(session: &RequestSession, request: &HttpRequest, error: Error) -> HttpResponse {
    match (session.take_refused_sign_in(), error) {
        (Some(answer), error @ (Error::SessionEnded | Error::PasswordUsedUp)) => {
            answer(session, request, &error).unwrap_or_else(HttpResponse::from_error)
        }
        (_, error) => errors::session_error_response(request, error),
    }
}

/// Reads the session of a request that has not reached the layer, for the sign-out form on its error page (ASVS 7.4.4).
/// It costs a query, and only if the request carries a genuine cookie.
pub(super) async fn find_session_of_error_page(request: &HttpRequest) {
    let is_known = request.extensions().contains::<ErrorPageContext>();
    let Some(state) = request.app_data::<Data<AppState>>().filter(|_| !is_known) else { return };
    let state = Data::clone(state).into_inner();
    let presented = state.cookie.read(request.headers());
    let Some(cookie) = &presented.verified else { return };
    let resumed = resume::find(&state, request, &cookie.sid).await;
    let session = RequestSession::new(state, request, presented, resumed);
    request.extensions_mut().insert(ErrorPageContext(Rc::new(session.clone())));
    // The log names it, and the client.
    request.extensions_mut().insert(session);
}

impl ErrorPageSource for RequestSession {
    fn page(&self, words: Words) -> Option<Page> {
        let (current, sid) = self.live().zip(self.current_sid())?;
        Some(Page::of(current, &self.state().csrf.unsalted_token(sid), words))
    }

    fn public_url(&self) -> String {
        self.state().public_url.to_string()
    }
}

/// The cookies that delete the session cookies of another site of the domain, if the request carries any. The request is
/// not signed in, since one of its two cookies may be planted; without this, no later one would be either, until the
/// person deletes cookies.
fn remove_twins(session: &RequestSession, request: &HttpRequest) -> Vec<Cookie<'static>> {
    static WARNED: AtomicBool = AtomicBool::new(false);
    if !session.has_twin_cookies() {
        return Vec::new();
    }
    let state = session.state();
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    if !WARNED.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            host,
            "a browser sent several session cookies of one name, so another site of the domain sets one: give \
             Keyrack's another name (KEYRACK_COOKIE_NAME), or use https, where the default name is safe from that"
        );
    }
    state.cookie.removals_of_twins(host.unwrap_or_else(|| state.public_url.authority()), request.path())
}

/// Takes out what actix-session's own middleware has loaded, if an embedding application wraps the layer in one.
/// Neither side may see or store the other's data: an ended session could be started again from a copy of it.
fn take_entries(session: &Session) -> HashMap<String, String> {
    if session.entries().is_empty() {
        return HashMap::new();
    }
    let entries = session.entries().clone();
    session.clear();
    entries
}

fn restore_entries(session: &Session, entries: HashMap<String, String>) {
    for (key, json) in entries {
        // Entries that actix-session holds are JSON.
        if let Ok(json) = RawValue::from_string(json) {
            session.insert(key, json).ok();
        }
    }
}
