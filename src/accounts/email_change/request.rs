//! Asks for another address. The answer is the same whether or not another account has it.

use std::time::Duration;

use super::{CHANGE_LIFETIME, new_row};
use crate::{
    accounts::{
        Accounts,
        browser_id::{BrowserId, BrowserIdHash},
        email::Email,
        mail_requests::{MailRequest, address_is_over_limit, wait_for_link},
        model::Account,
        own_password::{lock_user_of, lock_user_who_adds},
        queries::{self, NewLinkRow},
    },
    clock::Timestamp,
    db::{DbConnection, LinkId, UserId},
    error::{Error, Result},
    events::{EventKind, record},
    mail::{MailKind, NewMail, NoticeFacts},
    sessions::PresentedSession,
    words::Language,
};

/// What has come of asking for another address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChangeAnswer {
    Accepted,
    /// The account has this address already.
    Same,
    /// The account, or the browser or network, has asked for too many mails.
    TooMany {
        retry_after: Duration,
    },
}

/// An address that was asked for and not proved yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PendingEmail {
    pub address: String,
    pub asked_at: Timestamp,
}

impl Accounts {
    /// Asks for another address in a session. It gets a link, unless another account has it: then its owner gets a mail that
    /// says so. Of several requests, the last one counts.
    ///
    /// Nothing that is done before the answer depends on whether another account has the address.
    ///
    /// # Errors
    /// [`Error::SessionEnded`] if the session has ended, [`Error::Busy`] if too many requests wait.
    pub(crate) async fn request_email_change(
        &self,
        session: &PresentedSession,
        new: Email,
        request: MailRequest,
    ) -> Result<ChangeAnswer> {
        let browsers: Vec<BrowserIdHash> = request.client.browsers.iter().map(BrowserId::hash).collect();
        if let Some(retry_after) = self.admit_request(&browsers, &request.client).await? {
            return Ok(ChangeAnswer::TooMany { retry_after });
        }
        let accounts = self.on_behalf_of(session.source());
        let (presented, address) = (session.clone(), new.clone());
        let add = move |connection: &mut DbConnection| accounts.add_change(connection, &presented, &address);
        let link = match self.db.transaction(add).await? {
            Ok(link) => link,
            Err(answer) => return Ok(answer),
        };
        let (accounts, user) = (self.clone(), session.user);
        let is_queued = self.requests.push(async move {
            accounts.finish_request(|| accounts.mail_change_link(user, link, new.clone(), request.language)).await;
        });
        if is_queued { Ok(ChangeAnswer::Accepted) } else { Err(Error::Busy { retry_after: Duration::from_secs(5) }) }
    }

    fn add_change(
        &self,
        connection: &mut DbConnection,
        session: &PresentedSession,
        new: &Email,
    ) -> Result<Result<LinkId, ChangeAnswer>> {
        const KIND: MailKind = MailKind::EmailChange;
        lock_user_who_adds(connection, session)?;
        let account = queries::find_by_id(connection, session.user)?.ok_or(Error::SessionEnded)?;
        let (password_changed_at, now) = (account.password_changed_at.into(), self.clock.now());
        if Account::from(account).user.email.parse().is_ok_and(|current: Email| current == *new) {
            return Ok(Err(ChangeAnswer::Same));
        }
        if let Some(retry_after) = wait_for_link(connection, session.user, KIND, now)? {
            return Ok(Err(ChangeAnswer::TooMany { retry_after }));
        }
        queries::void_links(connection, session.user, &[KIND.as_str()], now)?;
        let (id, token) = self.new_token()?;
        let row = NewLinkRow {
            password_changed_at,
            session: Some(session.id),
            address: Some(new.as_str().to_owned()),
            ..new_row(KIND, session.user, (id, &token), now, CHANGE_LIFETIME)
        };
        queries::insert_link(connection, &row)?;
        let event = self.event(EventKind::LinkCreated, session.user).session(session.id);
        record(connection, event.detail("link", KIND.as_str()), now)?;
        Ok(Ok(id))
    }

    /// Makes the link void that changes the address of a session's user. Returns whether there was one that was good.
    ///
    /// # Errors
    /// [`Error::SessionEnded`] if the session has ended.
    pub(crate) async fn cancel_email_change(&self, session: &PresentedSession) -> Result<bool> {
        const KIND: &str = MailKind::EmailChange.as_str();
        let (accounts, session) = (self.on_behalf_of(session.source()), session.clone());
        let cancel = move |connection: &mut DbConnection| {
            lock_user_of(connection, &session)?;
            let now = accounts.clock.now();
            if queries::pending_change(connection, session.user, now)?.is_none() {
                return Ok(false);
            }
            queries::void_links(connection, session.user, &[KIND], now)?;
            let event = accounts.event(EventKind::LinkCancelled, session.user).session(session.id);
            record(connection, event.detail("link", KIND), now)?;
            Ok(true)
        };
        self.db.transaction(cancel).await
    }

    /// Queues the mail with the link, or the one to the account that has the address.
    async fn mail_change_link(&self, user: UserId, link: LinkId, new: Email, language: Language) -> Result<()> {
        let accounts = self.clone();
        let add = move |connection: &mut DbConnection| {
            let now = accounts.clock.now();
            if address_is_over_limit(connection, &new, now)? {
                return Ok(());
            }
            let owner = queries::find(connection, &new)?;
            let (kind, user, link) = match owner {
                Some(owner) if owner.disabled_at.is_some() => return Ok(()),
                Some(owner) => (MailKind::AddressTaken, Account::from(owner).user.id, None),
                None => (MailKind::EmailChange, user, Some(link)),
            };
            let (address, facts) = (new.as_str().to_owned(), NoticeFacts::default());
            let mail = NewMail { kind, user: Some(user), address, language, link, facts };
            accounts.outbox.add(connection, &mail, now).map(drop)
        };
        self.db.transaction(add).await
    }

    /// The address that a user has asked for and not proved yet.
    pub(crate) async fn pending_email(&self, user: UserId) -> Result<Option<PendingEmail>> {
        let now = self.clock.now();
        let found = self.db.read(move |connection| queries::pending_change(connection, user, now)).await?;
        Ok(found.map(|link| PendingEmail { address: link.address, asked_at: link.created_at }))
    }
}
