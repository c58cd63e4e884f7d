//! Every URL and who may use it.
//!
//! [`signed_in`] is the default. What a stolen or unattended session must not do is marked [`recently_signed_in`], and
//! what a user may do who must change their password first, [`before_password_change`]; other exceptions are [`public`]
//! or [`without_session`]. What follows the handlers are properties of single endpoints, in `endpoint.rs`.

mod endpoint;

use std::sync::Arc;

use actix_web::{
    Error as ActixError, HttpResponse, Resource,
    body::MessageBody,
    dev::{HttpServiceFactory, ServiceFactory, ServiceRequest, ServiceResponse},
    error::{QueryPayloadError, UrlencodedError},
    http::Method,
    middleware::from_fn,
    web::{self, Data, FormConfig, PayloadConfig, QueryConfig, ServiceConfig},
};

use crate::web::{
    AppState, Destinations, FormPage, Pages, SessionLayer, WaitingChange,
    body::body_timeout,
    bound::{BIND, REFRESH},
    cross_origin::answer_app_origins,
    errors::WebError,
    headers::security_headers,
    page_states,
    pages::{
        EMAIL, HOME, SECURITY, SET_UP, account_link, activity, api_revoke, api_session, api_sessions, authenticator,
        bound_session, email_change, event_stream, forgot, health, language, login, logout, not_me, notice,
        passkey_sign_in, passkeys, password, reauth, register, revoke, revoke_progress, second, security,
        session_detail, session_name, sessions, setup, static_file, verify,
    },
    recent_proof::require_recent_proof,
    render_errors::render_errors,
    request_log::log_requests,
    require_sign_in::{allow_password_change, require_sign_in},
};
use endpoint::{before_password_change, public, recently_signed_in, signed_in, signed_in_from_apps, without_session};

pub(crate) use endpoint::{Access, Endpoint};

/// Keyrack's own forms have a few hundred bytes.
const MAX_FORM_BYTES: usize = 16 * 1024;

