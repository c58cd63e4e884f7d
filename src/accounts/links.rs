//! Links with which a user sets a password: after a reset that was asked for, or after an invitation.
//!
//! A link is good once, for a limited time, and only as long as the account has the password that it had when the link was
//! made. So a new password makes all earlier links void, and nothing has to be written for that.

use std::{collections::HashSet, time::Duration};

use super::{
    Accounts,
    authenticate::{AuthenticationResult, SignInClient},
    codes::SecondFactorState,
    email::Email,
    model::{Account, AuthenticatedUser, InvitedUser, Password},
    queries::{self, LinkRequester, NewLinkRow, NewRow, StoredLink},
    users::{CreateUserError, check_names, names},
};
use crate::{
    clock::Timestamp,
    db::{DbConnection, LinkId, PasskeyId, UserId, settings},
    error::{Error, Result},
    events::{EventKind, record},
    mail::{self, LinkProblem, LinkToken, ListedMail, MailKind, NewMail, NoticeFacts},
    sessions::{EndReason, User, WayIn, is_in_window, with_first_batch},
    words::Language,
};

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkKind {
    /// A new password in place of one that was forgotten.
    Reset,
    /// The first password of an account that an operator has created.
    Invitation,
}

impl LinkKind {
    /// The word in the table.
    pub const fn as_str(self) -> &'static str {
        self.mail().as_str()
    }

    /// How long such a link is good.
    pub const fn lifetime(self) -> Duration {
        match self {
            Self::Reset => Duration::from_secs(60 * 60),
            Self::Invitation => Duration::from_secs(7 * 24 * 60 * 60),
        }
    }

    const fn way_in(self) -> WayIn {
        match self {
            Self::Reset => WayIn::Reset(None),
            Self::Invitation => WayIn::Invitation(None),
        }
    }

    const fn mail(self) -> MailKind {
        match self {
            Self::Reset => MailKind::Reset,
            Self::Invitation => MailKind::Invitation,
        }
    }
}

/// A new link. `Debug` hides its token.
#[derive(Debug, Clone)]
pub struct AccountLink {
    kind: LinkKind,
    token: LinkToken,
    /// Until when it is good.
    pub expires_at: Timestamp,
    /// Whether a mail with it waits to be sent.
    pub is_mailed: bool,
}

impl AccountLink {
    /// The path and the query of its URL.
    pub fn path(&self) -> String {
        self.kind.mail().path_with(&self.token)
    }
}

/// A link to be made.
pub(super) struct NewLink<'a> {
    pub kind: LinkKind,
    pub user: &'a User,
    /// When the password was set that the account has.
    pub password_changed_at: Timestamp,
    /// Who has asked for it; `None` if an operator makes it.
    pub requester: Option<LinkRequester>,
}

/// Why a link is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InvalidLink {
    /// It was used.
    Used,
    /// Its time is over, the account has another password since, or there never was such a link.
    Expired,
}

/// Why no password was set by a link.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UseLinkError {
    /// The link is not good.
    #[error("the link is not good: {0:?}")]
    Invalid(InvalidLink),
    /// The password was not accepted, or the database failed.
    #[error(transparent)]
    Password(#[from] CreateUserError),
}

impl From<Error> for UseLinkError {
    fn from(error: Error) -> Self {
        Self::Password(error.into())
    }
}

