//! "This wasn't me": the owner of an account says that another person started one of its sessions. The session ends, and what
//! it has added to the account is taken out.

mod consequences;

use std::time::Duration;

use super::{
    Accounts,
    email_change::{RESTORE_LIFETIME, is_taken},
    model::Account,
    queries::{self, AddressOfLink},
    removed_passkey::remove_passkey_within,
    ways_in::may_remove,
};
use crate::{
    clock::Timestamp,
    db::{DbConnection, SessionId, UserId},
    error::{Error, Result},
    events::{EventKind, NewEvent, events_since, first_since, password_sign_ins_since, record},
    sessions::{PresentedSession, SessionRecord, Sessions},
};
use consequences::{Consequences, first_mailed_reset, passkeys_of};

/// How long before its session starts a sign-in may add something: it has to be given a second factor within five minutes.
/// The clock of another server may be ahead.
const SIGN_IN_TIME: Duration = Duration::from_secs(10 * 60);

/// What a report of a session undoes, or has undone, besides ending it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Undoing {
    /// Other sessions end, which what it has added has let in: so many.
    pub sessions: usize,
    /// Its authenticator app is removed, with the recovery codes.
    pub removes_app: bool,
    /// The recovery codes that it has made are removed.
    pub removes_recovery_codes: bool,
    /// Passkeys are removed: so many.
    pub passkeys: usize,
    /// Sessions get the names back that they had before: so many.
    pub names: usize,
    /// So do passkeys: so many.
    pub passkey_names: usize,
    /// All that would be undone is left as it is: what has proved the reporter's session is too new.
    pub is_held_back: bool,
    pub email: EmailUndoing,
}

/// What a report does with the address of the account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum EmailUndoing {
    /// Nothing: it is the owner's.
    #[default]
    Stays,
    /// It becomes again what it was before.
    IsRestored {
        /// The password is removed: the person who has changed the address has set it.
        removes_password: bool,
    },
    /// It can't: another account has the former one.
    IsTaken {
        /// The password is removed, as above. The person who has changed the address can get another one by a mail there.
        removes_password: bool,
    },
}

impl EmailUndoing {
    pub const fn removes_password(self) -> bool {
        match self {
            Self::Stays => false,
            Self::IsRestored { removes_password } | Self::IsTaken { removes_password } => removes_password,
        }
    }
}

impl Undoing {
    fn new(consequences: &Consequences, other_sessions: usize, email: EmailUndoing) -> Self {
        Self {
            email,
            sessions: other_sessions,
            removes_app: consequences.has_added_app,
            removes_recovery_codes: consequences.has_made_recovery_codes && !consequences.has_added_app,
            passkeys: consequences.passkeys.len(),
            names: consequences.names.len(),
            passkey_names: consequences.passkey_names.len(),
            is_held_back: consequences.is_held_back,
        }
    }

    /// Adds it to the detail of an event.
    fn describe(self, event: NewEvent) -> NewEvent {
        let removed = [
            (self.removes_app, "authenticator_app"),
            (self.removes_recovery_codes, "recovery_codes"),
            (self.passkeys > 0, "passkeys"),
        ];
        let removed: Vec<_> = removed.into_iter().filter_map(|(is_removed, word)| is_removed.then_some(word)).collect();
        let event = if removed.is_empty() { event } else { event.detail("removed", removed) };
        let event = if self.sessions == 0 { event } else { event.detail("sessions", self.sessions) };
        let names = self.names + self.passkey_names;
        let event = if names == 0 { event } else { event.detail("names", names) };
        let event = if self.email.removes_password() { event.detail("password_removed", true) } else { event };
        match self.email {
            EmailUndoing::Stays => event,
            EmailUndoing::IsRestored { .. } => event.detail("email", "restored"),
            EmailUndoing::IsTaken { .. } => event.detail("email", "taken"),
        }
    }
}

