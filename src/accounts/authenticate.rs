//! Authenticate: is it them?

use std::{net::IpAddr, sync::Arc, time::Duration};

use super::{
    Accounts,
    model::{Authenticated, Email},
    passwords::{Password, Turn, Verdict},
    queries,
};
use crate::{db::UserId, error::Result};

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthenticationResult {
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

/// What came of a turn.
enum Checked {
    Throttled {
        retry_after: Duration,
    },
    Rejected,
    /// With the password at today's cost, if it was hashed at another.
    Accepted {
        rehashed: Option<Result<String>>,
    },
}

impl Accounts {
    /// Checks an e-mail address and a password that a client sent. Costs exactly one hash whether the user is unknown, disabled
    /// or the password wrong (ASVS 6.3.8), and none when throttled.
    ///
    /// # Errors
    /// [`Error::Busy`](crate::error::Error::Busy) if too many passwords wait to be checked.
    pub async fn authenticate(
        &self,
        email: &str,
        password: Password,
        client: Option<IpAddr>,
    ) -> Result<AuthenticationResult> {
        // Something that is no address belongs to nobody, and is treated like any unknown one.
        let email: Email = email.parse().unwrap_or_else(|_| Email::nobody());
        let now = self.clock.now();
        if let Some(retry_after) = self.throttle.wait(&email, client, now) {
            return Ok(AuthenticationResult::Throttled { retry_after });
        }
        // In a storm, whom to refuse is decided before the database is asked.
        self.passwords.expect_turn(client)?;
        let found = self.lookups.find(email.clone()).await?;
        let stored = found.as_ref().and_then(|user| user.password_hash.clone());
        let may_sign_in = found.as_ref().is_some_and(|user| user.disabled_at.is_none());
        let (throttle, old) = (Arc::clone(&self.throttle), stored.clone());
        let work = move |turn: &mut Turn<'_>| {
            // Others that came at the same moment have failed meanwhile: asked once only, all of them would have passed.
            if let Some(retry_after) = throttle.wait(&email, client, now) {
                return Ok(Checked::Throttled { retry_after });
            }
            let verdict = turn.verify(&password, stored.as_deref())?;
            if verdict == Verdict::Wrong || !may_sign_in {
                throttle.failed(&email, client, now);
                return Ok(Checked::Rejected);
            }
            throttle.succeeded(&email, client);
            let rehashed = (verdict == Verdict::RightButOutdated).then(|| turn.hash(&password));
            Ok(Checked::Accepted { rehashed })
        };
        Ok(match (self.passwords.in_turn(client, work).await?, found) {
            (Checked::Throttled { retry_after }, _) => AuthenticationResult::Throttled { retry_after },
            (Checked::Accepted { rehashed }, Some(user)) => {
                if let (Some(old), Some(new)) = (old, rehashed) {
                    self.rehash(user.id, old, new).await;
                }
                let password_changed_at = user.password_changed_at.into();
                AuthenticationResult::Accepted(Authenticated { user: user.into(), password_changed_at })
            }
            (Checked::Rejected | Checked::Accepted { .. }, _) => AuthenticationResult::Rejected,
        })
    }

    /// Stores the password at today's cost. The sign-in does not depend on it: if it fails, the next one tries again.
    async fn rehash(&self, id: UserId, old: String, new: Result<String>) {
        let rehashed = async {
            let new = new?;
            self.db.transaction(move |connection| queries::rehash(connection, id, &old, &new)).await
        };
        if let Err(error) = rehashed.await {
            tracing::warn!(user_id = %id, error = error.chain(), "the password was not rehashed");
        }
    }
}
