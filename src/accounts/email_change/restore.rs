//! Puts the former address of an account back, by the link that was mailed to it.
//!
//! The one who has changed the address has proved the password shortly before. So it is removed as well: all sessions end, and
//! the reader of the link goes on to choose another one.

use super::{AddressLink, AddressLinkProblem, AddressTaken, confirm::used};
use crate::{
    accounts::{
        AccountLink, Accounts,
        links::{LinkKind, NewLink},
        queries::{self, LinkRequester, StoredLink},
        removed_passkey::remove_passkey_within,
    },
    clock::Timestamp,
    db::{DbConnection, SessionId, UserId},
    error::Result,
    events::{EventKind, record},
    mail::{LinkState, LinkToken, MailKind},
    sessions::{EndReason, FirstBatch, FirstBatchMode, User, with_first_batch},
};

const KIND: &str = MailKind::EmailChanged.as_str();

impl Accounts {
    /// The link with this token that puts an address back, if it is good. It outlives a new password: the person who has
    /// changed the address may have set it.
    pub(super) async fn find_restore(&self, token: &str) -> Result<Result<AddressLink, AddressLinkProblem>> {
        let Some(token) = LinkToken::parse(token) else { return Ok(Err(AddressLinkProblem::Expired)) };
        let (id, now) = (token.id(), self.clock.now());
        let found = self.db.read(move |connection| queries::find_link(connection, id, KIND)).await?;
        let found = found.filter(|link| self.is_token_of(&token, &link.token_hash));
        let found = found.ok_or(AddressLinkProblem::Expired).and_then(|link| check(link, now));
        Ok(found.map(|(_, former)| AddressLink::Restore { former }))
    }

    /// Puts the address of a link back, ends all sessions of its account, and removes the password, in one transaction; a
    /// first batch of the sessions, if there are many. Links that have been made since are void. Returns a link that sets a
    /// new password.
    ///
    /// A form that is sent twice gets another link of that kind.
    pub(crate) async fn restore_email(&self, token: &str) -> Result<Result<AccountLink, AddressLinkProblem>> {
        match self.find_restore(token).await? {
            Ok(_) | Err(AddressLinkProblem::Used { just_now: true }) => {}
            Err(problem) => return Ok(Err(problem)),
        }
        let Some(token) = LinkToken::parse(token) else { return Ok(Err(AddressLinkProblem::Expired)) };
        let restore = |mode| {
            let (accounts, token) = (self.clone(), token.clone());
            self.db.transaction(move |connection| accounts.restore_within(connection, &token, mode))
        };
        match with_first_batch(restore).await? {
            Ok((link, first_batch)) => {
                if let Some(first_batch) = first_batch {
                    self.sessions.end_rest(first_batch).await?;
                }
                Ok(Ok(link))
            }
            Err(problem) => Ok(Err(problem)),
        }
    }

    fn restore_within(
        &self,
        connection: &mut DbConnection,
        token: &LinkToken,
        mode: FirstBatchMode,
    ) -> Result<Result<(AccountLink, Option<FirstBatch>), AddressLinkProblem>> {
        let (id, now) = (token.id(), self.clock.now());
        let find = |connection: &mut DbConnection| queries::find_link(connection, id, KIND);
        let Some(user) = find(connection)?.map(|link| link.user) else { return Ok(Err(AddressLinkProblem::Expired)) };
        // Locks the user's row: of two links, only one is good.
        let Some(stored) = queries::lock_password(connection, user.id)? else {
            return Ok(Err(AddressLinkProblem::Expired));
        };
        let Some(link) = find(connection)? else { return Ok(Err(AddressLinkProblem::Expired)) };
        let (made_at, asked_in) = (link.state.created_at, link.session);
        let (user, former) = match check(link, now) {
            Ok(found) => found,
            Err(AddressLinkProblem::Used { just_now: true }) => {
                let link = self.add_reset(connection, &user, stored.changed_at, now)?;
                return Ok(Ok((link, None)));
            }
            Err(problem) => return Ok(Err(problem)),
        };
        if let Err(AddressTaken) = Self::change_email_within(connection, &user, &former, now)? {
            return Ok(Err(AddressLinkProblem::Taken));
        }
        queries::use_link(connection, id, now)?;
        queries::void_restores_since(connection, user.id, made_at, now)?;
        let changed_at = self.remove_password_within(connection, user.id, now)?;
        queries::forget_account(connection, user.id)?;
        queries::forget_browsers_of(connection, user.id)?;
        record(connection, self.event(EventKind::LinkUsed, user.id).detail("link", KIND), now)?;
        let restored = self.event(EventKind::EmailRestored, user.id).detail("password_removed", true);
        let restored = restored.detail("undo_link", id.to_string());
        record(connection, restored, now)?;
        self.mail_change(connection, &user, None, self.facts_of_change(now), now)?;
        self.remove_passkeys_since(connection, user.id, made_at, asked_in, now)?;
        let ended = self.sessions.first_batch_within(connection, user.id, EndReason::Revoked, mode)?;
        let user = User { email: former, ..user };
        Ok(Ok((self.add_reset(connection, &user, changed_at, now)?, Some(ended))))
    }

    /// Removes the passkeys that were added since the change that is undone, or in the session that has asked for it: they
    /// would let in while the account has no password.
    fn remove_passkeys_since(
        &self,
        connection: &mut DbConnection,
        user: UserId,
        since: Timestamp,
        asked_in: Option<SessionId>,
        now: Timestamp,
    ) -> Result<()> {
        for passkey in queries::passkeys_of(connection, user)? {
            if passkey.created_at < since && Some(passkey.session) != asked_in {
                continue;
            }
            remove_passkey_within(connection, &passkey, (&self.source, None), now)?;
        }
        Ok(())
    }

    /// A link for a new password, which the answer leads to. Its reader has just proved to read the mails of the address.
    fn add_reset(
        &self,
        connection: &mut DbConnection,
        user: &User,
        password_changed_at: Timestamp,
        now: Timestamp,
    ) -> Result<AccountLink> {
        let requester = Some(LinkRequester::FormerAddress);
        let link = NewLink { kind: LinkKind::Reset, user, password_changed_at, requester };
        self.add_link_without_mail(connection, &link, now)
    }
}

/// Whether a link is good; its user and the former address.
fn check(link: StoredLink, now: Timestamp) -> Result<(User, String), AddressLinkProblem> {
    match (link.state, link.address) {
        (state @ LinkState { used_at: Some(_), .. }, _) => Err(used(&state, now)),
        (LinkState { is_disabled: true, .. } | LinkState { voided_at: Some(_), .. }, _) => {
            Err(AddressLinkProblem::Expired)
        }
        (LinkState { expires_at, .. }, Some(former)) if expires_at > now => Ok((link.user, former)),
        _ => Err(AddressLinkProblem::Expired),
    }
}
