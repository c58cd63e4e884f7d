//! Remembers in a session that its user signed in with a leaked password, so that pages ask for another one.
//!
//! The session's data holds when that password was set: requests read the data anyway, and however the password is
//! changed, the note no longer applies. The next sign-in decides again.

use actix_session::SessionExt;
use actix_web::HttpRequest;

use crate::{accounts::AuthenticatedUser, error::Error, web::SignedIn, web::errors::WebError};

/// The key in the session data.
const KEY: &str = "passwordBreached";

/// Notes at a sign-in whether its password is a leaked one.
pub(super) fn note(request: &HttpRequest, user: &AuthenticatedUser) -> Result<(), WebError> {
    let session = request.get_session();
    let set_at = user.has_breached_password.then(|| user.password_changed_at.as_micros());
    // A sign-in merges its data into that of the browser's former session, so a key that is removed would stay.
    if set_at.is_some() || session.contains_key(KEY) {
        session.insert(KEY, set_at).map_err(|error| Error::internal(error.to_string()))?;
    }
    Ok(())
}

/// Whether the user still has the leaked password with which the session was started. Reads the database only if there
/// is such a note.
pub(super) async fn is_in_use(session: &SignedIn) -> Result<bool, WebError> {
    let Some(set_at) = session.data.json_of(KEY).and_then(|micros| micros.parse::<i64>().ok()) else {
        return Ok(false);
    };
    let changed_at = session.state().accounts.password_changed_at(session.user.id).await?;
    Ok(changed_at.is_some_and(|changed_at| changed_at.as_micros() == set_at))
}
