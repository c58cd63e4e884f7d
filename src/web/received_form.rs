//! What the list of endpoints in `routes.rs` says about the forms that an endpoint receives.

use actix_web::{
    HttpRequest,
    http::{Method, Uri},
    web::Data,
};

use super::next::Destinations;
use crate::sessions::SessionId;

/// The marks of an endpoint's forms. They are application data of its resource, so that the layers around the handler
/// find them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ReceivedForm {
    /// The page that shows the form; `None` if no page leads to it again.
    pub page: Option<FormPage>,
    /// Whether the form may come under the sid that its session had a moment ago.
    pub accepts_former_sid: bool,
    /// Whether the form ends the session that sends it.
    pub signs_out: bool,
    /// The change that waits until the user has proved who they are.
    pub waiting: Option<WaitingChange>,
    /// Whether users without a password can't send it, since they can give no proof.
    pub requires_password: bool,
}

/// The page that shows a form. It is reached by GET, so that nothing that was sent is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FormPage {
    /// The endpoint's own path, with the query that the form was sent to.
    Own,
    /// The page at this path.
    At(&'static str),
    /// The page that the query parameter `next` names, or the one at this path: the form only leads to another page.
    NextOr(&'static str),
}

/// A change that can wait, see [`PendingChange`](super::pending_change::PendingChange).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WaitingChange {
    /// Ends the session whose id is in the path.
    RevokeOne,
    /// Ends the sessions whose ids are in the form.
    RevokeSelected,
    RevokeOthers,
    /// Ends all sessions of the user.
    RevokeAll,
    /// Ends the session whose id is in the path, which its owner has not started.
    Report,
    /// Removes the authenticator app.
    RemoveSecondFactor,
    RenewRecoveryCodes,
    /// Asks for a code again on the browser of the session whose id is in the path.
    ForgetBrowser,
    /// Asks for a code again on all browsers.
    ForgetBrowsers,
    /// Removes the passkey whose id is in the path.
    RemovePasskey,
}

impl ReceivedForm {
    /// The marks of the endpoint that this request goes to. A route of an embedding application has none.
    pub fn of(request: &HttpRequest) -> Self {
        request.app_data::<Self>().copied().unwrap_or_default()
    }
}

/// The path and the query of the page that shows the form which this request has sent; `None` if there is none.
pub(super) fn page_of_form(request: &HttpRequest) -> Option<String> {
    match ReceivedForm::of(request).page? {
        FormPage::Own => Some(request.uri().path_and_query().map_or("/", |target| target.as_str()).to_owned()),
        FormPage::At(path) => Some(path.to_owned()),
        FormPage::NextOr(path) => Some(next_of(request).unwrap_or_else(|| path.to_owned())),
    }
}

/// Whether the request ends this session, which sends it: by the form that signs out, or by revoking its own id. Other
/// changes of a session by its id end none, or also change something else.
pub(super) fn is_sign_out(request: &HttpRequest, session: SessionId) -> bool {
    let form = ReceivedForm::of(request);
    let revokes = form.waiting == Some(WaitingChange::RevokeOne) || *request.method() == Method::DELETE;
    let names_itself = || request.match_info().get("id").is_some_and(|id| id.parse() == Ok(session));
    form.signs_out || (revokes && names_itself())
}

/// The destination in the query of a request, if a sign-in may lead there.
fn next_of(request: &HttpRequest) -> Option<String> {
    let destinations = request.app_data::<Data<Destinations>>()?;
    let next = query_value(request.uri(), "next")?;
    destinations.accept(&next).map(str::to_owned)
}

/// The first value of a query parameter.
fn query_value(uri: &Uri, name: &str) -> Option<String> {
    let query = uri.query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}
