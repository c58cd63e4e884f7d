//! Remembers in a session that its user signed in with a leaked password, so that pages ask for another one.
//!
//! It is a key of the session's data: requests read that anyway, and the next sign-in decides again.

use actix_session::SessionExt;
use actix_web::HttpRequest;

use crate::{error::Error, sessions::LiveSession, web::errors::WebError};

/// The key in the session data.
const KEY: &str = "passwordBreached";

/// Notes at a sign-in whether its password is a leaked one.
pub(super) fn note(request: &HttpRequest, is_breached: bool) -> Result<(), WebError> {
    let session = request.get_session();
    // A sign-in merges its data into that of the browser's former session, so a key that is removed would stay.
    if is_breached || session.contains_key(KEY) {
        session.insert(KEY, is_breached).map_err(|error| Error::internal(error.to_string()))?;
    }
    Ok(())
}

/// Whether the session was started with a leaked password.
pub(super) fn is_noted(session: &LiveSession) -> bool {
    session.data.json_of(KEY) == Some("true")
}
