//! Two tabs of one browser that send the sign-in form at the same moment, each its own, as tabs do that a browser restores.
//!
//! The second sign-in would give the session of the first one a new sid, and the browser keeps the cookie of the answer
//! that arrives last, which may be the one with the dead sid. So both answers carry the sid that the first one has given.

use super::{
    Sessions,
    addresses::is_in_network,
    model::{IssuedSession, User},
    new_session::NewSession,
    queries::{self, FoundSignIn},
    repeated_form::is_in_window,
};
use crate::{clock::Timestamp, db::DbConnection, error::Result};

impl Sessions {
    /// Continues the session to which another tab of this browser has signed in a moment ago. `None` if there is none, or
    /// the browser presents another session that is alive: that one continues, under a new sid.
    ///
    /// The two tabs have the cookie by which the account knows the browser, and that of the visitor, without which their
    /// forms would have been refused. A person with the password and a copy of the first cookie only gets no share in the
    /// owner's session. The sign-in has its event, as any other.
    ///
    /// The caller has locked the user, so that no other transaction signs in at the same time.
    pub(super) fn join_other_tab(
        &self,
        connection: &mut DbConnection,
        new: &NewSession,
        started_before: u32,
        user: &User,
        now: Timestamp,
    ) -> Result<Option<IssuedSession>> {
        // A password that is good for one sign-in must not let in by a second form.
        // A passkey is asked for in one tab at a time, and must not hand over a session that was just proved by something else.
        let can_be_joined = !new.must_change_password() && new.passkey().is_none();
        if !can_be_joined || presents_live_session(connection, new, now)? {
            return Ok(None);
        }
        let Some(browser) = new.browser_of_form(started_before) else { return Ok(None) };
        for sid in queries::sids_of_browsers(connection, user.id, &browser.presented)? {
            // A row that can't be read is as good as none.
            if queries::lock_readable(connection, &sid, now)?.is_none() {
                continue;
            }
            let found = queries::find_sign_in_by_sid(connection, &sid)?;
            if found.is_some_and(|found| is_of_other_tab(new, &found))
                && let Some(issued) = self.continue_session(connection, new, &sid, started_before, user, now)?
            {
                queries::record_sign_in_again(connection, (issued.id, user.id), &new.client, new.way_in(), now)?;
                return Ok(Some(issued));
            }
        }
        Ok(None)
    }
}

fn presents_live_session(connection: &mut DbConnection, new: &NewSession, now: Timestamp) -> Result<bool> {
    for sid in new.presented_sids() {
        if queries::lock_readable(connection, sid, now)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the same visitor has signed in a moment ago, from the same network and with the same choice of "Keep me signed
/// in".
fn is_of_other_tab(new: &NewSession, found: &FoundSignIn) -> bool {
    let Some(form) = &new.form else { return false };
    let is_same_network = match (new.client.ip_address, &found.ip_address) {
        (Some(address), Some(of_other)) => is_in_network(of_other, address),
        (address, of_other) => address.is_none() && of_other.is_none(),
    };
    is_same_network
        && found.form.is_some_and(|of_other| form.is_of_same_visitor(of_other))
        && found.proved_at.is_some_and(|at| is_in_window(form.arrived(), at))
}
