//! Visitors create accounts themselves, if the operator allows it.
//!
//! A visitor gives an address only, which gets a link. There is no account before the link is used, and nothing that the
//! visitor has chosen: whoever reads the mails of the address chooses name and password. So a stranger who registers the
//! address of another person has prepared nothing.

use std::time::Duration;

use super::{
    Accounts,
    authenticate::{AuthenticationResult, SignInClient},
    email::Email,
    links::InvalidLink,
    mail_requests::{MailRequest, RequestAnswer, address_is_over_limit},
    model::{Account, AuthenticatedUser, Password, Role},
    queries::{self, NewRegistration, NewRow, Registration},
    users::{CreateUserError, check_names, names},
};
use crate::{
    clock::Timestamp,
    db::{DbConnection, LinkId, UserId, settings},
    error::{Error, Result},
    events::{EventKind, record},
    mail::{LinkToken, MailKind, NewMail, NoticeFacts},
    sessions::{User, WayIn, is_in_window},
    words::Language,
};

/// How long the link of a registration is good.
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// What the reader of the link chooses.
#[derive(Debug, Clone)]
pub(crate) struct NewAccount {
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub password: Password,
}

/// Why no account was created by a link.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegisterError {
    /// The link is not good.
    #[error("the link is not good: {0:?}")]
    Invalid(InvalidLink),
    /// A name or the password was not accepted, the address has an account by now, or the database failed.
    #[error(transparent)]
    Account(#[from] CreateUserError),
}

impl From<Error> for RegisterError {
    fn from(error: Error) -> Self {
        Self::Account(error.into())
    }
}

impl Accounts {
    /// Mails a link to an address, with which its reader creates an account; or, if it has one, a mail that says so. No
    /// limit of an address is told.
    ///
    /// # Errors
    /// [`Error::Busy`] if too many requests wait.
    pub(crate) async fn request_registration(&self, email: Email, request: MailRequest) -> Result<RequestAnswer> {
        // Not under a browser that has signed in before, as at `/forgot`: accounts that were registered would raise the limit.
        if let Some(retry_after) = self.admit_request(&[], &request.client).await? {
            return Ok(RequestAnswer::TooMany { retry_after });
        }
        let accounts = self.clone();
        let is_queued = self.requests.push(async move {
            accounts.finish_request(|| accounts.mail_registration(email.clone(), request.language)).await;
        });
        if is_queued { Ok(RequestAnswer::Accepted) } else { Err(Error::Busy { retry_after: Duration::from_secs(5) }) }
    }

    async fn mail_registration(&self, email: Email, language: Language) -> Result<()> {
        let accounts = self.clone();
        let add = move |connection: &mut DbConnection| {
            let now = accounts.clock.now();
            // Counted whatever the address is: its count must not tell which ones have an account.
            let has_room = accounts.admit_registration(connection, now)?;
            if address_is_over_limit(connection, &email, now)? {
                return Ok(());
            }
            let (kind, user, link) = match queries::find(connection, &email)? {
                Some(found) if found.disabled_at.is_some() => return Ok(()),
                Some(found) => (MailKind::AccountExists, Some(Account::from(found).user.id), None),
                None if !has_room => return Ok(()),
                None => (MailKind::Registration, None, Some(accounts.add_registration(connection, &email, now)?)),
            };
            let (address, facts) = (email.as_str().to_owned(), NoticeFacts::default());
            let mail = NewMail { kind, user, address, language, link, facts };
            accounts.outbox.add(connection, &mail, now).map(drop)
        };
        self.db.transaction(add).await
    }

    fn add_registration(&self, connection: &mut DbConnection, email: &Email, now: Timestamp) -> Result<LinkId> {
        let (id, token) = self.new_token()?;
        let new = NewRegistration {
            id,
            address: email.as_str().to_owned(),
            token_hash: token.hash(),
            created_at: now,
            expires_at: now + LIFETIME,
        };
        queries::insert_registration(connection, &new)?;
        Ok(id)
    }

