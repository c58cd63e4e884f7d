//! The link in a notice. It ends sessions, and lets no one in: who reads a user's mails can sign the user out with it, and
//! no more.

use crate::{
    accounts::{Accounts, queries},
    clock::Timestamp,
    db::{DbConnection, LinkId, SessionId, UserId},
    error::Result,
    events::{EventKind, record},
    mail::{self, LinkProblem, LinkToken, MailKind, NoticeFacts},
    sessions::{EndReason, FirstBatch, FirstBatchMode, with_first_batch},
};

/// The word for such links in the column `kind`.
pub(super) const LINK_KIND: &str = queries::KIND_OF_NOTICES;

/// What the link of a notice ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoticeScope {
    /// The session that the notice tells of.
    Session(SessionId),
    /// All sessions of the account.
    Account,
}

/// A notice whose link was opened.
#[derive(Debug, Clone)]
pub(crate) struct Notice {
    id: LinkId,
    user: UserId,
    pub scope: NoticeScope,
    /// What the mail has said.
    pub kind: MailKind,
    pub facts: NoticeFacts,
    /// When the link was used.
    pub used_at: Option<Timestamp>,
}

impl Accounts {
    /// The notice that has this token, if its link has not expired. A new password does not make it void: the person of
    /// whom it tells may have set it.
    pub(crate) async fn find_notice(&self, token: &str) -> Result<Option<Notice>> {
        let Some(token) = LinkToken::parse(token) else { return Ok(None) };
        let (id, now) = (token.id(), self.clock.now());
        let find = move |connection: &mut DbConnection| {
            let Some(link) = queries::find_link(connection, id, LINK_KIND)? else { return Ok(None) };
            let Some((kind, facts)) = mail::find_notice(connection, id)? else { return Ok(None) };
            let session = queries::session_of_link(connection, id)?;
            Ok(Some((link, kind, facts, session)))
        };
        let Some((link, kind, facts, session)) = self.db.read(find).await? else { return Ok(None) };
        let is_known = token.has_hash(&link.token_hash) && self.link_tokens.find(id, &link.token_hash).is_some();
        // Disabling the account makes it void, also for an account that is enabled again.
        let is_void = link.state.used_at.is_none() && link.state.voided_at.is_some();
        let is_over = is_void || link.state.expires_at <= now || link.state.problem(now) == Some(LinkProblem::Disabled);
        if !is_known || is_over {
            return Ok(None);
        }
        let scope = session.map_or(NoticeScope::Account, NoticeScope::Session);
        Ok(Some(Notice { id, user: link.user.id, scope, kind, facts, used_at: link.state.used_at }))
    }

    /// Ends what the notice tells of, and the trust in the account's browsers, in the transaction that uses the link up; of
    /// many sessions, a first batch. A link that was used ends nothing that has started since, but
    /// what an interrupted end of all has left.
    pub(crate) async fn end_by_notice(&self, notice: &Notice) -> Result<()> {
        if let Some(used_at) = notice.used_at {
            return match notice.scope {
                NoticeScope::Session(_) => Ok(()),
                NoticeScope::Account => {
                    self.sessions.end_all_again(notice.user, EndReason::Revoked, used_at).await.map(drop)
                }
            };
        }
        let end = |mode| {
            let (accounts, notice) = (self.clone(), notice.clone());
            self.db.transaction(move |connection| accounts.end_by_notice_within(connection, &notice, mode))
        };
        match with_first_batch(end).await? {
            Some(first_batch) => self.sessions.end_rest(first_batch).await.map(drop),
            None => Ok(()),
        }
    }

    /// Returns the first batch of the sessions, if the notice tells of the account. The link is used up before anything
    /// ends: of two requests with one link, one does its work.
    fn end_by_notice_within(
        &self,
        connection: &mut DbConnection,
        &Notice { id, user, scope, .. }: &Notice,
        mode: FirstBatchMode,
    ) -> Result<Option<FirstBatch>> {
        queries::lock_row(connection, user)?;
        let now = self.clock.now();
        if !queries::use_link(connection, id, now)? {
            return Ok(None);
        }
        record(connection, self.event(EventKind::LinkUsed, user).detail("link", LINK_KIND), now)?;
        queries::end_trust(connection, user, None)?;
        match scope {
            NoticeScope::Session(session) => self.end_reported_session(connection, user, session).map(|()| None),
            NoticeScope::Account => {
                self.sessions.first_batch_within(connection, user, EndReason::Revoked, mode).map(Some)
            }
        }
    }
}
