//! Start: a sign-in.

use std::{net::IpAddr, time::Duration};

use super::{
    Sessions,
    browsers::{NEW_BROWSER_PERIOD, SignInBrowser},
    checked_factor::CheckedFactor,
    copied_cookies::without_ids_of_other_devices,
    data::{CookieAttributes, SessionData},
    first_batch::{FirstBatchMode, with_first_batch},
    limit::LimitStep,
    model::{IssuedSession, Sid, User},
    new_session::NewSession,
    queries::{self, GroupedStart, GroupedWrite, NewRow, Written},
    remember_browser::{record_use_of_trust, remember_browser, trust_browser},
    repeated_form::FormSession,
};
use crate::{
    clock::Timestamp,
    db::{DbConnection, FormId, SessionId, UserId},
    error::{Error, Result},
    events::{EventCause, EventKind, NewEvent, Source, record},
};

/// When a session expires, as decided at its sign-in.
pub(super) struct Lifetime {
    pub now: Timestamp,
    pub absolute_expiry: Timestamp,
    /// The absolute or the idle expiry, whichever comes first.
    pub data_expiry: Timestamp,
    pub cookie: CookieAttributes,
}

impl Lifetime {
    fn max_age(&self, remember: bool) -> Option<Duration> {
        remember.then(|| self.absolute_expiry.since(self.now))
    }
}

impl Sessions {
    /// Signs a user in. A browser that already has a session of the same user keeps it, under a new sid and a new
    /// lifetime, also if it has lost the cookie of the session, but not the one by which the account knows it. If it has a
    /// session of another user, that session ends. A [form](super::SentForm) that is sent twice
    /// starts one session, which both answers carry. A password that is good for one sign-in is used up by it, and the
    /// session is good for nothing else before it was changed.
    ///
    /// # Errors
    /// [`Error::SessionEnded`] if the user was disabled, or their password changed, since they were authenticated, or the second factor that they
    /// gave was removed;
    /// [`Error::PasswordUsedUp`] if the password was good for one sign-in, which another one has been since.
    pub async fn start(&self, new: NewSession) -> Result<IssuedSession> {
        let sid = Sid::random()?;
        let now = self.clock.now();
        if let Some(started) = self.start_grouped(&new, &sid, now).await? {
            return Ok(started);
        }
        let (user_id, ip_address) = (new.user_id, new.client.ip_address);
        let start = |mode| {
            let (sessions, new, sid) = (self.clone(), new.clone(), sid.clone());
            self.db.transaction(move |connection| sessions.start_within(connection, &new, &sid, now, mode))
        };
        let started = with_first_batch(start).await?;
        let Some((started, limit_step)) = started else {
            self.record_used_up_password(user_id, ip_address).await;
            return Err(Error::PasswordUsedUp);
        };
        if limit_step.is_some_and(|step| step.is_partial) {
            self.enforce_limit_in_background(user_id, Some(started.id));
        }
        Ok(started)
    }

