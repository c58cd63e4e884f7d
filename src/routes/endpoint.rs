//! One endpoint of the list in `routes.rs`.

use actix_web::{
    FromRequest, Handler, Resource, Responder, Route,
    guard::{self, Any, Get, Head},
    http::Method,
    web,
};

use crate::web::{ChecksCsrf, FormPage, ReceivedForm, WaitingChange};

/// A path, who may use it, and its handlers.
pub(crate) struct Endpoint {
    pub path: &'static str,
    pub access: Access,
    routes: Vec<(Method, Route)>,
    is_destination: bool,
    form: ReceivedForm,
}

#[derive(Clone, Copy)]
pub(crate) enum Access {
    /// Everyone. The session is neither read nor written.
    WithoutSession,
    /// Everyone, signed in or not.
    Public,
    /// Signed-in requests. Others are sent to sign in (pages) or get a 401 (`/api`).
    SignedIn,
    /// The same, for pages of applications at other origins too (`KEYRACK_APP_ORIGINS`).
    SignedInFromApps,
    /// Signed-in requests, and those of users who must change their password first.
    BeforePasswordChange,
    /// Signed-in requests whose user has proved recently who they are. Others are sent to prove it (pages) or get a 403
    /// (`/api`).
    RecentlySignedIn,
}

/// See [`Access::WithoutSession`].
pub(super) fn without_session(path: &'static str) -> Endpoint {
    Endpoint::new(path, Access::WithoutSession)
}

/// See [`Access::Public`].
pub(super) fn public(path: &'static str) -> Endpoint {
    Endpoint::new(path, Access::Public)
}

/// See [`Access::SignedIn`].
pub(super) fn signed_in(path: &'static str) -> Endpoint {
    Endpoint::new(path, Access::SignedIn)
}

/// See [`Access::SignedInFromApps`].
pub(super) fn signed_in_from_apps(path: &'static str) -> Endpoint {
    Endpoint::new(path, Access::SignedInFromApps)
}

/// See [`Access::BeforePasswordChange`].
pub(super) fn before_password_change(path: &'static str) -> Endpoint {
    Endpoint::new(path, Access::BeforePasswordChange)
}

/// See [`Access::RecentlySignedIn`].
pub(super) fn recently_signed_in(path: &'static str) -> Endpoint {
    Endpoint::new(path, Access::RecentlySignedIn)
}

impl Endpoint {
    fn new(path: &'static str, access: Access) -> Self {
        Self { path, access, routes: Vec::new(), is_destination: true, form: ReceivedForm::default() }
    }

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

    /// Names the page that shows the form of this endpoint. Who has to sign in, or to open the form again, before it
    /// can be handled is sent there.
    pub(super) fn form_on(mut self, page: FormPage) -> Self {
        self.form.page = Some(page);
        self
    }

    /// Marks a form that may come under the sid that its session had before a proof of a moment ago, since the browser
    /// sent it before it had the new one. It must be good for nothing without the password, or end the session.
    pub(super) fn accepts_former_sid(mut self) -> Self {
        self.form.accepts_former_sid = true;
        self
    }

    /// Marks the form that ends the session that sends it. It may have been opened under any sid of that session.
    pub(super) fn signs_out(mut self) -> Self {
        self.form.signs_out = true;
        self
    }

    /// Marks a form whose change is kept while its user proves who they are.
    pub(super) fn waits_for_proof(mut self, change: WaitingChange) -> Self {
        self.form.waiting = Some(change);
        self
    }

    /// Marks a form that a user who has no password can't send: they can give no proof.
    pub(super) fn requires_password(mut self) -> Self {
        self.form.requires_password = true;
        self
    }

    /// Whether a sign-in can lead here: it has a page, and one that makes sense after a sign-in.
    pub(super) fn is_page(&self) -> bool {
        self.is_destination && self.has_page()
    }

    /// Whether it can be opened.
    pub(super) fn has_page(&self) -> bool {
        self.routes.iter().any(|(method, _)| method == Method::GET)
    }

    /// The methods that have a handler.
    #[cfg(test)]
    pub fn methods(&self) -> impl Iterator<Item = &Method> {
        self.routes.iter().map(|(method, _)| method)
    }

    /// The same as an Actix resource.
    pub(super) fn into_resource(self) -> Resource {
        let resource = web::resource(self.path);
        // Not for the others, since each request would look it up there, too.
        let has_marks = self.form != ReceivedForm::default();
        let resource = if has_marks { resource.app_data(self.form) } else { resource };
        self.routes.into_iter().fold(resource, |resource, (method, route)| {
            resource.route(match method {
                Method::GET => route.guard(Any(Get()).or(Head())),
                method => route.guard(guard::Method(method)),
            })
        })
    }
}