/// Every endpoint of Keyrack.
#[expect(clippy::too_many_lines, reason = "one list, which shows every URL")]
pub(crate) fn endpoints() -> [Endpoint; 49] {
    [
        without_session("/healthz").get(health::alive),
        without_session("/readyz").get(health::ready),
        without_session("/static/{name}").get(static_file::show),
        public("/").get(home),
        public("/login").get(login::show).post(login::submit).not_a_destination(),
        public("/login/second").get(second::show).post(second::submit).not_a_destination(),
        public("/login/passkey").get(passkey_sign_in::options).not_a_destination(),
        public("/language").post(language::submit),
        public("/setup").get(setup::show).post(setup::submit).not_a_destination(),
        public("/reset").get(account_link::show_reset).post(account_link::submit_reset).not_a_destination(),
        public("/forgot").get(forgot::show).post(forgot::submit).not_a_destination(),
        public("/register").get(register::show).post(register::submit).not_a_destination(),
        public("/invite").get(account_link::show_invitation).post(account_link::submit_invitation).not_a_destination(),
        public("/not-me").get(notice::show).post(notice::submit).not_a_destination(),
        public("/verify").get(verify::show).post(verify::submit).not_a_destination(),
        before_password_change("/logout")
            .get(logout::show)
            .post(logout::submit)
            .not_a_destination()
            .signs_out()
            .accepts_former_sid(),
        // `?show=ended` is the history, in `pages/history.rs`.
        signed_in("/account/sessions").get(sessions::show),
        recently_signed_in("/account/sessions/revoke-others")
            .post(revoke::others)
            .form_on(FormPage::At(HOME))
            .waits_for_proof(WaitingChange::RevokeOthers),
        recently_signed_in("/account/sessions/revoke-all")
            .post(revoke::all)
            .form_on(FormPage::At(HOME))
            .waits_for_proof(WaitingChange::RevokeAll),
        recently_signed_in("/account/sessions/revoke")
            .post(revoke::selected)
            .form_on(FormPage::At(HOME))
            .waits_for_proof(WaitingChange::RevokeSelected),
        signed_in("/account/sessions/signing-out").get(revoke_progress::show),
        signed_in("/account/sessions/{id}").get(session_detail::show),
        recently_signed_in("/account/sessions/{id}/revoke")
            .post(revoke::one)
            .form_on(FormPage::At(HOME))
            .waits_for_proof(WaitingChange::RevokeOne),
        signed_in("/account/sessions/{id}/name").post(session_name::submit).form_on(FormPage::At(HOME)),
        signed_in("/account/sessions/{id}/not-me").get(not_me::show),
        recently_signed_in("/account/sessions/{id}/report")
            .post(not_me::submit)
            .form_on(FormPage::At(HOME))
            .waits_for_proof(WaitingChange::Report),
        signed_in(passkeys::PASSKEYS).get(passkeys::show),
        recently_signed_in(passkeys::ADD)
            .get(passkeys::show_add)
            .post(passkeys::add)
            .form_on(FormPage::At(passkeys::ADD))
            .requires_password(),
        signed_in("/account/security/passkeys/{id}/name")
            .post(passkeys::rename)
            .form_on(FormPage::At(passkeys::PASSKEYS)),
        recently_signed_in("/account/security/passkeys/{id}/remove")
            .post(passkeys::remove)
            .form_on(FormPage::At(passkeys::PASSKEYS))
            .waits_for_proof(WaitingChange::RemovePasskey)
            .requires_password(),
        signed_in("/account/activity").get(activity::show),
        signed_in_from_apps("/account/events").get(event_stream::show).not_a_destination(),
        signed_in(SECURITY).get(security::show),
        recently_signed_in(SET_UP)
            .get(authenticator::show)
            .post(authenticator::submit)
            .form_on(FormPage::At(SET_UP))
            .requires_password(),
        recently_signed_in("/account/security/authenticator/remove")
            .post(authenticator::remove)
            .form_on(FormPage::At(SECURITY))
            .waits_for_proof(WaitingChange::RemoveSecondFactor)
            .requires_password(),
        recently_signed_in("/account/security/recovery-codes")
            .post(authenticator::renew)
            .form_on(FormPage::At(SECURITY))
            .waits_for_proof(WaitingChange::RenewRecoveryCodes)
            .requires_password(),
        recently_signed_in("/account/security/browsers/forget")
            .post(authenticator::forget_all)
            .form_on(FormPage::At(SECURITY))
            .waits_for_proof(WaitingChange::ForgetBrowsers)
            .requires_password(),
        recently_signed_in("/account/security/browsers/{id}/forget")
            .post(authenticator::forget_one)
            .form_on(FormPage::At(SECURITY))
            .waits_for_proof(WaitingChange::ForgetBrowser)
            .requires_password(),
        recently_signed_in(EMAIL)
            .get(email_change::show)
            .post(email_change::submit)
            .form_on(FormPage::At(EMAIL))
            .requires_password(),
        recently_signed_in("/account/email/cancel").post(email_change::cancel).form_on(FormPage::At(EMAIL)),
        before_password_change("/account/password")
            .get(password::show)
            .post(password::submit)
            .form_on(FormPage::Own)
            .accepts_former_sid(),
        public("/.well-known/change-password").get(password::well_known).not_a_destination(),
        signed_in("/reauth")
            .get(reauth::show)
            .post(reauth::submit)
            .not_a_destination()
            .form_on(FormPage::NextOr(HOME))
            .accepts_former_sid(),
        // Browsers send these by themselves; what they send is signed.
        without_session(BIND).post(bound_session::bind),
        without_session(REFRESH).post(bound_session::refresh),
        signed_in(api_session::PATH).get(api_session::show),
        signed_in("/api/sessions").get(api_sessions::show),
        recently_signed_in("/api/sessions/revoke-others").post(api_revoke::others),
        recently_signed_in("/api/sessions/{id}").delete(api_revoke::one),
    ]
}

