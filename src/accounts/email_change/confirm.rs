//! Makes a proved address that of its account.

use super::{AddressLink, AddressLinkProblem, AddressTaken};
use crate::{
    accounts::{
        Accounts,
        email::Email,
        model::Account,
        queries::{self, StoredLink},
    },
    clock::Timestamp,
    db::{DbConnection, SessionId, UserId},
    error::{Error, Result},
    events::{EventKind, record},
    mail::{LinkProblem, LinkState, LinkToken, MailKind, NoticeFacts},
    sessions::{EndReason, Sessions, User, is_in_window},
};

const KIND: &str = MailKind::EmailChange.as_str();

/// Why an operator could not change an address.
#[derive(Debug, thiserror::Error)]
pub enum SetEmailError {
    /// There is no such user.
    #[error("there is no such user")]
    NoUser,
    /// Another account has the address.
    #[error("another account has this address")]
    Taken,
    /// The database failed.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl Accounts {
    /// The link with this token that changes an address, if it is good.
    pub(super) async fn find_change(&self, token: &str) -> Result<Result<AddressLink, AddressLinkProblem>> {
        let Some(token) = LinkToken::parse(token) else { return Ok(Err(AddressLinkProblem::Expired)) };
        let (id, now) = (token.id(), self.clock.now());
        let found = self.db.read(move |connection| queries::find_link(connection, id, KIND)).await?;
        let found = found.filter(|link| self.is_token_of(&token, &link.token_hash));
        let found = found.ok_or(AddressLinkProblem::Expired).and_then(|link| check(link, now));
        Ok(found.map(|(user, new)| AddressLink::Change { current: user.email, new }))
    }

    /// Makes the address of a link that of its user, and tells the former one. Sessions go on. Of several requests with one
    /// link, one succeeds.
    pub(crate) async fn confirm_email_change(&self, token: &str) -> Result<Result<(), AddressLinkProblem>> {
        if let Err(problem) = self.find_change(token).await? {
            return Ok(Err(problem));
        }
        let Some(token) = LinkToken::parse(token) else { return Ok(Err(AddressLinkProblem::Expired)) };
        let accounts = self.clone();
        let change = move |connection: &mut DbConnection| accounts.confirm_within(connection, &token);
        self.db.transaction(change).await
    }

    fn confirm_within(
        &self,
        connection: &mut DbConnection,
        token: &LinkToken,
    ) -> Result<Result<(), AddressLinkProblem>> {
        let (id, now) = (token.id(), self.clock.now());
        let Some(link) = queries::find_link(connection, id, KIND)? else {
            return Ok(Err(AddressLinkProblem::Expired));
        };
        // Locks the user's row: of two links, only one is good.
        let Some(stored) = queries::lock_password(connection, link.user.id)? else {
            return Ok(Err(AddressLinkProblem::Expired));
        };
        // What the row said before it was locked may be outdated.
        let Some(link) = queries::find_link(connection, id, KIND)? else {
            return Ok(Err(AddressLinkProblem::Expired));
        };
        let state = LinkState { password_changed_at: stored.changed_at, ..link.state };
        let asked_in = link.session;
        if let Some(session) = asked_in
            && was_taken_out(connection, link.user.id, session)?
        {
            return Ok(Err(AddressLinkProblem::Expired));
        }
        let (user, new) = match check(StoredLink { state, ..link }, now) {
            Ok(found) => found,
            Err(problem) => return Ok(Err(problem)),
        };
        if let Err(AddressTaken) = Self::change_email_within(connection, &user, &new, now)? {
            return Ok(Err(AddressLinkProblem::Taken));
        }
        queries::use_link(connection, id, now)?;
        let accounts = match asked_in {
            Some(session) => self.on_behalf_of(self.source.clone().in_session(session)),
            None => self.clone(),
        };
        let event = accounts.event(EventKind::LinkUsed, user.id).detail("link", KIND);
        record(connection, event, now)?;
        let changed = accounts.event(EventKind::EmailChanged, user.id);
        let changed = match accounts.add_restore_link(connection, &user, &new, now)? {
            Some(restore) => changed.detail("undo_link", restore.to_string()),
            None => changed,
        };
        record(connection, changed, now)?;
        Ok(Ok(()))
    }

    /// Changes the address of a user without a proof, and tells the former one, if mail is set up. No link puts the former
    /// one back any longer: the operator knows who asks. For the same reason, a link that is mailed to the new one may remove
    /// passkeys at once. A password that was set before by a mail to an address which was new may not.
    pub async fn set_email(&self, email: &Email, new: &Email) -> Result<(), SetEmailError> {
        let (email, new, accounts) = (email.clone(), new.clone(), self.clone());
        let change = move |connection: &mut DbConnection| {
            let now = accounts.clock.now();
            let Some(user) = lock_user_with(connection, &email)? else { return Ok(Err(SetEmailError::NoUser)) };
            if Self::change_email_within(connection, &user, new.as_str(), now)?.is_err() {
                return Ok(Err(SetEmailError::Taken));
            }
            queries::void_restores_since(connection, user.id, Timestamp::from_micros(0), now)?;
            record(connection, accounts.event(EventKind::EmailChanged, user.id), now)?;
            let facts = NoticeFacts {
                by_administrator: true,
                new_email: Some(new.as_str().to_owned()),
                ..accounts.facts_of_change(now)
            };
            accounts.mail_change(connection, &user, None, facts, now)?;
            Ok(Ok(()))
        };
        self.db.transaction(change).await?
    }
}

/// Finds the user with this address, and locks their row. `None` if there is no such user, or another address was given to
/// them while this waited for the lock.
fn lock_user_with(connection: &mut DbConnection, email: &Email) -> Result<Option<User>> {
    let Some(found) = queries::find(connection, email)? else { return Ok(None) };
    let id = Account::from(found).user.id;
    queries::lock_row(connection, id)?;
    let user = queries::find(connection, email)?.map(|found| Account::from(found).user);
    Ok(user.filter(|user| user.id == id))
}

/// Whether a session was ended by other means than its own sign-out or its age: what it has asked for must not be made then.
fn was_taken_out(connection: &mut DbConnection, user: UserId, session: SessionId) -> Result<bool> {
    let record = Sessions::find_own_within(connection, user, session)?;
    let reason = record.and_then(|record| record.end_reason).and_then(|word| EndReason::parse(&word));
    let is_own = |reason: &EndReason| {
        matches!(
            reason,
            EndReason::SignedOut | EndReason::IdleTimeout | EndReason::AbsoluteTimeout | EndReason::Replaced
        )
    };
    Ok(reason.is_some_and(|reason| !is_own(&reason)))
}

/// Whether a link is good; its user and the new address.
fn check(link: StoredLink, now: Timestamp) -> Result<(User, String), AddressLinkProblem> {
    match (link.state.problem(now), link.address) {
        (None, Some(new)) => Ok((link.user, new)),
        (Some(LinkProblem::Used), _) => Err(used(&link.state, now)),
        _ => Err(AddressLinkProblem::Expired),
    }
}

/// The answer for a link that was used. A form that is sent twice gets the answer of the first one.
pub(super) fn used(state: &LinkState, now: Timestamp) -> AddressLinkProblem {
    let just_now = state.used_at.is_some_and(|at| is_in_window(now, at));
    AddressLinkProblem::Used { just_now }
}