    /// Starts a session in a transaction. The limit step is `None` if there is no session more than before. Returns `None`
    /// if the password was good for one sign-in, which has taken place.
    fn start_within(
        &self,
        connection: &mut DbConnection,
        new: &NewSession,
        sid: &Sid,
        now: Timestamp,
        mode: FirstBatchMode,
    ) -> Result<Option<(IssuedSession, Option<LimitStep>)>> {
        let lifetime = self.lifetime(now, new.remember);
        let user = lock_valid_user(connection, new)?;
        let started_before = match self.find_form_session(connection, new, &user, now)? {
            FormSession::Continued(issued) => return Ok(Some((issued, None))),
            FormSession::NotStarted { started_before } => started_before,
        };
        check_second_factor(connection, new, now)?;
        if let Some(issued) = self.join_other_tab(connection, new, started_before, &user, now)? {
            let factor = new.checked_factor();
            record_use_of_trust(connection, (user.id, issued.id), factor, now, new.client.ip_address)?;
            return Ok(Some((issued, None)));
        }
        if !use_one_time_password(connection, new, now)? {
            return Ok(None);
        }
        let browser = match new.browser_of_form(started_before) {
            Some(browser) => Some(without_ids_of_other_devices(connection, user.id, browser, &new.client)?),
            None => None,
        };
        let form_id = new.form_id(started_before);
        let reused = match self.settle_presented_sids(connection, new, &user, sid, &lifetime)? {
            None => self.continue_on_browser(connection, new, (browser.as_ref(), form_id), &user, sid, &lifetime)?,
            reused => reused,
        };
        let id = match reused {
            Some(id) => id,
            None => insert(connection, new, (browser.as_ref(), form_id), &user, sid, &lifetime)?,
        };
        if reused.is_some() || new.passkey_added_at().is_some() {
            queries::note_proof(connection, id, new.passkey_added_at())?;
        }
        record_passkey(connection, new, id, now)?;
        for old in new.presented_sids() {
            queries::retire_unknown_sid(connection, old, id)?;
        }
        let limit_step = match reused {
            Some(_) => None,
            None if mode == FirstBatchMode::Leave => Some(LimitStep::NONE_YET),
            None => Some(self.limit_step(connection, user.id, Some(id), now)?),
        };
        let browser = match browser {
            Some(browser) => remember_browser(connection, user.id, id, &browser, now)?,
            None => None,
        };
        if let Some((hash, until)) = browser.as_ref().zip(new.trust_until) {
            trust_browser(connection, (user.id, id), hash, (now, until), new.client.ip_address)?;
        }
        record_use_of_trust(connection, (user.id, id), new.checked_factor(), now, new.client.ip_address)?;
        let max_age = lifetime.max_age(new.remember);
        let can_be_bound = new.can_bind(id);
        Ok(Some((IssuedSession { id, sid: sid.clone(), max_age, browser, can_be_bound }, limit_step)))
    }

    /// Starts an ordinary session in a group commit with others. Returns `None`, with nothing written, if the sign-in
    /// takes more than an insert: the browser has a session, is new or may be another device, its form has started a
    /// session, the password is good for this sign-in only, there was a second factor, the user has changed since their proof, or their account
    /// knows so many browsers that one has to be forgotten.
    ///
    /// The limit of sessions is enforced after the commit, and only for users who may have reached it, so that all other
    /// sign-ins can share a commit.
    async fn start_grouped(&self, new: &NewSession, sid: &Sid, now: Timestamp) -> Result<Option<IssuedSession>> {
        // The group commit writes this way in only.
        let is_by_password = new.is_by_password() && new.trust_until.is_none();
        let is_ordinary = new.presented_sids().next().is_none() && is_by_password;
        let Some(proof) = new.proof.as_ref().filter(|proof| is_ordinary && proof.user.id == new.user_id) else {
            return Ok(None);
        };
        let lifetime = self.lifetime(now, new.remember);
        let write = || {
            let data = initial_data(new, &proof.user, &lifetime);
            let count_active_to = self.policy.max_sessions.map_or(0, |max| i64::from(max.get()));
            let row = new_row(new, new.form_id(0), sid, &lifetime, &data);
            let browser = new.browser_of_form(0);
            GroupedWrite::Start(Box::new(GroupedStart::new(proof, &row, browser.as_ref(), count_active_to)))
        };
        let Some(written) = self.group_commit.try_commit(write).await? else { return Ok(None) };
        self.enforce_limit_after_sign_in(new.user_id, written.id, written.other_active).await;
        let Written { id, browser, .. } = written;
        let max_age = lifetime.max_age(new.remember);
        Ok(Some(IssuedSession { id, sid: sid.clone(), max_age, browser, can_be_bound: true }))
    }

    fn lifetime(&self, now: Timestamp, remembered: bool) -> Lifetime {
        let timeouts = &self.policy.timeouts;
        let absolute_expiry = now + timeouts.absolute(remembered);
        let idle = timeouts.idle(remembered);
        let data_expiry = absolute_expiry.min(now + idle);
        Lifetime { now, absolute_expiry, data_expiry, cookie: self.cookie_attributes(idle, data_expiry) }
    }

    /// The cookie's attributes as the data records them.
    pub(super) fn cookie_attributes(&self, idle: Duration, expires: Timestamp) -> CookieAttributes {
        CookieAttributes {
            original_max_age: idle,
            expires,
            secure: self.policy.secure_cookies,
            domain: self.policy.cookie_domain.clone(),
        }
    }

    /// Records a sign-in with a password that another one has used up at the same time. An error is only logged.
    async fn record_used_up_password(&self, user: UserId, ip_address: Option<IpAddr>) {
        let event = NewEvent::of_cause(EventCause::UsedUpPassword, &Source::user(ip_address)).user(user);
        if let Err(error) = self.events().write(event).await {
            tracing::warn!(error = error.chain(), "could not record a sign-in with a used one-time password");
        }
    }
}

