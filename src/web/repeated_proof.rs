//! Accepts a form under the sid that its session had until a moment ago.
//!
//! A form with which a user proves who they are may be sent twice, as by a double click without JavaScript. The first
//! request gives the session a new sid. The second one presents the former sid, if the browser sent it before it had
//! the first answer. For a few seconds after the proof, that is accepted for such a form, which contains the password,
//! or the same answer of a passkey: without it, the former sid is worth nothing. So it is for the form that signs out: the browser would get the first
//! answer after it, and be signed in again.

use actix_session::SessionExt;
use actix_web::{dev::ServiceRequest, http::Method};

use super::{
    received_form::ReceivedForm,
    session::{RequestSession, check},
};
use crate::error::Result;

/// Lets such a form continue the session whose sid it has presented, if that was replaced a moment ago.
pub(super) async fn continue_session(request: &ServiceRequest) -> Result<()> {
    let Some(session) = RequestSession::of(request.request()) else { return Ok(()) };
    let Some(sid) = session.cookie_sid() else { return Ok(()) };
    if session.live().is_some() || session.read_error().is_some() {
        return Ok(());
    }
    if request.method() != Method::POST || !ReceivedForm::of(request.request()).accepts_former_sid {
        return Ok(());
    }
    let live = session.state().sessions.resume_replaced(sid).await;
    let checked = check(session.state(), live, request.headers(), || session.ip_address()).await;
    if let Some(live) = checked.live? {
        session.continue_as(live, &request.get_session());
    }
    Ok(())
}
