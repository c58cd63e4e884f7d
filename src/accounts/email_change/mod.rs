//! Changes the address of an account: its user asks, the new address proves itself by a link, and the former one gets a link
//! that takes the change back.
//!
//! | module | contents |
//! |---|---|
//! | `request` | asking for it |
//! | `confirm` | the link that was mailed to the new address, and the command of an operator |
//! | `restore` | the link that was mailed to the former address |
//!
//! All changes of an address are made by the functions of this file.

mod confirm;
mod request;
mod restore;

use std::time::Duration;

use super::{
    Accounts,
    email::Email,
    model::Account,
    queries::{self, NewLinkRow},
};
use crate::{
    clock::Timestamp,
    db::{DbConnection, LinkId, UserId, in_savepoint},
    error::{Error, Result},
    mail::{LinkToken, MailKind, NewMail, NoticeFacts},
    sessions::User,
};

pub use confirm::SetEmailError;
pub(crate) use request::{ChangeAnswer, PendingEmail};

/// How long the link to a new address is good.
const CHANGE_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a change can be taken back by the link to the former address.
pub(super) const RESTORE_LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A link of a mail that changes an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AddressLink {
    /// It replaces the address of an account.
    Change { current: String, new: String },
    /// It puts the former address of an account back.
    Restore { former: String },
}

/// Why such a link is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AddressLinkProblem {
    /// It was used. `just_now`: by a form that was sent twice.
    Used { just_now: bool },
    /// Its time is over, it was made void, or there never was such a link.
    Expired,
    /// Another account has the address.
    Taken,
}

/// Another account has the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AddressTaken;

impl Accounts {
    /// The link that has this token, if it is good. Uses nothing up.
    pub(crate) async fn find_address_link(&self, token: &str) -> Result<Result<AddressLink, AddressLinkProblem>> {
        match self.find_change(token).await? {
            Err(AddressLinkProblem::Expired) => self.find_restore(token).await,
            found => Ok(found),
        }
    }

    /// Gives a user another address, in the caller's transaction, which has locked the user's row. Links that have been
    /// mailed to the former one are void from then on, but for those of notices, and those that put an address back.
    pub(super) fn change_email_within(
        connection: &mut DbConnection,
        user: &User,
        new: &str,
        now: Timestamp,
    ) -> Result<Result<(), AddressTaken>> {
        if is_taken(connection, user.id, new)? {
            return Ok(Err(AddressTaken));
        }
        // Another transaction may add the same address at this moment: then the unique index refuses one of the two.
        let changed = in_savepoint(connection, |connection| queries::set_email(connection, user, new, now))?;
        if let Err(error) = changed {
            return if is_taken(connection, user.id, new)? { Ok(Err(AddressTaken)) } else { Err(error) };
        }
        queries::void_links(connection, user.id, &queries::KINDS_OF_USE, now)?;
        Ok(Ok(()))
    }

    /// Tells the former address of a user of the change to `new`, with a link that takes it back. Returns the link.
    ///
    /// A change back to an address that an earlier link would restore does the same as that link: what has been mailed since
    /// then is void, and the address that is left gets no link. It may be a thief's, and the owner the one who changes it back.
    fn add_restore_link(
        &self,
        connection: &mut DbConnection,
        user: &User,
        new: &str,
        now: Timestamp,
    ) -> Result<Option<LinkId>> {
        let mut facts = self.facts_of_change(now);
        let address: Email = new.parse().map_err(Error::internal)?;
        if let Some(made_at) = queries::restore_made_at(connection, user.id, &address, now)? {
            queries::void_restores_since(connection, user.id, made_at, now)?;
            self.mail_change(connection, user, None, facts, now)?;
            return Ok(None);
        }
        let account = queries::find_by_id(connection, user.id)?.ok_or_else(|| Error::internal("the user is gone"))?;
        // Later than the former one, whatever the clocks say: the first link of several changes takes all of them back.
        let since = now - RESTORE_LIFETIME;
        let former = queries::link_times(connection, user.id, MailKind::EmailChanged.as_str(), since)?;
        let now = former.first().map_or(now, |former| now.max(*former + queries::SMALLEST_STEP));
        let password_changed_at = account.password_changed_at.into();
        facts.new_email = Some(Account::from(account).user.email);
        let (id, token) = self.new_token()?;
        let row = NewLinkRow {
            password_changed_at,
            session: self.source.session(),
            address: Some(user.email.clone()),
            ..new_row(MailKind::EmailChanged, user.id, (id, &token), now, RESTORE_LIFETIME)
        };
        queries::insert_link(connection, &row)?;
        self.mail_change(connection, user, Some(id), facts, now)?;
        Ok(Some(id))
    }

    /// Mails to the former address of a user that it was changed.
    fn mail_change(
        &self,
        connection: &mut DbConnection,
        user: &User,
        link: Option<LinkId>,
        facts: NoticeFacts,
        now: Timestamp,
    ) -> Result<()> {
        let Some(language) = self.mail_language(connection, user.id, now)? else { return Ok(()) };
        let (kind, user, address) = (MailKind::EmailChanged, Some(user.id), user.email.clone());
        let mail = NewMail { kind, user, address, language, link, facts };
        self.outbox.add(connection, &mail, now).map(drop)
    }

    /// What a mail tells of a change that is made now.
    fn facts_of_change(&self, now: Timestamp) -> NoticeFacts {
        let address = self.source.ip_address().map(|address| address.to_string());
        NoticeFacts { at: Some(now.as_micros()), address, ..NoticeFacts::default() }
    }
}

/// Whether another account has this address, in any spelling.
pub(super) fn is_taken(connection: &mut DbConnection, user: UserId, address: &str) -> Result<bool> {
    let Ok(email) = address.parse::<Email>() else { return Ok(false) };
    Ok(queries::find(connection, &email)?.is_some_and(|found| Account::from(found).user.id != user))
}

/// A link that is asked for without a session, until it says otherwise.
fn new_row(
    kind: MailKind,
    user: UserId,
    (id, token): (LinkId, &LinkToken),
    now: Timestamp,
    lifetime: Duration,
) -> NewLinkRow {
    NewLinkRow {
        id,
        kind: kind.as_str(),
        user,
        token_hash: token.hash(),
        created_at: now,
        expires_at: now + lifetime,
        password_changed_at: now,
        session: None,
        requester: None,
        address: None,
    }
}
