//! `GET /account/sessions/signing-out`: how far the end of all other sessions is.
//!
//! The page needs no state of the server: it counts the sessions that are left, so any instance can show it, also after
//! a restart. It is no acknowledgement; the redirect to the devices is, once none is left.

pub(in crate::web) mod states;

use actix_web::{
    HttpResponse,
    http::{StatusCode, header::REFRESH},
    web::Query,
};
use askama::Template;
use serde::Deserialize;

use super::{HOME, html, see_other, with_cookie};
use crate::{
    clock::Timestamp,
    sessions::Sessions,
    web::{SignedIn, errors::WebError, flash::Notice, page::Page},
    words::Words,
};

/// The page loads itself again after this many seconds.
const REFRESH_SECONDS: i16 = 2;

#[derive(Template)]
#[template(path = "revoke_progress.html")]
struct RevokeProgressPage {
    page: Page,
    csrf_token: String,
    left: String,
}

#[derive(Deserialize)]
pub(crate) struct ProgressQuery {
    /// The start of the latest session that ends, in microseconds since 1970.
    #[serde(default)]
    until: String,
}

/// The page of an end of the sessions that have started until then.
pub(super) fn location(started_until: Timestamp) -> String {
    format!("{HOME}/signing-out?until={}", started_until.as_micros())
}

/// Shows how many are left; the devices if none is, or if the time can't be parsed.
pub(crate) async fn show(
    session: SignedIn,
    words: Words,
    query: Query<ProgressQuery>,
) -> Result<HttpResponse, WebError> {
    let state = session.state();
    let Some(until) = Timestamp::parse_micros(&query.until) else { return Ok(see_other(HOME)) };
    let left = state.sessions.count_others(session.user.id, session.id, until).await?;
    if left == 0 {
        return with_cookie(see_other(HOME), Some(state.flash.cookie(session.id, Notice::RevokedAllOthers)));
    }
    let csrf_token = session.csrf_token()?;
    let template = RevokeProgressPage {
        page: Page::of(&session, &csrf_token, words),
        csrf_token,
        left: if left < Sessions::MAX_COUNTED {
            words.devices_left(left)
        } else {
            words.devices_or_more_left(Sessions::MAX_COUNTED)
        },
    };
    let mut response = html(words, StatusCode::OK, &template)?;
    response.headers_mut().insert(REFRESH, REFRESH_SECONDS.into());
    Ok(response)
}
