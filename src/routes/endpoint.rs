//! One endpoint of the list in `routes.rs`.

use actix_web::{
    FromRequest, Handler, Resource, Responder, Route,
    guard::{self, Any, Get, Head},
    http::Method,
    web,
};

use crate::web::ChecksCsrf;

/// A path, who may use it, and its handlers.
pub(crate) struct Endpoint {
    pub path: &'static str,
    pub access: Access,
    routes: Vec<(Method, Route)>,
    is_destination: bool,
}

#[derive(Clone, Copy)]
pub(crate) enum Access {
    /// Everyone. The session is neither read nor written.
    WithoutSession,
    /// Everyone, signed in or not.
    Public,
    /// Signed-in requests. Others are sent to sign in (pages) or get a 401 (`/api`).
    SignedIn,
    /// The same, and requests of users who must change their password first.
    BeforePasswordChange,
    /// Signed-in requests whose user has proved recently who they are. Others are sent to prove it (pages) or get a 403
    /// (`/api`).
    RecentlySignedIn,
}

/// See [`Access::WithoutSession`].
pub(super) fn without_session(path: &'static str) -> Endpoint {
    Endpoint { path, access: Access::WithoutSession, routes: Vec::new(), is_destination: true }
}

/// See [`Access::Public`].
pub(super) fn public(path: &'static str) -> Endpoint {
    Endpoint { path, access: Access::Public, routes: Vec::new(), is_destination: true }
}

/// See [`Access::SignedIn`].
pub(super) fn signed_in(path: &'static str) -> Endpoint {
    Endpoint { path, access: Access::SignedIn, routes: Vec::new(), is_destination: true }
}

/// See [`Access::BeforePasswordChange`].
pub(super) fn before_password_change(path: &'static str) -> Endpoint {
    Endpoint { path, access: Access::BeforePasswordChange, routes: Vec::new(), is_destination: true }
}

/// See [`Access::RecentlySignedIn`].
pub(super) fn recently_signed_in(path: &'static str) -> Endpoint {
    Endpoint { path, access: Access::RecentlySignedIn, routes: Vec::new(), is_destination: true }
}

impl Endpoint {
    /// Handles GET, and HEAD with it (RFC 9110), which load balancers send.
    pub(super) fn get<F, Args>(mut self, handler: F) -> Self
    where
        F: Handler<Args, Output: Responder + 'static>,
        Args: FromRequest + 'static,
    {
        self.routes.push((Method::GET, web::to(handler)));
        self
    }

    /// Handles POST. The handler must take a form, or a header, whose token it checks.
    pub(super) fn post<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args, Output: Responder + 'static>,
        Args: FromRequest + ChecksCsrf + 'static,
    {
        self.change(Method::POST, handler)
    }

    /// Handles DELETE, under the same rule.
    pub(super) fn delete<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args, Output: Responder + 'static>,
        Args: FromRequest + ChecksCsrf + 'static,
    {
        self.change(Method::DELETE, handler)
    }

    fn change<F, Args>(mut self, method: Method, handler: F) -> Self
    where
        F: Handler<Args, Output: Responder + 'static>,
        Args: FromRequest + ChecksCsrf + 'static,
    {
        self.routes.push((method, web::to(handler)));
        self
    }

    /// Marks a page that a sign-in must not lead to.
    pub(super) fn not_a_destination(mut self) -> Self {
        self.is_destination = false;
        self
    }

    /// Whether a sign-in can lead here: it has a page, and one that makes sense after a sign-in.
    pub(super) fn is_page(&self) -> bool {
        self.is_destination && self.routes.iter().any(|(method, _)| method == Method::GET)
    }

    /// The methods that have a handler.
    #[cfg(test)]
    pub fn methods(&self) -> impl Iterator<Item = &Method> {
        self.routes.iter().map(|(method, _)| method)
    }

    /// The same as an Actix resource.
    pub(super) fn into_resource(self) -> Resource {
        self.routes.into_iter().fold(web::resource(self.path), |resource, (method, route)| {
            resource.route(match method {
                Method::GET => route.guard(Any(Get()).or(Head())),
                method => route.guard(guard::Method(method)),
            })
        })
    }
}
