//! Creates, finds, lists, disables and enables users, and sets their passwords.

use std::collections::HashMap;

use super::{
    Accounts,
    breached_passwords::UnusableBreachFile,
    email::Email,
    model::{Account, AuthenticatedUser, NewUser, Password, PasswordUse, Role},
    name::{InvalidName, check_name},
    password_policy::PasswordPolicyError,
    queries::{self, NewRow},
};
use crate::{
    clock::Timestamp,
    db::{DbConnection, UserId, after_commit, settings},
    error::{Error, Result},
    events::{EventKind, NewEvent, record},
    sessions::{EndReason, FirstBatchMode, Sessions, User, WayIn, with_first_batch},
    text::into_printable,
};

/// Checks a user name, a first name and a last name.
pub(super) fn check_names(names: [&Option<String>; 3]) -> Result<(), CreateUserError> {
    for (field, name) in ["user name", "first name", "last name"].into_iter().zip(names) {
        let invalid = |problem| CreateUserError::Name(field, problem);
        check_name(name.as_deref().unwrap_or_default()).map_err(invalid)?;
    }
    Ok(())
}

/// Says in an event if the password is good for one sign-in.
fn with_password_use(event: NewEvent, password_use: PasswordUse) -> NewEvent {
    if password_use == PasswordUse::OneTime { event.detail("one_time", true) } else { event }
}

pub(super) fn names(names: [&Option<String>; 3]) -> impl Iterator<Item = &str> {
    names.into_iter().flatten().map(String::as_str)
}

