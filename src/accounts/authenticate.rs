//! Authenticate: is it them?

use std::{net::IpAddr, time::Duration};

use super::{
    Accounts,
    model::{Authenticated, Email},
    passwords::{Password, Verdict},
    queries,
};
use crate::{db::UserId, error::Result};

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is them.
    Accepted(Authenticated),
    /// It is not, or they don't exist, or are disabled: nobody outside learns which.
    Rejected,
    /// Too many failures: not even looked at.
    Throttled {
        /// How long until it will be.
        retry_after: Duration,
    },
}

impl Accounts {
    /// Checks an e-mail address and a password that a client sent. Costs exactly one hash whether the user is unknown, disabled
    /// or the password wrong (ASVS 6.3.8), and none when throttled.
    ///
    /// # Errors
    /// [`Error::Busy`](crate::error::Error::Busy) if too many passwords wait to be checked.
    pub async fn authenticate(&self, email: &str, password: Password, client: Option<IpAddr>) -> Result<Outcome> {
        // Something that is no address belongs to nobody, and is treated like any unknown one.
        let email: Email = email.parse().unwrap_or_else(|_| Email::nobody());
        let now = self.clock.now();
        if let Some(retry_after) = self.throttle.wait(&email, client, now) {
            return Ok(Outcome::Throttled { retry_after });
        }
        let wanted = email.clone();
        let found = self.db.read(move |connection| queries::find(connection, &wanted)).await?;
        let stored = found.as_ref().and_then(|user| user.password_hash.clone());
        let turn = self.passwords.turn().await?;
        // Others that came at the same moment have failed meanwhile: asked once only, all of them would have passed.
        if let Some(retry_after) = self.throttle.wait(&email, client, now) {
            return Ok(Outcome::Throttled { retry_after });
        }
        let verdict = turn.verify(password.clone(), stored.clone()).await?;
        match found.filter(|user| verdict != Verdict::Wrong && user.disabled_at.is_none()) {
            None => {
                self.throttle.failed(&email, client, now);
                Ok(Outcome::Rejected)
            }
            Some(user) => {
                self.throttle.succeeded(&email, client);
                drop(turn);
                if let (Verdict::RightButOutdated, Some(old)) = (verdict, stored) {
                    self.rehash(user.id, old, password).await;
                }
                let password_changed_at = user.password_changed_at.into();
                Ok(Outcome::Accepted(Authenticated { user: user.into(), password_changed_at }))
            }
        }
    }

    /// Stores the password at today's cost. The sign-in does not depend on it: if it fails, the next one tries again.
    async fn rehash(&self, id: UserId, old: String, password: Password) {
        let rehashed = async {
            let new = self.passwords.hash(password).await?;
            self.db.transaction(move |connection| queries::rehash(connection, id, &old, &new)).await
        };
        if let Err(error) = rehashed.await {
            tracing::warn!(user_id = %id, error = error.chain(), "the password was not rehashed");
        }
    }
}