impl Accounts {
    /// Ends a session of a user that another person started, and all that follow from it: in one transaction, the sessions
    /// that were let in by what one of them has added end, and that is taken out of the account. Browsers of these sessions
    /// are forgotten, and no browser is trusted any longer. Returns whether the user has such a session.
    ///
    /// A session that has ended is reported as well. A second report of a session takes out what was added since the first.
    pub(crate) async fn report_session(&self, reporter: &PresentedSession, id: SessionId) -> Result<bool> {
        let (user, accounts) = (reporter.user, self.on_behalf_of(reporter.source()));
        let reporter = (reporter.id, user);
        let report = move |connection: &mut DbConnection| {
            let Some(session) = lock_and_find(connection, user, id)? else { return Ok(false) };
            let now = accounts.clock.now();
            let consequences = find_consequences(connection, &session, reporter, now)?;
            let others = accounts.sessions.end_reported(connection, &session, &consequences.sessions)?;
            queries::void_changes_of(connection, user, &consequences.sessions, now)?;
            queries::void_restores(connection, user, &consequences.foreign_restores, now)?;
            let email = accounts.restore_email_of(connection, &session, &consequences, now)?;
            let undone = Undoing::new(&consequences, others, email);
            accounts.take_out(connection, &session, &consequences, now)?;
            accounts.sessions.restore_names(connection, user, &consequences.names, now)?;
            accounts.record_report(connection, &session, undone, now)?;
            Ok(true)
        };
        self.db.transaction(report).await
    }

    /// Ends a session for a user who has not signed in, and takes nothing out of the account: who reads a user's mails must
    /// not be able to remove the second factor. The page of the session goes on to offer that.
    pub(super) fn end_reported_session(
        &self,
        connection: &mut DbConnection,
        user: UserId,
        id: SessionId,
    ) -> Result<()> {
        let Some(session) = lock_and_find(connection, user, id)? else { return Ok(()) };
        self.sessions.end_reported(connection, &session, &[id].into())?;
        self.record_report(connection, &session, Undoing::default(), self.clock.now())
    }

    /// Records a report, unless there was one before that left nothing to undo.
    fn record_report(
        &self,
        connection: &mut DbConnection,
        session: &SessionRecord,
        undone: Undoing,
        now: Timestamp,
    ) -> Result<()> {
        let of = (session.user_id, Some(session.id));
        let former = first_since(connection, of, EventKind::SessionReported, session.created_at)?;
        if former.is_some() && undone == Undoing::default() {
            return Ok(());
        }
        let event = self.event(EventKind::SessionReported, session.user_id).session(session.id);
        record(connection, undone.describe(event), now)
    }

    /// What a report of this session in another one would undo now.
    pub(crate) async fn undoing(&self, reporter: SessionId, session: &SessionRecord) -> Result<Undoing> {
        let (session, now) = (session.clone(), self.clock.now());
        let reporter = (reporter, session.user_id);
        let find = move |connection: &mut DbConnection| {
            let consequences = find_consequences(connection, &session, reporter, now)?;
            let active = Sessions::active_among(connection, session.user_id, &consequences.sessions)?;
            let others = active.into_iter().filter(|id| *id != session.id).count();
            let email = match find_former_email(connection, session.user_id, &consequences, now)? {
                None => EmailUndoing::Stays,
                Some(former) => {
                    let removes_password = consequences.reset_at.is_some();
                    if is_taken(connection, session.user_id, &former.address)? {
                        EmailUndoing::IsTaken { removes_password }
                    } else {
                        EmailUndoing::IsRestored { removes_password }
                    }
                }
            };
            Ok(Undoing::new(&consequences, others, email))
        };
        self.db.read(find).await
    }

    /// Puts the address back that the account had before one of these sessions has changed it, and makes the links void that
    /// would take this back. The password is removed if it was set by a mail to the changed address, also if the former one
    /// is another account's by now.
    fn restore_email_of(
        &self,
        connection: &mut DbConnection,
        reported: &SessionRecord,
        consequences: &Consequences,
        now: Timestamp,
    ) -> Result<EmailUndoing> {
        let user = reported.user_id;
        let Some(former) = find_former_email(connection, user, consequences, now)? else {
            return Ok(EmailUndoing::Stays);
        };
        let account = queries::find_by_id(connection, user)?.ok_or_else(|| Error::internal("the user is gone"))?;
        let Account { user: owner, .. } = account.into();
        let is_taken = Self::change_email_within(connection, &owner, &former.address, now)?.is_err();
        let removes_password = consequences.reset_at.is_some();
        if removes_password {
            self.remove_password_within(connection, user, now)?;
        }
        if is_taken {
            return Ok(EmailUndoing::IsTaken { removes_password });
        }
        queries::void_restores_since(connection, user, former.created_at, now)?;
        let mut event = self.event(EventKind::EmailRestored, user).session(reported.id);
        if removes_password {
            event = event.detail("password_removed", true);
        }
        record(connection, event.detail("undo_link", former.link.to_string()), now)?;
        Ok(EmailUndoing::IsRestored { removes_password })
    }

