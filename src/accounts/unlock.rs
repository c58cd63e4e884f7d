//! Forgets the failed sign-ins of an account.

use std::collections::HashSet;

use super::{
    Accounts,
    email::Email,
    failure_keys::FailureKey,
    failures::MAX_FAILURES_IN_A_ROW,
    model::Account,
    queries::{self, AccountFailures},
};
use crate::{
    db::UserId,
    error::Result,
    events::{EventKind, NewEvent, record},
};

/// The failed sign-ins of an account that were forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct ForgottenFailures {
    /// Failures in a row on browsers that had not signed in to the account before.
    pub by_unknown_browsers: u32,
    /// Failures in a row on browsers that had.
    pub by_known_browsers: u32,
    /// Whether unknown browsers had used up their attempts.
    pub was_locked: bool,
}

impl Accounts {
    /// Forgets the failed sign-ins of a user, so that every browser may try again at once. Returns what was forgotten;
    /// `None` if the user does not exist.
    pub async fn unlock(&self, email: &Email) -> Result<Option<ForgottenFailures>> {
        let (email, now, accounts) = (email.clone(), self.clock.now(), self.clone());
        self.db
            .transaction(move |connection| {
                let Some(Account { user, .. }) = queries::find(connection, &email)?.map(Account::from) else {
                    return Ok(None);
                };
                let forgotten = queries::forget_account(connection, user.id)?;
                // Not by a new password, which would let a person who can set one guess codes for ever.
                queries::forget_code_failures(connection, user.id)?;
                record(connection, accounts.unlock_event(user.id, forgotten), now)?;
                Ok(Some(ForgottenFailures {
                    by_unknown_browsers: forgotten.by_strangers,
                    by_known_browsers: forgotten.by_known_browsers,
                    was_locked: forgotten.by_strangers >= MAX_FAILURES_IN_A_ROW,
                }))
            })
            .await
    }

    /// The event of failed sign-ins that were forgotten.
    pub(super) fn unlock_event(&self, user: UserId, forgotten: AccountFailures) -> NewEvent {
        let failures = forgotten.by_strangers + forgotten.by_known_browsers;
        self.event(EventKind::AccountUnlocked, user).detail("failures", failures)
    }

    /// Lists the users among these to whose accounts only known browsers may sign in.
    pub async fn locked_among<'a>(&self, accounts: &'a [Account]) -> Result<Vec<&'a Account>> {
        let find = |connection: &mut _| queries::accounts_with_failures(connection, MAX_FAILURES_IN_A_ROW);
        let locked: HashSet<String> = self.db.read(find).await?.into_iter().collect();
        let is_locked = |account: &&Account| locked.contains(FailureKey::account(account.user.id).as_str());
        Ok(accounts.iter().filter(is_locked).collect())
    }
}
