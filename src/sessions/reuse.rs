//! Reuse: a sign-in on a browser that has a session of the same user already continues it under a new sid.

use super::{
    Sessions,
    browsers::SignInBrowser,
    data::SessionData,
    model::{EndReason, Sid, User},
    new_session::NewSession,
    queries::{self, EndTarget, Ending, Rotation},
    start::Lifetime,
};
use crate::{
    clock::Timestamp,
    db::{DbConnection, FormId, SessionId},
    error::Result,
};

/// How often the session of a browser is looked for, if requests renew its sid meanwhile.
const MAX_SEARCHES: usize = 3;

/// What of a session goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    /// Its id, name and start, and what applications have noted in it.
    Data,
    /// Its id, name and start.
    Row,
}

impl Sessions {
    /// Reuses the first session of the sids that the browser has, and ends the others.
    pub(super) fn settle_presented_sids(
        &self,
        connection: &mut DbConnection,
        new: &NewSession,
        user: &User,
        sid: &Sid,
        lifetime: &Lifetime,
    ) -> Result<Option<SessionId>> {
        let mut reused = None;
        for old in new.presented_sids() {
            let found = match reused {
                None => self.reuse(connection, (new, Kept::Data), old, user, sid, lifetime)?,
                Some(_) => None,
            };
            if found.is_none() {
                self.end_presented(connection, new, old, lifetime.now)?;
            }
            reused = reused.or(found);
        }
        Ok(reused)
    }

    /// Continues the session of a browser that is known to the account, but has lost the cookie of the session: it was
    /// closed, or deleted it. Without this, each such sign-in would leave a session behind that is alive in the list, but
    /// on no device.
    ///
    /// The session's data begins anew: what an application has noted in it, such as a second factor, was proved by the
    /// person who had the cookie. The session gets the form of this sign-in, so that the form, if it is sent twice,
    /// finds it.
    pub(super) fn continue_on_browser(
        &self,
        connection: &mut DbConnection,
        new: &NewSession,
        (browser, form_id): (Option<&SignInBrowser>, Option<FormId>),
        user: &User,
        sid: &Sid,
        lifetime: &Lifetime,
    ) -> Result<Option<SessionId>> {
        let Some(browser) = browser else { return Ok(None) };
        let mut tried: Vec<Sid> = Vec::new();
        // A request may have given a session a new sid since it was found.
        for _ in 0..MAX_SEARCHES {
            let mut found = queries::sids_of_browsers(connection, user.id, &browser.presented)?;
            found.retain(|old| !tried.contains(old));
            if found.is_empty() {
                break;
            }
            for old in &found {
                if let Some(id) = self.reuse(connection, (new, Kept::Row), old, user, sid, lifetime)? {
                    queries::set_form(connection, id, form_id)?;
                    return Ok(Some(id));
                }
            }
            tried.append(&mut found);
        }
        Ok(None)
    }

    /// Gives the session that the browser already has the new sid and lifetime, and returns its id. Returns `None` if
    /// it is not alive, another user's, or its data cannot be read. A session that is good for changing the password
    /// only is always a new one.
    fn reuse(
        &self,
        connection: &mut DbConnection,
        (new, kept): (&NewSession, Kept),
        old: &Sid,
        user: &User,
        sid: &Sid,
        lifetime: &Lifetime,
    ) -> Result<Option<SessionId>> {
        let Lifetime { now, absolute_expiry, data_expiry, ref cookie } = *lifetime;
        if new.must_change_password() {
            return Ok(None);
        }
        let Some((live, owner, sess)) = queries::lock_readable(connection, old, now)? else { return Ok(None) };
        if !new.has_proved(live.id, live.binding(), now) {
            if owner == user.id {
                self.replace_bound(connection, live.id, now)?;
            }
            return Ok(None);
        }
        let data = SessionData::parse_of(live.owner(owner), &sess).filter(|_| owner == user.id);
        let Some(mut data) = data else { return Ok(None) };
        if kept == Kept::Row {
            data = SessionData::for_sign_in(user, cookie);
        }
        new.data.apply_to(&mut data);
        data.sign_in(user, cookie);
        let longest = absolute_expiry.max(live.absolute_expiry);
        let rotation = Rotation {
            id: live.id,
            old,
            new: sid,
            data: &data,
            data_expiry,
            absolute_expiry: longest,
            now,
            user_id: user.id,
            source: self.source_of_start(),
        };
        // The lifetime comes first: a trigger caps the data's expiry at the session's.
        let kind = (new.remember, new.way_in());
        queries::update_lifetime(connection, (live.id, user.id), &new.client, kind, absolute_expiry, now)?;
        queries::rotate(connection, &rotation)?;
        Ok(Some(live.id))
    }

    /// Ends a session of the user that is bound to another key than the browser has: it has lost the one that it had, or it
    /// is another browser. Who signs in gets a session of its own, and the owner finds this one in the history.
    fn replace_bound(&self, connection: &mut DbConnection, id: SessionId, now: Timestamp) -> Result<()> {
        let ending = Ending { at: now, ..self.ending_now(EndReason::Replaced) };
        queries::end(connection, &EndTarget::Id(id), &ending).map(drop)
    }

    /// Ends the session of a sid that is not reused. "Signed out" describes it, unless it has expired: the browser left
    /// that account. One that is bound to another browser goes on: who has copied its cookie must not end it by signing in
    /// to an account of their own.
    pub(super) fn end_presented(
        &self,
        connection: &mut DbConnection,
        new: &NewSession,
        sid: &Sid,
        now: Timestamp,
    ) -> Result<()> {
        let locked = queries::lock_readable(connection, sid, now)?;
        if locked.is_some_and(|(live, ..)| !new.has_proved(live.id, live.binding(), now)) {
            return Ok(());
        }
        let expired = queries::find_by_sid(connection, sid).ok().flatten().and_then(|session| session.expiry(now));
        let (reason, at) = expired.unwrap_or((EndReason::SignedOut, now));
        let ending = Ending { at, ..self.ending_now(reason) };
        queries::end(connection, &EndTarget::Sid(sid.clone()), &ending).map(drop)
    }
}