    /// Removes what a report takes out of an account besides sessions and their names, and gives passkeys their former names.
    /// Each has an event.
    fn take_out(
        &self,
        connection: &mut DbConnection,
        reported: &SessionRecord,
        consequences: &Consequences,
        now: Timestamp,
    ) -> Result<()> {
        let user = reported.user_id;
        let event = |kind| self.event(kind, user).session(reported.id);
        for passkey in queries::passkeys_of(connection, user)? {
            let (id, name) = (passkey.id, &passkey.name);
            if consequences.passkeys.contains(&id) {
                remove_passkey_within(connection, &passkey, (&self.source, Some(reported.id)), now)?;
            } else if let Some(former) = consequences.passkey_names.get(&id).filter(|former| *former != name) {
                queries::rename_passkey(connection, (id, user), former)?;
                let event = event(EventKind::PasskeyRenamed).detail("passkey", id.to_string());
                let event = event.detail("name", former.as_str()).detail("from", name.as_str());
                record(connection, event.detail("restored", true), now)?;
            }
        }
        if consequences.has_added_app && queries::delete_factor(connection, user)? {
            record(connection, event(EventKind::SecondFactorRemoved), now)?;
        }
        if consequences.has_made_recovery_codes && !consequences.has_added_app {
            queries::replace_recovery_codes(connection, user, &[], now)?;
            record(connection, event(EventKind::RecoveryCodesRemoved), now)?;
        }
        Ok(())
    }
}

/// Finds one of a user's sessions. All that adds a way in waits for this lock, or has been committed before.
fn lock_and_find(connection: &mut DbConnection, user: UserId, id: SessionId) -> Result<Option<SessionRecord>> {
    if queries::lock_password(connection, user)?.is_none() {
        return Ok(None);
    }
    Sessions::find_own_within(connection, user, id)
}

/// The address that the account had before these sessions have changed it, for as long as the link in the mail to it would
/// put it back.
fn find_former_email(
    connection: &mut DbConnection,
    user: UserId,
    consequences: &Consequences,
    now: Timestamp,
) -> Result<Option<AddressOfLink>> {
    let Some(link) = consequences.undo_link else { return Ok(None) };
    Ok(queries::address_of_link(connection, user, link)?.filter(|former| former.expires_at > now))
}

fn find_consequences(
    connection: &mut DbConnection,
    session: &SessionRecord,
    reporter: (SessionId, UserId),
    now: Timestamp,
) -> Result<Consequences> {
    let owner = session.user_id;
    let mut since = session.created_at.min(now - RESTORE_LIFETIME);
    // What a passkey has let in follows from when it was added.
    let sign_ins = events_since(connection, owner, &[EventKind::PasskeyUsed], session.created_at - SIGN_IN_TIME)?;
    let presented = passkeys_of(session.id, &sign_ins);
    let own = queries::passkeys_of(connection, owner)?;
    if !presented.is_empty() {
        let added = own.iter().filter(|passkey| presented.contains(&passkey.id)).map(|passkey| passkey.created_at);
        since = added.fold(since, Timestamp::min);
    }
    let mut events = events_since(connection, owner, Consequences::KINDS, since - SIGN_IN_TIME)?;
    if let Some(reset_at) = first_mailed_reset(&events) {
        // These tell something only of a password that was set by a mail.
        events.extend(password_sign_ins_since(connection, owner, reset_at)?);
        events.sort_by_key(|event| event.id);
    }
    let mut consequences = Consequences::of(session.id, Some(reporter.0), &events);
    if find_former_email(connection, owner, &consequences, now)?.is_none() {
        consequences.reset_at = None;
    }
    if let Some(since) = consequences.reset_at {
        // The person who reads the mails of that address has set the password.
        let by_password = Sessions::by_password_since(connection, owner, since)?;
        consequences.sessions.extend(by_password.into_iter().filter(|id| *id != reporter.0));
    }
    let removed = own.iter().filter(|passkey| consequences.passkeys.contains(&passkey.id));
    let oldest = removed.map(|passkey| passkey.created_at).fold(session.created_at, Timestamp::min);
    let may_undo = may_remove(connection, reporter, oldest, now)?;
    Ok(if may_undo { consequences } else { consequences.held_back(session.id) })
}
