//! The pages, one file each: its handlers and its template struct.

pub(crate) mod account_link;
pub(crate) mod activity;
mod address_use;
pub(crate) mod api_revoke;
pub(crate) mod api_session;
pub(crate) mod api_sessions;
pub(crate) mod authenticator;
pub(crate) mod bound_session;
mod breached_password;
mod device_card;
pub(crate) mod email_change;
mod end_notice;
mod event_list;
mod event_row;
pub(crate) mod event_stream;
pub(crate) mod forgot;
mod form_error;
pub(crate) mod health;
pub(crate) mod history;
pub(crate) mod language;
pub(crate) mod login;
pub(crate) mod logout;
mod mail_form;
pub(crate) mod new_account;
pub(crate) mod not_me;
pub(crate) mod notice;
mod pagination;
mod passkey_row;
pub(crate) mod passkey_sign_in;
pub(crate) mod passkeys;
pub(crate) mod password;
mod qr_code;
pub(crate) mod reauth;
pub(crate) mod register;
pub(crate) mod revoke;
pub(crate) mod revoke_progress;
pub(crate) mod second;
pub(crate) mod security;
pub(crate) mod session_detail;
pub(crate) mod session_name;
pub(crate) mod sessions;
pub(crate) mod setup;
pub(crate) mod static_file;
pub(crate) mod verify;

use actix_identity::Identity;
use actix_web::{
    HttpMessage, HttpRequest, HttpResponse,
    cookie::Cookie,
    http::{
        StatusCode,
        header::{HeaderName, HeaderValue, LOCATION},
    },
};
use askama::Template;

use super::{
    errors::WebError,
    password_change::password_page,
    pending_sign_in::{WaitingSignIn, second_page},
    request_words::set_language,
    session::RequestSession,
};
use crate::{
    accounts::{AuthenticatedUser, PendingSignIn},
    error::Error,
    sessions::ACCEPT_CH,
    words::Words,
};

/// The page after a sign-in, unless the user was going somewhere else.
pub(crate) const HOME: &str = "/account/sessions";

pub(crate) use authenticator::{SECURITY, SET_UP};
pub(crate) use email_change::EMAIL;

/// Goes on with a sign-in whose password or passkey was right: signs the user in, or leads to the second step.
fn after_password(
    session: &RequestSession,
    request: &HttpRequest,
    user: AuthenticatedUser,
    remember: bool,
    next: &str,
) -> Result<HttpResponse, WebError> {
    if user.second_factor.is_due() {
        let AuthenticatedUser { user, password_changed_at, has_breached_password, way_in, .. } = user;
        let pending = PendingSignIn { user: user.id, password_changed_at, has_breached_password, way_in };
        let state = session.state();
        let cookie = state.pending_sign_ins.issue(&WaitingSignIn { pending, remember }, state.clock.now());
        return with_cookie(see_other(&second_page(next)), Some(cookie));
    }
    let to = landing(user.must_change_password, next);
    sign_in(session, request, user, remember)?;
    Ok(see_other(&to))
}

/// Where a sign-in leads: to where the user was going, or first to the page that changes the password.
fn landing(must_change_password: bool, next: &str) -> String {
    if must_change_password {
        return password_page(next);
    }
    if next.is_empty() { HOME } else { next }.to_owned()
}

/// Signs the user in. The session layer starts the session after the handler, before the response is sent.
fn sign_in(
    session: &RequestSession,
    request: &HttpRequest,
    user: AuthenticatedUser,
    remember: bool,
) -> Result<(), WebError> {
    if user.second_factor.is_due() {
        return Err(Error::internal("a sign-in that waits for a second factor starts no session").into());
    }
    let id = user.user.id.to_string();
    breached_password::note(request, &user)?;
    session.prepare_sign_in(user, remember, request.headers());
    Identity::login(&request.extensions(), id).map_err(|error| Error::internal(format!("{error:?}")))?;
    Ok(())
}

fn html(words: Words, status: StatusCode, template: &impl Template) -> Result<HttpResponse, WebError> {
    let body = template.render().map_err(|error| WebError::from(Error::internal(error)))?;
    let mut response = HttpResponse::build(status).content_type("text/html; charset=utf-8").body(body);
    set_language(response.headers_mut(), words);
    Ok(response)
}

/// The response to a change: 303, so that reloading the next page does not repeat it.
fn see_other(location: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, location)).finish()
}

/// A form that signs in. Its response asks for the client hints that name the device: browsers send them with the next
/// request.
fn sign_in_form(mut form: HttpResponse, cookie: Option<Cookie<'_>>) -> Result<HttpResponse, WebError> {
    form.headers_mut().insert(HeaderName::from_static("accept-ch"), HeaderValue::from_static(ACCEPT_CH));
    with_cookie(form, cookie)
}

fn with_cookie(mut response: HttpResponse, cookie: Option<Cookie<'_>>) -> Result<HttpResponse, WebError> {
    if let Some(cookie) = cookie {
        response.add_cookie(&cookie).map_err(|error| WebError::from(Error::internal(error)))?;
    }
    Ok(response)
}