impl Accounts {
    /// Creates a user without a password, and a link with which they set one. If mail is set up, it is mailed in `language`.
    /// A user who was invited before and has no password yet gets another link, and the role and the names that are given.
    pub async fn invite(&self, user: InvitedUser, language: Option<Language>) -> Result<AccountLink, CreateUserError> {
        check_names([&user.user_name, &user.first_name, &user.last_name])?;
        let accounts = self.clone();
        let invited = self.db.transaction(move |connection| {
            let now = accounts.clock.now();
            queries::lock_table(connection)?;
            let (invited, password_changed_at) = match queries::find(connection, &user.email)? {
                Some(found) if found.disabled_at.is_some() => return Ok(Err(CreateUserError::Disabled)),
                Some(found) if found.password_hash.is_some() => return Ok(Err(CreateUserError::EmailTaken)),
                Some(found) => {
                    let password_changed_at = found.password_changed_at.into();
                    (accounts.invite_again(connection, found.into(), &user, now)?, password_changed_at)
                }
                None => (accounts.insert_invited(connection, &user, now)?, now),
            };
            let link = NewLink { kind: LinkKind::Invitation, user: &invited, password_changed_at, requester: None };
            let link = accounts.add_link(connection, &link, language, now)?;
            Ok(Ok((invited.id, link)))
        });
        let (user, link) = invited.await??;
        self.sessions.finish_role_change(user).await?;
        Ok(link)
    }

    fn insert_invited(&self, connection: &mut DbConnection, invited: &InvitedUser, now: Timestamp) -> Result<User> {
        let InvitedUser { email, user_name, first_name, last_name, role } = invited.clone();
        let role = role.unwrap_or_default();
        let user = User {
            id: UserId::random(),
            email: email.as_str().to_owned(),
            user_name,
            first_name,
            last_name,
            role: role.as_str().to_owned(),
        };
        let created = self.event(EventKind::AccountCreated, user.id).detail("role", role.as_str());
        queries::insert(connection, &NewRow { user: user.clone(), password_hash: None, created_at: now, now })?;
        settings::record_set_up(connection, now)?;
        record(connection, created.detail("invited", true), now)?;
        Ok(user)
    }

    /// Changes what another invitation says otherwise than the first one.
    fn invite_again(
        &self,
        connection: &mut DbConnection,
        found: Account,
        invited: &InvitedUser,
        now: Timestamp,
    ) -> Result<User> {
        let InvitedUser { user_name, first_name, last_name, role, .. } = invited.clone();
        if let Some(role) = role.filter(|role| role.as_str() != found.user.role) {
            self.set_role_within(connection, &found.user, role, now)?;
        }
        let user = User {
            user_name: user_name.or(found.user.user_name),
            first_name: first_name.or(found.user.first_name),
            last_name: last_name.or(found.user.last_name),
            role: role.map_or(found.user.role, |role| role.as_str().to_owned()),
            ..found.user
        };
        queries::set_names(connection, &user, now)?;
        Ok(user)
    }

    /// Makes a link with which a user sets a new password. If mail is set up, it is mailed in `language`, or
    /// in the user's. `None` if there is no such user, or the account is disabled.
    pub async fn create_reset_link(&self, email: &Email, language: Option<Language>) -> Result<Option<AccountLink>> {
        let (email, accounts) = (email.clone(), self.clone());
        self.db
            .transaction(move |connection| {
                let now = accounts.clock.now();
                let found = queries::find(connection, &email)?.filter(|found| found.disabled_at.is_none());
                let Some(found) = found else { return Ok(None) };
                let password_changed_at = found.password_changed_at.into();
                let Account { user, .. } = found.into();
                let link = NewLink { kind: LinkKind::Reset, user: &user, password_changed_at, requester: None };
                accounts.add_link(connection, &link, language, now).map(Some)
            })
            .await
    }

    /// The latest mails, the newest first.
    pub(crate) async fn mails(&self, only_given_up: bool) -> Result<Vec<ListedMail>> {
        mail::list(&self.db, only_given_up).await
    }

    /// The number of mails that have waited for so long, and when the oldest of them was added.
    pub(crate) async fn overdue_mails(&self, waiting_for: Duration) -> Result<Option<(i64, Timestamp)>> {
        mail::overdue(&self.db, self.clock.now() - waiting_for).await
    }

