//! Notices: mails that tell the owner of an account what happened to it, each with a link that ends it.
//!
//! Security events say what happened, whichever program did it, in the transaction in which it happened. One instance at a
//! time reads them and queues the mails, so that no sign-in waits for a mail, and none is lost.
//!
//! | module | contents |
//! |---|---|
//! | `cause` | which events are told, and what of them |
//! | `link` | the link in a notice: finds it, and ends sessions by it |

mod cause;
mod link;

use std::time::Duration;

use super::{
    Accounts,
    model::Account,
    queries::{self, NewLinkRow},
};
use crate::{
    clock::Timestamp,
    db::{DbConnection, LinkId, UserId},
    error::{Error, Result},
    events::SharedReader,
    mail::{self, Change, MailKind, NewMail, NoticeFacts},
};

pub(crate) use link::{Notice, NoticeScope};

use cause::NewNotice;

/// How long a notice waits for its cause to be read at most, while the database can be reached.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Events that are read at a time.
const BATCH_ROWS: i64 = 200;

/// What is older is not told: mail has been set up since, or no server ran.
const MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// How long the link of a notice is good.
const LINK_LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Notices of one group for an account within a day. Who has its password could fill its owner's mailbox otherwise. Each
/// group has its own limit, so that many of one that matters less don't keep back one that matters more.
const MAX_PER_DAY: usize = 10;

/// Notices that share a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct NoticeGroup {
    kind: MailKind,
    is_about_recovery_codes: bool,
}

impl NoticeGroup {
    fn of(kind: MailKind, facts: &NoticeFacts) -> Self {
        Self { kind, is_about_recovery_codes: facts.change.is_some_and(Change::is_about_recovery_codes) }
    }
}

impl Accounts {
    /// Queues notices for as long as it is polled; returns at once if no mail server is set up.
    pub(crate) async fn queue_notices_regularly(self) {
        let mut is_failing = false;
        while self.outbox.language().is_some() {
            match self.queue_notices().await {
                Ok(_) => is_failing = false,
                Err(error) if !std::mem::replace(&mut is_failing, true) => {
                    tracing::warn!(error = error.chain(), "could not read the security events; notices come later");
                }
                Err(_) => {}
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Queues the notices of what has happened since the last call on any instance. Returns how many.
    pub async fn queue_notices(&self) -> Result<usize> {
        let has_news = self.db.read(|connection| SharedReader::NOTICES.has_news(connection));
        if self.outbox.language().is_none() || !has_news.await? {
            return Ok(0);
        }
        let mut queued = 0;
        loop {
            let accounts = self.clone();
            let (count, has_more) = self.db.transaction(move |connection| accounts.queue_batch(connection)).await?;
            queued += count;
            if !has_more {
                return Ok(queued);
            }
        }
    }

    /// Returns how many notices were queued, and whether there may be more events.
    fn queue_batch(&self, connection: &mut DbConnection) -> Result<(usize, bool)> {
        let now = self.clock.now();
        let events = SharedReader::NOTICES.take(connection, BATCH_ROWS)?;
        let mut queued = 0;
        for event in &events {
            let is_recent = event.at.is_some_and(|at| now.since(at) < MAX_AGE);
            let Some(user) = event.user_id.filter(|_| is_recent) else { continue };
            if let Some(notice) = cause::notice_of(connection, user, event, &events, now)? {
                queued += usize::from(self.queue_notice(connection, (user, event.at.unwrap_or(now)), notice, now)?);
            }
        }
        Ok((queued, i64::try_from(events.len()).is_ok_and(|count| count == BATCH_ROWS)))
    }

    /// Queues a notice of what happened then, to the address that the account had: the person of whom it tells may have
    /// changed it since. Returns false if the account no longer exists or is disabled, or has had many notices today.
    fn queue_notice(
        &self,
        connection: &mut DbConnection,
        (user, at): (UserId, Timestamp),
        notice: NewNotice,
        now: Timestamp,
    ) -> Result<bool> {
        let Some(account) = queries::find_by_id(connection, user)?.filter(|found| found.disabled_at.is_none()) else {
            return Ok(false);
        };
        let sent = mail::notices_since(connection, user, now - cause::DAY)?;
        let group = NoticeGroup::of(notice.kind, &notice.facts);
        if sent.iter().filter(|(kind, facts)| NoticeGroup::of(*kind, facts) == group).count() >= MAX_PER_DAY {
            return Ok(false);
        }
        let Some(language) = self.mail_language(connection, user, now)? else { return Ok(false) };
        let id = LinkId::random();
        let token = self.link_tokens.token(id).ok_or_else(|| Error::internal("links need secrets"))?;
        let password_changed_at = account.password_changed_at.into();
        let Account { user: owner, .. } = account.into();
        let row = NewLinkRow {
            id,
            kind: link::LINK_KIND,
            user,
            token_hash: token.hash(),
            created_at: now,
            expires_at: now + LINK_LIFETIME,
            password_changed_at,
            session: notice.ends,
            requester: None,
            address: None,
        };
        queries::insert_link(connection, &row)?;
        let NewNotice { kind, facts, .. } = notice;
        let address = queries::address_at(connection, user, at)?.unwrap_or(owner.email);
        let mail = NewMail { kind, user: Some(user), address, language, link: Some(id), facts };
        self.outbox.add(connection, &mail, now)?;
        Ok(true)
    }
}