/// Mounts the endpoints. A route outside their list would escape the test that sends every POST without a valid CSRF
/// token.
pub(crate) fn mount(state: &Arc<AppState>, config: &mut ServiceConfig) {
    let mut root = web::scope("")
        .app_data(Data::from(Arc::clone(state)))
        .app_data(FormConfig::default().limit(MAX_FORM_BYTES).error_handler(|error, _| malformed_form(error)))
        .app_data(PayloadConfig::new(MAX_FORM_BYTES))
        .app_data(QueryConfig::default().error_handler(|error, _| malformed_query(&error)));
    let session_layer = || SessionLayer::new(Arc::clone(state));
    for endpoint in in_order_of_matching(endpoints()) {
        let access = endpoint.access;
        let resource = endpoint.into_resource();
        root = match access {
            Access::WithoutSession => root.service(resource),
            Access::Public => root.service(with_session(resource, session_layer())),
            Access::SignedIn => root.service(with_session(resource.wrap(from_fn(require_sign_in)), session_layer())),
            Access::SignedInFromApps => {
                let resource =
                    resource.wrap(from_fn(require_sign_in)).wrap(session_layer()).wrap(from_fn(body_timeout));
                root.service(resource.wrap(from_fn(answer_app_origins)))
            }
            Access::BeforePasswordChange => {
                root.service(with_session(resource.wrap(from_fn(allow_password_change)), session_layer()))
            }
            Access::RecentlySignedIn => {
                root.service(with_session(resource.wrap(from_fn(require_recent_proof)), session_layer()))
            }
        };
    }
    let not_found = web::to(not_found).wrap(session_layer()).wrap(from_fn(body_timeout));
    config.service(
        root.app_data(Data::new(destinations()))
            .app_data(Data::new(pages()))
            .default_service(not_found)
            .wrap(from_fn(render_errors))
            .wrap(from_fn(security_headers))
            .wrap(from_fn(log_requests)),
    );
}

/// Gives the requests of a resource their session, and their bodies a deadline.
fn with_session<F, B>(resource: Resource<F>, layer: SessionLayer) -> impl HttpServiceFactory + 'static
where
    F: ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse<B>, Error = ActixError, InitError = ()>
        + 'static,
    B: MessageBody + 'static,
{
    resource.wrap(layer).wrap(from_fn(body_timeout))
}

/// Actix compares a request with one path after the other, and those with a parameter by a regular expression, which takes
/// a microsecond for four of them: so the path that applications request most comes first, and paths without a parameter
/// come before those with one. Of two paths that fit, that is the right one.
fn in_order_of_matching<const N: usize>(mut endpoints: [Endpoint; N]) -> [Endpoint; N] {
    endpoints.sort_by_key(|endpoint| (endpoint.path != api_session::PATH, endpoint.path.contains('{')));
    endpoints
}

/// Mounts the states of all pages, before the endpoints.
pub(crate) fn mount_states(state: &Arc<AppState>, config: &mut ServiceConfig) {
    config.service(
        web::scope("/states")
            .app_data(Data::from(Arc::clone(state)))
            .app_data(Data::new(page_states::RenderedStates::default()))
            .route("", web::get().to(page_states::index))
            .route("/{name}", web::get().to(page_states::show))
            .route("/{name}/script.js", web::get().to(page_states::script))
            .wrap(from_fn(render_errors))
            .wrap(from_fn(security_headers))
            .wrap(from_fn(log_requests)),
    );
}

/// Mounts the endpoints into Keyrack's own server, which also answers requests without a path. No scope sees those.
pub(crate) fn mount_server(state: &Arc<AppState>, config: &mut ServiceConfig) {
    mount(state, config);
    let without_path =
        web::to(no_path).wrap(from_fn(render_errors)).wrap(from_fn(security_headers)).wrap(from_fn(log_requests));
    config.app_data(Data::from(Arc::clone(state))).default_service(without_path);
}

/// Where a sign-in may lead: not to what can only be posted, nor to what only a visitor needs.
fn destinations() -> Destinations {
    let not_pages = endpoints().into_iter().filter(|endpoint| !endpoint.is_page());
    Destinations::new(not_pages.map(|endpoint| endpoint.path))
}

/// Where a change of the language may lead back to: not to what can only be posted.
fn pages() -> Pages {
    Pages::new(endpoints().into_iter().filter(|endpoint| !endpoint.has_page()).map(|endpoint| endpoint.path))
}

async fn home() -> HttpResponse {
    HttpResponse::SeeOther().insert_header(("location", "/account/sessions")).finish()
}

/// Answers `OPTIONS *`, which is about the server as a whole (RFC 9110, 9.3.7). No other method may have `*`.
async fn no_path(method: Method) -> HttpResponse {
    if method == Method::OPTIONS {
        return HttpResponse::NoContent().insert_header(("allow", "GET, HEAD, POST")).finish();
    }
    HttpResponse::BadRequest().finish()
}

async fn not_found() -> Result<HttpResponse, WebError> {
    Err(WebError::NotFound)
}

fn malformed_form(error: UrlencodedError) -> ActixError {
    match error {
        UrlencodedError::Overflow { .. } => WebError::TooLarge.into(),
        error => WebError::Malformed(error.to_string()).into(),
    }
}

fn malformed_query(error: &QueryPayloadError) -> ActixError {
    WebError::Malformed(error.to_string()).into()
}
