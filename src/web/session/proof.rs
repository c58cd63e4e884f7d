//! What a request and its response say of the browser that the session is bound to.

use actix_web::{cookie::Cookie, http::header::HeaderMap};

use super::RequestSession;
use crate::{
    clock::Timestamp,
    sessions::{IssuedSession, SessionId},
    web::bound::{REGISTRATION_HEADER, set_header},
};

impl RequestSession {
    /// Whether the cookie names a live session that is bound to another browser, or to this one, which can't prove it.
    pub(in crate::web) fn is_unproved(&self) -> bool {
        self.binding().is_unproved
    }

    /// Until when the request's proof is good; `None` if its session needs none.
    pub(in crate::web) fn proved_until(&self) -> Option<Timestamp> {
        self.binding().proved_until
    }

    /// The sessions whose proof the browser has.
    pub(super) fn bound_sessions(&self, headers: &HeaderMap) -> Vec<SessionId> {
        self.state().bound.proved_sessions(headers, self.state().clock.now())
    }

    /// Asks the browser to bind the session that a sign-in has issued.
    pub(super) fn register(&self, issued: &IssuedSession) {
        if issued.can_be_bound {
            let state = self.state();
            *self.binding().registration.borrow_mut() = state.bound.registration(issued.id, state.clock.now());
        }
    }

    /// Lets the response delete the proof.
    pub(super) fn remove_proof(&self) {
        *self.binding().is_removed.borrow_mut() = true;
    }

    /// The cookie that deletes the proof, if the response deletes it, and the request has one.
    pub(super) fn removal_of_proof(&self, headers: &HeaderMap) -> Option<Cookie<'static>> {
        let is_removed = *self.binding().is_removed.borrow();
        is_removed.then(|| self.state().bound.removal(headers)).flatten()
    }

    /// Adds the header that asks the browser to bind its session, if it is asked.
    pub(super) fn add_registration(&self, headers: &mut HeaderMap) {
        if let Some(registration) = self.binding().registration.borrow_mut().take() {
            set_header(headers, REGISTRATION_HEADER, &registration);
        }
    }
}