    /// Makes a link in the caller's transaction, and mails it, if mail is set up.
    pub(super) fn add_link(
        &self,
        connection: &mut DbConnection,
        new: &NewLink<'_>,
        language: Option<Language>,
        now: Timestamp,
    ) -> Result<AccountLink> {
        let link = self.add_link_without_mail(connection, new, now)?;
        let language = match language.filter(|asked| self.outbox.offers(*asked)) {
            Some(asked) => Some(asked),
            None => self.mail_language(connection, new.user.id, now)?,
        };
        if let Some(language) = language {
            let mail = NewMail {
                kind: new.kind.mail(),
                user: Some(new.user.id),
                address: new.user.email.clone(),
                language,
                link: Some(link.token.id()),
                facts: NoticeFacts::default(),
            };
            self.outbox.add(connection, &mail, now)?;
        }
        Ok(AccountLink { is_mailed: language.is_some(), ..link })
    }

    /// Makes a link in the caller's transaction that its user gets in another way.
    pub(super) fn add_link_without_mail(
        &self,
        connection: &mut DbConnection,
        &NewLink { kind, user, password_changed_at, ref requester }: &NewLink<'_>,
        now: Timestamp,
    ) -> Result<AccountLink> {
        let (id, token) = self.new_token()?;
        let expires_at = now + kind.lifetime();
        let row = NewLinkRow {
            id,
            kind: kind.as_str(),
            user: user.id,
            token_hash: token.hash(),
            created_at: now,
            expires_at,
            password_changed_at,
            session: self.source.session(),
            requester: requester.clone(),
            address: None,
        };
        queries::insert_link(connection, &row)?;
        record(connection, self.event(EventKind::LinkCreated, user.id).detail("link", kind.as_str()), now)?;
        Ok(AccountLink { kind, token, expires_at, is_mailed: false })
    }

    /// The id of a new link, and its token.
    pub(super) fn new_token(&self) -> Result<(LinkId, LinkToken)> {
        let id = LinkId::random();
        let token = self
            .link_tokens
            .token(id)
            .ok_or_else(|| Error::Invalid("links need secrets: make them by the accounts of `Keyrack`".to_owned()))?;
        Ok((id, token))
    }

    /// The user whose link this is, if it is good. Uses nothing up: the scanners of mail servers open links, too.
    pub(crate) async fn find_link(&self, kind: LinkKind, token: &str) -> Result<Result<User, InvalidLink>> {
        let Some(token) = LinkToken::parse(token) else { return Ok(Err(InvalidLink::Expired)) };
        let now = self.clock.now();
        let id = token.id();
        let found = self.db.read(move |connection| queries::find_link(connection, id, kind.as_str()));
        let found = found.await?.filter(|link| self.is_token_of(&token, &link.token_hash));
        Ok(found.ok_or(InvalidLink::Expired).and_then(|link| check(link, now)))
    }

    /// Whether a link with this hash has this token. The same answer for an id that exists and one that doesn't. A token of
    /// a secret that was replaced because it leaked must not be good any longer.
    pub(super) fn is_token_of(&self, token: &LinkToken, hash: &str) -> bool {
        token.has_hash(hash) && self.link_tokens.find(token.id(), hash).is_some()
    }

    /// Checks the password of the user whose link was used just before `arrived`, when a form arrived. Returns `None` if that
    /// was earlier, or the password is not accepted. The form that used it may have been sent twice.
    pub(crate) async fn authenticate_after_link(
        &self,
        kind: LinkKind,
        token: &str,
        password: Password,
        client: SignInClient,
        arrived: Timestamp,
    ) -> Result<Option<AuthenticatedUser>> {
        let Some(token) = LinkToken::parse(token) else { return Ok(None) };
        let id = token.id();
        let found = self.db.read(move |connection| queries::find_link(connection, id, kind.as_str())).await?;
        let was_used_now = |link: &StoredLink| link.state.used_at.is_some_and(|at| is_in_window(arrived, at));
        let Some(link) = found.filter(|link| token.has_hash(&link.token_hash) && was_used_now(link)) else {
            return Ok(None);
        };
        match self.authenticate_on(link.user.email.as_str(), password, client).await? {
            AuthenticationResult::Accepted(user) => Ok(Some(AuthenticatedUser { way_in: kind.way_in(), ..user })),
            _ => Ok(None),
        }
    }

