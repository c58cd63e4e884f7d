//! The link in a notice. It ends sessions, and lets no one in: who reads a user's mails can sign the user out with it, and
//! no more.

use crate::{
    accounts::{Accounts, queries},
    db::{DbConnection, LinkId, SessionId, UserId},
    error::Result,
    events::{EventKind, record},
    mail::{self, LinkProblem, LinkToken, MailKind, NoticeFacts},
    sessions::EndReason,
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
    /// Whether the link was used.
    pub is_used: bool,
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
        Ok(Some(Notice { id, user: link.user.id, scope, kind, facts, is_used: link.state.used_at.is_some() }))
    }

    /// Ends what the notice tells of, and the trust in the account's browsers. A link that was used does nothing again: the
    /// owner has signed in since.
    pub(crate) async fn end_by_notice(&self, notice: &Notice) -> Result<()> {
        if notice.is_used {
            return Ok(());
        }
        match notice.scope {
            NoticeScope::Session(session) => drop(self.end_reported_session(notice.user, session).await?),
            NoticeScope::Account => drop(self.sessions.end_all_of(notice.user, EndReason::Revoked).await?),
        }
        let (id, user, now) = (notice.id, notice.user, self.clock.now());
        let event = self.event(EventKind::LinkUsed, user).detail("link", LINK_KIND);
        let use_up = move |connection: &mut DbConnection| {
            queries::end_trust(connection, user, None)?;
            if queries::use_link(connection, id, now)? {
                record(connection, event.clone(), now)?;
            }
            Ok(())
        };
        self.db.transaction(use_up).await
    }
}
