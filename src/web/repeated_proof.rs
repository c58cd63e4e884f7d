//! Lets a form with which a user proves who they are be sent twice, as by a double click without JavaScript.
//!
//! The first request gives the session a new sid. The second one presents the former sid, if the browser sent it before
//! it had the first answer. For a few seconds after the proof, that is accepted for such a form, which contains the
//! password: without it, the former sid is worth nothing.

use actix_session::SessionExt;
use actix_web::{dev::ServiceRequest, http::Method};

use super::session::RequestSession;
use crate::error::Result;

/// The forms that contain the password of the session's user.
const PROOF_FORMS: [&str; 2] = ["/reauth", "/account/password"];

/// Lets such a form continue the session whose sid it has presented, if that was replaced a moment ago.
pub(super) async fn continue_session(request: &ServiceRequest) -> Result<()> {
    let Some(session) = RequestSession::of(request.request()) else { return Ok(()) };
    let Some(sid) = session.cookie_sid() else { return Ok(()) };
    let is_proof_form = request.method() == Method::POST
        && request.match_pattern().is_some_and(|pattern| PROOF_FORMS.contains(&pattern.as_str()));
    if !is_proof_form || session.live().is_some() || session.read_error().is_some() {
        return Ok(());
    }
    if let Some(live) = session.state().sessions.resume_replaced(sid).await? {
        session.continue_as(live, &request.get_session());
    }
    Ok(())
}
