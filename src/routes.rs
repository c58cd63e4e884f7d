//! Every URL and its guard.
//!
//! [`signed_in`] is the default; exceptions say that they are [`public`] or [`stateless`].

mod url;

use std::sync::Arc;

use actix_web::{
    Error as ActixError, HttpResponse,
    error::{QueryPayloadError, UrlencodedError},
    middleware::from_fn,
    web::{self, Data, FormConfig, PayloadConfig, QueryConfig, ServiceConfig},
};

use crate::web::{
    AppState, SessionLayer, body,
    errors::{self, WebError},
    headers,
    pages::{api_session, health, login, logout, revoke, sessions, setup, static_file},
    request_log,
    require_sign_in::require_sign_in,
};
use url::{Access, Url, public, signed_in, stateless};

/// The forms of Keyrack have a few hundred bytes.
const MAX_FORM_BYTES: usize = 16 * 1024;

/// Every URL, who may use it, and its handlers.
pub(crate) fn urls() -> [Url; 11] {
    [
        stateless("/healthz").get(health::alive),
        stateless("/readyz").get(health::ready),
        stateless("/static/{name}").get(static_file::show),
        public("/").get(home),
        public("/login").get(login::show).post(login::submit),
        public("/setup").get(setup::show).post(setup::submit),
        signed_in("/logout").post(logout::submit),
        signed_in("/account/sessions").get(sessions::show),
        signed_in("/account/sessions/revoke-others").post(revoke::others),
        signed_in("/account/sessions/{id}/revoke").post(revoke::one),
        signed_in("/api/session").get(api_session::show),
    ]
}

/// Adds the URLs, and nothing else that could be requested: a test sends every POST of the list without a valid token.
pub(crate) fn mount(state: &Arc<AppState>, config: &mut ServiceConfig) {
    let mut outside = web::scope("")
        .app_data(Data::from(Arc::clone(state)))
        .app_data(FormConfig::default().limit(MAX_FORM_BYTES).error_handler(|error, _| unreadable_form(error)))
        .app_data(PayloadConfig::new(MAX_FORM_BYTES))
        .app_data(QueryConfig::default().error_handler(|error, _| unreadable_query(&error)));
    let mut inside = web::scope("");
    for url in urls() {
        match url.access {
            Access::Stateless => outside = outside.service(url.into_resource()),
            Access::Public => inside = inside.service(url.into_resource()),
            Access::SignedIn => inside = inside.service(url.into_resource().wrap(from_fn(require_sign_in))),
        }
    }
    let inside = inside
        .default_service(web::to(nothing_here))
        .wrap(SessionLayer::new(Arc::clone(state)))
        .wrap(from_fn(body::in_time));
    config.service(
        outside
            .service(inside)
            .wrap(from_fn(errors::dress))
            .wrap(from_fn(headers::add))
            .wrap(from_fn(request_log::log)),
    );
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