    /// Sets the password of the link's user, uses the link up, and ends all sessions of the account, in one transaction; a
    /// first batch of them, if there are many. All are ended when this returns. Of several requests with one link, one
    /// succeeds. Of the account's passkeys, only those of `kept` stay, see `passkeys/at_reset.rs`.
    pub(crate) async fn use_link(
        &self,
        kind: LinkKind,
        token: &str,
        password: Password,
        kept: &HashSet<PasskeyId>,
    ) -> Result<AuthenticatedUser, UseLinkError> {
        let user = self.find_link(kind, token).await?.map_err(UseLinkError::Invalid)?;
        let Some(token) = LinkToken::parse(token) else { return Err(UseLinkError::Invalid(InvalidLink::Expired)) };
        let email = user.email.parse().unwrap_or_else(|_| Email::unmatchable());
        let own_names = names([&user.user_name, &user.first_name, &user.last_name]);
        let hash = self.hash_new_password(password, &email, own_names).await?;
        let set = |mode| {
            let (hash, id, user, accounts, kept) = (hash.clone(), token.id(), user.id, self.clone(), kept.clone());
            self.db.transaction(move |connection| {
                let now = accounts.clock.now();
                // Before the link is read: of two links, only one is good, and none that is made void meanwhile.
                if queries::lock_password(connection, user)?.is_none() {
                    return Ok(Err(InvalidLink::Expired));
                }
                let Some(link) = queries::find_link(connection, id, kind.as_str())? else {
                    return Ok(Err(InvalidLink::Expired));
                };
                let mut event = accounts.event(EventKind::LinkUsed, link.user.id).detail("link", kind.as_str());
                if link.is_requested {
                    event = event.detail("requested", true);
                }
                let user = match check(link, now) {
                    Ok(user) => user,
                    Err(problem) => return Ok(Err(problem)),
                };
                if !queries::use_link(connection, id, now)? {
                    return Ok(Err(InvalidLink::Used));
                }
                let now = queries::set_password(connection, user.id, &hash, now)?;
                queries::forget_account(connection, user.id)?;
                // Another person may have signed in on some of them.
                queries::forget_browsers_of(connection, user.id)?;
                record(connection, event, now)?;
                record(connection, accounts.event(EventKind::PasswordChanged, user.id), now)?;
                accounts.remove_passkeys_but(connection, &user, &kept, now)?;
                let reason = EndReason::PasswordChanged;
                let ended = accounts.sessions.first_batch_within(connection, user.id, reason, mode)?;
                let second_factor = match queries::find_factor(connection, user.id)? {
                    Some(_) => SecondFactorState::CodeDue,
                    None => accounts.second_factor_of_new(&user),
                };
                Ok(Ok((user, second_factor, now, ended)))
            })
        };
        let (user, second_factor, password_changed_at, first_batch) =
            with_first_batch(set).await?.map_err(UseLinkError::Invalid)?;
        self.stored_costs.invalidate();
        self.sessions.end_rest(first_batch).await?;
        Ok(AuthenticatedUser {
            user,
            password_changed_at,
            must_change_password: false,
            has_breached_password: false,
            way_in: kind.way_in(),
            second_factor,
            passkey: None,
        })
    }
}

/// Whether a link is good.
fn check(link: StoredLink, now: Timestamp) -> Result<User, InvalidLink> {
    match link.state.problem(now) {
        None => Ok(link.user),
        Some(LinkProblem::Used) => Err(InvalidLink::Used),
        Some(LinkProblem::Void | LinkProblem::Disabled | LinkProblem::Expired) => Err(InvalidLink::Expired),
    }
}