    /// The address of a registration's link, if it is good. Uses nothing up.
    pub(crate) async fn find_registration(&self, token: &str) -> Result<Result<Email, InvalidLink>> {
        let Some(token) = LinkToken::parse(token) else { return Ok(Err(InvalidLink::Expired)) };
        let (id, now) = (token.id(), self.clock.now());
        let found = self.db.read(move |connection| queries::find_registration(connection, id)).await?;
        let found = found.filter(|found| self.is_token_of(&token, &found.token_hash));
        Ok(found.ok_or(InvalidLink::Expired).and_then(|found| check(&found, now)))
    }

    /// Creates the account of a registration, whose address the link has proved. Other links of the address are void then.
    /// Of several requests, one succeeds.
    pub(crate) async fn register(&self, token: &str, new: NewAccount) -> Result<AuthenticatedUser, RegisterError> {
        let email = self.find_registration(token).await?.map_err(RegisterError::Invalid)?;
        let Some(token) = LinkToken::parse(token) else { return Err(RegisterError::Invalid(InvalidLink::Expired)) };
        let NewAccount { first_name, last_name, password } = new;
        check_names([&None, &first_name, &last_name])?;
        let hash = self.hash_new_password(password, &email, names([&first_name, &last_name, &None])).await?;
        let user = User {
            id: UserId::random(),
            email: email.as_str().to_owned(),
            user_name: None,
            first_name,
            last_name,
            role: Role::User.as_str().to_owned(),
        };
        let accounts = self.clone();
        let create = move |connection: &mut DbConnection| {
            let now = accounts.clock.now();
            // One at a time: of several links, only one is good.
            queries::lock_table(connection)?;
            let Some(found) = queries::find_registration(connection, token.id())? else {
                return Ok(Err(RegisterError::Invalid(InvalidLink::Expired)));
            };
            if let Err(problem) = check(&found, now) {
                return Ok(Err(RegisterError::Invalid(problem)));
            }
            if queries::find(connection, &email)?.is_some() {
                return Ok(Err(CreateUserError::EmailTaken.into()));
            }
            let row = NewRow { user: user.clone(), password_hash: Some(hash.clone()), created_at: now, now };
            queries::insert(connection, &row)?;
            queries::use_registration(connection, token.id(), email.as_str(), now)?;
            settings::record_set_up(connection, now)?;
            let event = accounts.event(EventKind::AccountCreated, user.id).detail("role", Role::User.as_str());
            record(connection, event.detail("registered", true), now)?;
            Ok(Ok((user.clone(), now)))
        };
        let (user, password_changed_at) = self.db.transaction(create).await??;
        self.stored_costs.invalidate();
        let second_factor = self.second_factor_of_new(&user);
        Ok(AuthenticatedUser {
            user,
            password_changed_at,
            must_change_password: false,
            has_breached_password: false,
            way_in: WayIn::Registration(None),
            second_factor,
            passkey: None,
        })
    }

    /// Checks the password of an account that a link has created just before `arrived`: its form may have been sent twice.
    pub(crate) async fn authenticate_registered(
        &self,
        token: &str,
        password: Password,
        client: SignInClient,
        arrived: Timestamp,
    ) -> Result<Option<AuthenticatedUser>> {
        let Some(token) = LinkToken::parse(token) else { return Ok(None) };
        let id = token.id();
        let found = self.db.read(move |connection| queries::find_registration(connection, id)).await?;
        let was_used_now = |found: &Registration| found.used_at.is_some_and(|at| is_in_window(arrived, at));
        let Some(found) = found.filter(|found| token.has_hash(&found.token_hash) && was_used_now(found)) else {
            return Ok(None);
        };
        match self.authenticate_on(&found.address, password, client).await? {
            AuthenticationResult::Accepted(user) => {
                Ok(Some(AuthenticatedUser { way_in: WayIn::Registration(None), ..user }))
            }
            _ => Ok(None),
        }
    }
}

/// Whether a link is good; its address.
fn check(found: &Registration, now: Timestamp) -> Result<Email, InvalidLink> {
    match found {
        Registration { used_at: Some(_), .. } => Err(InvalidLink::Used),
        Registration { voided_at: Some(_), .. } => Err(InvalidLink::Expired),
        Registration { expires_at, .. } if *expires_at <= now => Err(InvalidLink::Expired),
        Registration { address, .. } => address.parse().map_err(|_| InvalidLink::Expired),
    }
}