/// Why a user was not created, or a password not set. The message is for the person who tried.
#[derive(Debug, thiserror::Error)]
pub enum CreateUserError {
    /// Another user has this address.
    #[error("A user with this email address already exists.")]
    EmailTaken,
    /// The user with this address is disabled.
    #[error("The user with this email address is disabled.")]
    Disabled,
    /// A name is too long, or contains a character that is not shown.
    #[error("The {0} is invalid. {1}")]
    Name(&'static str, InvalidName),
    /// The password violates the policy.
    #[error("{0}")]
    Password(PasswordPolicyError),
    /// The password was not looked up in the list of leaked passwords. The reason is for operators.
    #[error("The password was not checked, since {0}.")]
    Unchecked(UnusableBreachFile),
    /// The first account was created meanwhile, by another person or in another tab.
    #[error("The first account already exists. Sign in with it.")]
    NotFirst,
    /// The database failed, or the server is busy or has a bug.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl Accounts {
    /// Creates a user.
    pub async fn create(&self, user: NewUser) -> Result<UserId, CreateUserError> {
        Ok(self.insert(user, PasswordUse::Lasting, false).await?.user.id)
    }

    /// Creates a user whose password is good for one sign-in, after which they must change it (ASVS 6.4.1).
    pub async fn create_with_one_time_password(&self, user: NewUser) -> Result<UserId, CreateUserError> {
        Ok(self.insert(user, PasswordUse::OneTime, false).await?.user.id)
    }

    /// Creates the first user, as an administrator.
    pub async fn create_first(&self, user: NewUser) -> Result<AuthenticatedUser, CreateUserError> {
        self.insert(NewUser { role: Role::Admin, ..user }, PasswordUse::Lasting, true).await
    }

    async fn insert(
        &self,
        user: NewUser,
        password_use: PasswordUse,
        only_first: bool,
    ) -> Result<AuthenticatedUser, CreateUserError> {
        check_names([&user.user_name, &user.first_name, &user.last_name])?;
        let NewUser { email, user_name, first_name, last_name, role, password } = user;
        let own_names = names([&user_name, &first_name, &last_name]);
        let password_hash = self.hash_new_password(password, &email, own_names).await?;
        let now = self.clock.now();
        let row = NewRow {
            user: User {
                id: UserId::random(),
                email: email.as_str().to_owned(),
                user_name,
                first_name,
                last_name,
                role: role.as_str().to_owned(),
            },
            password_hash: Some(password_hash),
            created_at: now,
            now,
        };
        let must_change_password = password_use == PasswordUse::OneTime;
        let second_factor = self.second_factor_of_new(&row.user);
        let event = self.event(EventKind::AccountCreated, row.user.id).detail("role", role.as_str());
        let event = with_password_use(event, password_use);
        let created = self
            .db
            .transaction(move |connection| {
                queries::lock_table(connection)?;
                if only_first && (settings::is_set_up(connection)? || queries::any(connection)?) {
                    return Ok(Err(CreateUserError::NotFirst));
                }
                if queries::find(connection, &email)?.is_some() {
                    return Ok(Err(CreateUserError::EmailTaken));
                }
                queries::insert(connection, &row)?;
                if must_change_password {
                    queries::mark_one_time(connection, row.user.id, row.now)?;
                }
                settings::record_set_up(connection, row.now)?;
                record(connection, event.clone(), row.now)?;
                Ok(Ok(AuthenticatedUser {
                    user: row.user.clone(),
                    password_changed_at: row.now,
                    must_change_password,
                    has_breached_password: false,
                    way_in: WayIn::Password(None),
                    second_factor: second_factor.clone(),
                    passkey: None,
                }))
            })
            .await?;
        self.stored_costs.invalidate();
        created
    }

    /// Whether any user exists.
    pub async fn any(&self) -> Result<bool> {
        self.db.read(queries::any).await
    }

    /// Whether there has ever been a user. From then on, no link creates an account without a proof, even if all users
    /// were deleted. It is recorded at the latest when this is called, as triggers can't watch a view.
    pub async fn has_been_set_up(&self) -> Result<bool> {
        if self.db.read(settings::is_set_up).await? {
            return Ok(true);
        }
        let any = self.any().await?;
        if any {
            let now = self.clock.now();
            self.db.transaction(move |connection| settings::record_set_up(connection, now)).await?;
        }
        Ok(any)
    }

    /// The user with this address.
    pub async fn find(&self, email: &Email) -> Result<Option<Account>> {
        let email = email.clone();
        self.db.read(move |connection| Ok(queries::find(connection, &email)?.map(Account::from))).await
    }

    /// The addresses of those of these users that exist, cleaned for showing.
    pub(crate) async fn addresses_of(&self, ids: Vec<UserId>) -> Result<HashMap<UserId, String>> {
        let rows = self.db.read(move |connection| queries::addresses_of(connection, &ids)).await?;
        Ok(rows.into_iter().map(|(id, address)| (id, into_printable(address))).collect())
    }

    /// All users, in the order of their addresses.
    pub async fn list(&self) -> Result<Vec<Account>> {
        self.db.read(|connection| Ok(queries::list(connection)?.into_iter().map(Account::from).collect())).await
    }

    /// Disables a user and ends the user's sessions. Returns how many sessions ended; `None` if the user does not
    /// exist. All of them are refused as soon as the user is disabled, also before they have ended.
    ///
    /// # Errors
    /// The user may be disabled, with sessions that have not ended yet. Disabling them again ends the rest.
    pub async fn disable(&self, email: &Email) -> Result<Option<usize>> {
        let now = self.clock.now();
        let disable = |mode| {
            let (email, accounts) = (email.clone(), self.clone());
            self.db.transaction(move |connection| {
                let Some(Account { user, disabled_at, .. }) = queries::find(connection, &email)?.map(Account::from)
                else {
                    return Ok(None);
                };
                if disabled_at.is_none() {
                    queries::set_disabled(connection, user.id, Some(now), now)?;
                    record(connection, accounts.event(EventKind::AccountDisabled, user.id), now)?;
                }
                queries::void_links(connection, user.id, &queries::KINDS_OF_USE, now)?;
                queries::void_links(connection, user.id, &[queries::KIND_OF_NOTICES], now)?;
                let reason = EndReason::AccountDisabled;
                accounts.sessions.first_batch_within(connection, user.id, reason, mode).map(Some)
            })
        };
        match with_first_batch(disable).await? {
            None => Ok(None),
            Some(first_batch) => self.sessions.end_rest(first_batch).await.map(Some),
        }
    }

    /// Lets a disabled user sign in again, and forgets the account's failed sign-ins. Ended sessions stay ended, and one
    /// that was started while the user was disabled ends. Returns whether the user exists.
    pub async fn enable(&self, email: &Email) -> Result<bool> {
        let Some(Account { user, disabled_at, .. }) = self.find(email).await? else { return Ok(false) };
        if disabled_at.is_some() {
            // Some may also be left of an interrupted disabling. There may be many.
            self.sessions.end_all_of(user.id, EndReason::AccountDisabled).await?;
        }
        let (now, sessions) = (self.clock.now(), self.sessions.clone());
        let accounts = self.clone();
        let enable = move |connection: &mut DbConnection| {
            let rest = match disabled_at {
                Some(_) => {
                    let (reason, mode) = (EndReason::AccountDisabled, FirstBatchMode::End);
                    sessions.first_batch_within(connection, user.id, reason, mode)?.rest
                }
                None => None,
            };
            if rest.is_some() {
                // An Express application has started them since. The user stays disabled.
                return Ok(false);
            }
            let forgotten = queries::forget_account(connection, user.id)?;
            let event = match disabled_at {
                Some(_) => {
                    queries::set_disabled(connection, user.id, None, now)?;
                    accounts.event(EventKind::AccountEnabled, user.id)
                }
                None => accounts.unlock_event(user.id, forgotten),
            };
            record(connection, event, now)?;
            Ok(true)
        };
        if !self.db.transaction(enable).await? {
            return Err(Error::internal("hundreds of sessions were started for a disabled user; try again"));
        }
        Ok(true)
    }

    /// Changes what a user may do. Keyrack's requests read the role from `users`, so it holds for them at once. An Express
    /// application reads it from the data of the user's live sessions, which is changed in the same transaction, or in
    /// batches if there are hundreds of sessions; all have it when this returns. Returns whether the user exists.
    ///
    /// # Errors
    /// The role may have changed, with sessions that have the former one in their data. The next purge changes the rest.
    pub async fn set_role(&self, email: &Email, role: Role) -> Result<bool> {
        let Some(Account { user, .. }) = self.find(email).await? else { return Ok(false) };
        // An earlier change that was interrupted: its batches would be taken for this one's.
        self.sessions.finish_role_change(user.id).await?;
        let (email, now, accounts) = (email.clone(), self.clock.now(), self.clone());
        let changed = self.db.transaction(move |connection| {
            let Some(Account { user, .. }) = queries::find(connection, &email)?.map(Account::from) else {
                return Ok(false);
            };
            accounts.set_role_within(connection, &user, role, now)?;
            Ok(true)
        });
        if !changed.await? {
            return Ok(false);
        }
        self.sessions.finish_role_change(user.id).await?;
        Ok(true)
    }

    /// Changes a user's role in the caller's transaction. The caller then finishes the change of the sessions' data.
    pub(super) fn set_role_within(
        &self,
        connection: &mut DbConnection,
        user: &User,
        role: Role,
        now: Timestamp,
    ) -> Result<()> {
        let is_deferred = Sessions::defer_role_change(connection, user.id, &user.role, role.as_str())?;
        queries::set_role(connection, user, role.as_str(), now, is_deferred)?;
        if user.role != role.as_str() {
            let event = self.event(EventKind::RoleChanged, user.id);
            record(connection, event.detail("from", user.role.clone()).detail("to", role.as_str()), now)?;
        }
        Ok(())
    }

    /// Sets a user's password, ends the user's sessions, and forgets the account's failed sign-ins. Returns how many
    /// sessions ended; `None` if the user does not exist.
    ///
    /// # Errors
    /// If the database fails, the password may be set, with sessions that have not ended yet. Setting it again ends the
    /// rest.
    pub async fn set_password(&self, email: &Email, password: Password) -> Result<Option<usize>, CreateUserError> {
        self.replace_password(email, password, PasswordUse::Lasting).await
    }

    /// Does the same with a password that is good for one sign-in, after which the user must change it (ASVS 6.4.1).
    pub async fn set_one_time_password(
        &self,
        email: &Email,
        password: Password,
    ) -> Result<Option<usize>, CreateUserError> {
        self.replace_password(email, password, PasswordUse::OneTime).await
    }

    /// The users whose password is good for one sign-in, and whether it is used up.
    pub async fn one_time_passwords(&self) -> Result<HashMap<UserId, PasswordUse>> {
        Ok(self.db.read(queries::one_time_passwords).await?.into_iter().collect())
    }

    /// Removes the password of a user, in the caller's transaction. Returns when that was, as [`queries::set_password`] does.
    pub(super) fn remove_password_within(
        &self,
        connection: &mut DbConnection,
        user: UserId,
        now: Timestamp,
    ) -> Result<Timestamp> {
        let stored_costs = self.stored_costs.clone();
        after_commit(move || stored_costs.invalidate());
        queries::remove_password(connection, user, now)
    }

    async fn replace_password(
        &self,
        email: &Email,
        password: Password,
        password_use: PasswordUse,
    ) -> Result<Option<usize>, CreateUserError> {
        let Some(Account { user, .. }) = self.find(email).await? else { return Ok(None) };
        let names = names([&user.user_name, &user.first_name, &user.last_name]);
        let hash = self.hash_new_password(password, email, names).await?;
        let event = with_password_use(self.event(EventKind::PasswordChanged, user.id), password_use);
        let set = |mode| {
            let (user, hash, event, accounts) = (user.id, hash.clone(), event.clone(), self.clone());
            self.db.transaction(move |connection| {
                let now = queries::set_password(connection, user, &hash, accounts.clock.now())?;
                if password_use == PasswordUse::OneTime {
                    queries::mark_one_time(connection, user, now)?;
                }
                queries::forget_account(connection, user)?;
                record(connection, event.clone(), now)?;
                accounts.sessions.first_batch_within(connection, user, EndReason::PasswordChanged, mode)
            })
        };
        let first_batch = with_first_batch(set).await?;
        self.stored_costs.invalidate();
        Ok(Some(self.sessions.end_rest(first_batch).await?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        accounts::hash_cost::HashCost,
        clock::Clock,
        db::{Database, DatabaseOptions, migrate},
        sessions::Policy,
    };

    #[test]
    fn removed_password_no_longer_sets_the_cost_of_unknown_accounts() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("keyrack.db").display()).parse().unwrap();
        migrate(&url).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (db, clock) = (Database::open(DatabaseOptions::for_server(url)), Clock::System);
            let sessions = Sessions::new(db.clone(), clock.clone(), Policy::default());
            let accounts = Accounts::new(db.clone(), clock.clone(), sessions, HashCost::minimal());
            let user = NewUser {
                email: "rajat.verma@example.com".parse().unwrap(),
                user_name: None,
                first_name: None,
                last_name: None,
                role: Role::User,
                password: Password::new("four birds under one roof"),
            };
            let user = accounts.create(user).await.unwrap();
            assert!(accounts.stored_costs.pick(7).await.is_some());
            let (removing, now) = (accounts.clone(), clock.now());
            let remove = move |connection: &mut DbConnection| removing.remove_password_within(connection, user, now);
            db.transaction(remove).await.unwrap();
            assert!(accounts.stored_costs.pick(7).await.is_none());
        });
    }
}
