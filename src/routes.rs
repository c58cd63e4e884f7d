//! Every URL and its guard.
//!
//! Signed-in is the default: [`signed_in`] routes are guarded, and [`public`] says loudly what is not.

use std::sync::Arc;

use actix_web::{
    Error as ActixError, HttpResponse, Resource, Route,
    body::MessageBody,
    dev::{ServiceFactory, ServiceRequest, ServiceResponse},
    error::{QueryPayloadError, UrlencodedError},
    guard::{Any, Get, Head},
    middleware::from_fn,
    web::{self, Data, FormConfig, PayloadConfig, QueryConfig, ServiceConfig, post},
};

use crate::web::{
    AppState, SessionLayer, body,
    errors::{self, WebError},
    headers,
    pages::{api_session, health, login, logout, revoke, sessions, setup, static_file},
    request_log,
    require_sign_in::require_sign_in,
};

/// The longest form, in bytes: ours are a few hundred.
const FORM_LIMIT: usize = 16 * 1024;

pub(crate) fn mount(shared: &Arc<AppState>, config: &mut ServiceConfig) {
    let without_session = web::scope("")
        .app_data(Data::from(Arc::clone(shared)))
        .app_data(FormConfig::default().limit(FORM_LIMIT).error_handler(|error, _| unreadable_form(error)))
        .app_data(PayloadConfig::new(FORM_LIMIT))
        .app_data(QueryConfig::default().error_handler(|error, _| unreadable_query(&error)))
        .service(public("/healthz").route(get().to(health::alive)))
        .service(public("/readyz").route(get().to(health::ready)))
        .service(public("/static/{name}").route(get().to(static_file::show)));
    let with_session = web::scope("")
        .service(public("/login").route(get().to(login::show)).route(post().to(login::submit)))
        .service(public("/setup").route(get().to(setup::show)).route(post().to(setup::submit)))
        .service(public("/").route(get().to(home)))
        .service(signed_in("/logout").route(post().to(logout::submit)))
        .service(signed_in("/account/sessions").route(get().to(sessions::show)))
        .service(signed_in("/account/sessions/revoke-others").route(post().to(revoke::others)))
        .service(signed_in("/account/sessions/{id}/revoke").route(post().to(revoke::one)))
        .service(signed_in("/api/session").route(get().to(api_session::show)))
        .default_service(web::to(nothing_here))
        .wrap(SessionLayer::new(Arc::clone(shared)))
        .wrap(from_fn(body::in_time));
    config.service(
        without_session
            .service(with_session)
            .wrap(from_fn(errors::dress))
            .wrap(from_fn(headers::add))
            .wrap(from_fn(request_log::log)),
    );
}

/// Whatever is there to be read can be asked for without its body too (RFC 9110), as load balancers do.
fn get() -> Route {
    web::route().guard(Any(Get()).or(Head()))
}

/// Everybody may come here, signed in or not.
fn public(path: &str) -> Resource {
    web::resource(path)
}

/// Only signed-in requests come here; others are sent to sign in (pages) or told so (`/api`).
fn signed_in(
    path: &str,
) -> Resource<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = ActixError,
        InitError = (),
    >,
> {
    web::resource(path).wrap(from_fn(require_sign_in))
}

async fn home() -> HttpResponse {
    HttpResponse::SeeOther().insert_header(("location", "/account/sessions")).finish()
}

async fn nothing_here() -> Result<HttpResponse, WebError> {
    Err(WebError::NotFound)
}

fn unreadable_form(error: UrlencodedError) -> ActixError {
    match error {
        UrlencodedError::Overflow { .. } => WebError::TooLarge.into(),
        error => WebError::Unreadable(error.to_string()).into(),
    }
}

fn unreadable_query(error: &QueryPayloadError) -> ActixError {
    WebError::Unreadable(error.to_string()).into()
}
