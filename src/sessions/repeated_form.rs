//! A form that is sent twice, as by a double click without JavaScript: both answers carry one session.
//!
//! The browser drops the answer to the first request, and the cookie with it, so nothing in the second request tells
//! that the device is signed in. But both requests carry one form token, from which an id is derived that is stored
//! with the session: the second request finds the session that the first has started, on any instance. Of a form with
//! which a user proves again who they are, both requests present the sid that the first one replaces.

use std::time::Duration;

use super::{
    Sessions,
    data::SessionData,
    model::{IssuedSession, Sid, User},
    new_session::NewSession,
    queries::{self, FoundSignIn},
    resume::LiveSession,
};
use crate::{
    clock::Timestamp,
    db::{DbConnection, SessionId},
    error::{Error, Result},
};

/// A form that arrives again within this time of the sign-in counts as sent twice by mistake. After that, the browser
/// has the answer and shows another page.
pub(crate) const REPEATED_FORM_WINDOW: Duration = Duration::from_secs(5);

/// The latest former sids of one session that are compared with the one of a form: a proof in each ten minutes of a
/// week gives as many. Each takes half a microsecond.
const MAX_FORMER_SIDS: i64 = 1000;

/// Whether it happened at `at`, no longer ago than the window. The clock of the instance that has recorded it may be ahead; a time
/// further in the future, from a clock that has been corrected since, does not make the window longer.
pub(crate) fn is_in_window(now: Timestamp, at: Timestamp) -> bool {
    now.since(at) <= REPEATED_FORM_WINDOW && at.since(now) <= REPEATED_FORM_WINDOW
}

/// The session of a sign-in form.
pub(super) enum FormSession {
    /// The same form has started it a moment ago. It continues.
    Continued(IssuedSession),
    /// It is not started. The form has started so many others, which have ended or are older.
    NotStarted { started_before: u32 },
}

impl Sessions {
    /// Finds the session that the same form has just started, or has given a new sid, and lets it continue under the sid
    /// that it has: which of the two answers the browser keeps is not known, so both must be valid. No event is written,
    /// and the time of the sign-in stays.
    ///
    /// The caller has locked the user, so that no other transaction starts the session at the same time.
    pub(super) fn find_form_session(
        &self,
        connection: &mut DbConnection,
        new: &NewSession,
        user: &User,
        now: Timestamp,
    ) -> Result<FormSession> {
        let mut started_before = 0;
        let Some(form) = &new.form else { return Ok(FormSession::NotStarted { started_before }) };
        let is_recent = |found: &FoundSignIn| {
            let is_recent_sign_in = |at| is_in_window(form.arrived(), at);
            found.user_id == user.id && found.proved_at.is_some_and(is_recent_sign_in)
        };
        while let Some(id) = form.id(started_before) {
            let Some(found) = queries::find_sign_in_by_form(connection, id)? else { break };
            if is_recent(&found)
                && let Some(issued) = self.continue_session(connection, new, &found.sid, started_before, user, now)?
            {
                return Ok(FormSession::Continued(issued));
            }
            started_before += 1;
        }
        // Both requests have presented the sid of a session that the first one has given a new sid. Another browser may
        // present it, too, so the browser has to be the one of that sign-in.
        // A passkey is no reason to hand over a session whose user has just proved it by something else.
        let browser = new.browser_of_form(started_before).filter(|_| new.passkey().is_none());
        let Some(browser) = browser else {
            return Ok(FormSession::NotStarted { started_before });
        };
        for sid in new.presented_sids() {
            let Some(id) = queries::find_replaced(connection, sid)? else { continue };
            let Some(found) = queries::find_sign_in(connection, id)? else { continue };
            if found.remembered == new.remember
                && found.user_agent == new.client.user_agent
                && is_recent(&found)
                && queries::has_signed_in_to(connection, &browser.presented, id)?
                && let Some(issued) = self.continue_session(connection, new, &found.sid, started_before, user, now)?
            {
                return Ok(FormSession::Continued(issued));
            }
        }
        Ok(FormSession::NotStarted { started_before })
    }