/// Locks the user, and checks that what was true when they were authenticated is still true.
fn lock_valid_user(connection: &mut DbConnection, new: &NewSession) -> Result<User> {
    let found = queries::lock_user(connection, new.user_id)?.ok_or(Error::SessionEnded)?;
    let password_changed =
        new.proof.as_ref().is_some_and(|proof| proof.password_changed_at != found.password_changed_at);
    if found.disabled || password_changed { Err(Error::SessionEnded) } else { Ok(found.user) }
}

/// Records which passkey has let a session in. Fails if it was removed since it was checked: a session must not start with
/// what its owner has taken out of the account before.
fn record_passkey(connection: &mut DbConnection, new: &NewSession, id: SessionId, now: Timestamp) -> Result<()> {
    let Some(passkey) = new.passkey() else { return Ok(()) };
    let name = queries::passkey_name(connection, new.user_id, passkey.id)?.ok_or(Error::SessionEnded)?;
    let event = NewEvent::new(EventKind::PasskeyUsed, &Source::user(new.client.ip_address));
    let event = event.user(new.user_id).session(id).detail("passkey", passkey.id.to_string()).detail("name", name);
    record(connection, event, now).map(drop)
}

/// Checks that what was given besides the password is still there: a report or a removal may have come in between.
fn check_second_factor(connection: &mut DbConnection, new: &NewSession, now: Timestamp) -> Result<()> {
    let user = new.user_id;
    let is_still_there = match new.checked_factor() {
        Some(CheckedFactor::Totp(added_at)) => queries::has_app_since(connection, user, *added_at)?,
        Some(CheckedFactor::RecoveryCode(hashes)) => queries::has_used_code(connection, user, hashes)?,
        Some(CheckedFactor::TrustedBrowser(browser)) => queries::is_trusted(connection, user, browser, now)?,
        // `record_passkey` fails without it.
        Some(CheckedFactor::Passkey(_)) | None => true,
    };
    if is_still_there { Ok(()) } else { Err(Error::SessionEnded) }
}

/// Uses up a password that is good for one sign-in. Returns whether the sign-in may go on: of two at the same time, one
/// may.
fn use_one_time_password(connection: &mut DbConnection, new: &NewSession, now: Timestamp) -> Result<bool> {
    match new.proof.as_ref().filter(|proof| proof.must_change_password) {
        Some(proof) => queries::use_one_time_password(connection, new.user_id, proof.password_changed_at, now),
        None => Ok(true),
    }
}

fn insert(
    connection: &mut DbConnection,
    new: &NewSession,
    (browser, form_id): (Option<&SignInBrowser>, Option<FormId>),
    user: &User,
    sid: &Sid,
    lifetime: &Lifetime,
) -> Result<SessionId> {
    let data = initial_data(new, user, lifetime);
    let from_new_browser = match browser {
        Some(browser) => {
            queries::is_new_browser(connection, user.id, &browser.presented, lifetime.now - NEW_BROWSER_PERIOD)?
        }
        None => false,
    };
    let row = NewRow { from_new_browser, ..new_row(new, form_id, sid, lifetime, &data) };
    queries::insert(connection, &row)?;
    Ok(row.id)
}

fn initial_data(new: &NewSession, user: &User, lifetime: &Lifetime) -> SessionData {
    let mut data = if new.must_change_password() {
        SessionData::for_password_change(&lifetime.cookie)
    } else {
        SessionData::for_sign_in(user, &lifetime.cookie)
    };
    new.data.apply_to(&mut data);
    data
}

fn new_row<'a>(
    new: &'a NewSession,
    form_id: Option<FormId>,
    sid: &'a Sid,
    lifetime: &Lifetime,
    data: &'a SessionData,
) -> NewRow<'a> {
    NewRow {
        id: SessionId::random(),
        form_id,
        sid,
        user_id: new.user_id,
        client: &new.client,
        remembered: new.remember,
        created_at: lifetime.now,
        absolute_expiry: lifetime.absolute_expiry,
        data_expiry: lifetime.data_expiry,
        data,
        authorised_by: new.way_in(),
        from_new_browser: false,
    }
}
