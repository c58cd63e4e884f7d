//! The pages: one file each, its handler and its template struct side by side.

pub(crate) mod api_session;
mod device_card;
pub(crate) mod health;
pub(crate) mod history;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod revoke;
pub(crate) mod sessions;
pub(crate) mod setup;
pub(crate) mod static_file;

use actix_web::{
    HttpResponse,
    cookie::Cookie,
    http::{StatusCode, header::LOCATION},
};
use askama::Template;

use super::errors::WebError;
use crate::error::Error;

fn html(status: StatusCode, template: &impl Template) -> Result<HttpResponse, WebError> {
    let body = template.render().map_err(|error| WebError::from(Error::internal(error)))?;
    Ok(HttpResponse::build(status).content_type("text/html; charset=utf-8").body(body))
}

/// After a change: 303, so that reloading the next page does not change anything again.
fn see_other(location: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, location)).finish()
}

fn with_cookie(mut response: HttpResponse, cookie: Option<Cookie<'_>>) -> Result<HttpResponse, WebError> {
    if let Some(cookie) = cookie {
        response.add_cookie(&cookie).map_err(|error| WebError::from(Error::internal(error)))?;
    }
    Ok(response)
}

/// Where people land after they signed in, unless they were on their way elsewhere.
const HOME: &str = "/account/sessions";