    /// Finds the session that the same form has started a moment ago, for a user whose password was checked, but is not good
    /// for another sign-in. Starts none.
    pub(crate) async fn continue_form(&self, new: NewSession) -> Result<Option<IssuedSession>> {
        let (sessions, now) = (self.clone(), self.clock.now());
        let find = move |connection: &mut DbConnection| {
            let found = queries::lock_user(connection, new.user_id)?.filter(|found| !found.disabled);
            let user = found.ok_or(Error::SessionEnded)?.user;
            match sessions.find_form_session(connection, &new, &user, now)? {
                FormSession::Continued(issued) => Ok(Some(issued)),
                FormSession::NotStarted { .. } => Ok(None),
            }
        };
        self.db.transaction(find).await
    }

    /// Finds the live session whose sid was replaced a moment ago by a new proof of its user, by its former sid: for a form
    /// that the browser had sent twice before it got the new sid. The caller must not let the request in before the
    /// password was checked.
    ///
    /// A session that has just started has no former sid. What its browser presented at the sign-in, another site may have
    /// planted.
    pub(crate) async fn resume_replaced(&self, former: &Sid) -> Result<Option<LiveSession>> {
        let (former, now) = (former.clone(), self.clock.now());
        let find = move |connection: &mut DbConnection| {
            let id = queries::find_replaced(connection, &former)?;
            Ok(id.map(|id| queries::find_sign_in(connection, id)).transpose()?.flatten())
        };
        let is_recent = |found: &FoundSignIn| {
            let is_new_proof = |at: &Timestamp| *at > found.created_at && is_in_window(now, *at);
            found.proved_at.as_ref().is_some_and(is_new_proof)
        };
        match self.db.read(find).await?.filter(is_recent) {
            Some(found) => self.resume(&found.sid).await,
            None => Ok(None),
        }
    }

    /// The sids that a session had before, the latest first. The tokens of forms that were opened before are bound to
    /// one of them. What the browser presented at the sign-in is none: another site may have planted it.
    pub(crate) async fn former_sids(&self, id: SessionId) -> Result<Vec<Sid>> {
        self.db.read(move |connection| queries::former_sids_of(connection, id, MAX_FORMER_SIDS)).await
    }

    /// Whether the user of a session has proved a moment ago who they are.
    pub(crate) fn is_just_proved(&self, session: &LiveSession) -> bool {
        session.authenticated_at.is_some_and(|at| is_in_window(self.clock.now(), at))
    }

    /// Lets the session of a sid continue as the one that `new` asks for; `None` if it is not alive any longer.
    pub(super) fn continue_session(
        &self,
        connection: &mut DbConnection,
        new: &NewSession,
        sid: &Sid,
        started_before: u32,
        user: &User,
        now: Timestamp,
    ) -> Result<Option<IssuedSession>> {
        let Some((live, owner, sess)) = queries::lock_readable(connection, sid, now)? else { return Ok(None) };
        let data = SessionData::parse_of(live.owner(owner), &sess).filter(|_| owner == user.id);
        let Some(mut data) = data else { return Ok(None) };
        if !new.data.is_empty() {
            new.data.apply_to(&mut data);
            queries::update_data(connection, sid, &data)?;
        }
        for other in new.presented_sids().filter(|other| *other != sid) {
            self.end_presented(connection, new, other, now)?;
            queries::retire_unknown_sid(connection, other, live.id)?;
        }
        let browser = match new.browser_of_form(started_before) {
            Some(browser) => queries::use_browser(connection, user.id, &browser, live.id, now)?,
            None => None,
        };
        let max_age = live.remembered.then(|| live.absolute_expiry.since(now));
        let can_be_bound = new.can_bind(live.id);
        Ok(Some(IssuedSession { id: live.id, sid: sid.clone(), max_age, browser, can_be_bound }))
    }
}
