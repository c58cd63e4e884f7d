//! Checks an email address and a password.

use std::{net::IpAddr, sync::Arc, time::Duration};

use super::{
    Accounts,
    client_network::ClientNetwork,
    email::Email,
    model::{AuthenticatedUser, Password},
    passwords::{Hasher, Verification},
    queries,
};
use crate::{db::UserId, error::Result};

/// The result of a sign-in attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthenticationResult {
    /// The password is right.
    Accepted(AuthenticatedUser),
    /// The user is unknown or disabled, or the password is wrong (not distinguished).
    Rejected,
    /// The password was not checked, because too many attempts have failed.
    Throttled {
        /// How long the client must wait before it may try again.
        retry_after: Duration,
    },
}

/// The part of the result that the hashing thread determines.
enum PasswordCheck {
    Throttled {
        retry_after: Duration,
    },
    Rejected,
    /// `new_hash` is the password's new hash, if the stored one has another cost than the configured one.
    Accepted {
        new_hash: Option<Result<String>>,
    },
}

impl Accounts {
    /// Checks an email address and a password that a client sent. Costs exactly one hash whether the user is unknown or
    /// disabled or the password wrong (ASVS 6.3.8), and none when throttled.
    ///
    /// # Errors
    /// [`Error::Busy`](crate::error::Error::Busy) if too many passwords wait to be checked.
    pub async fn authenticate(
        &self,
        email: &str,
        password: Password,
        client_ip: Option<IpAddr>,
    ) -> Result<AuthenticationResult> {
        // A text that is not an address is treated like an unknown address.
        let email: Email = email.parse().unwrap_or_else(|_| Email::unmatchable());
        let (network, now) = (client_ip.map(ClientNetwork::from), self.clock.now());
        if let Some(retry_after) = self.throttle.retry_after(&email, network, now) {
            return Ok(AuthenticationResult::Throttled { retry_after });
        }
        // Under overload, reject before touching the database.
        self.passwords.check_capacity(network)?;
        let found = self.users_by_email.find(email.clone()).await?;
        let stored = found.as_ref().and_then(|user| user.password_hash.clone());
        let may_sign_in = found.as_ref().is_some_and(|user| user.disabled_at.is_none());
        let (throttle, old_hash) = (Arc::clone(&self.throttle), stored.clone());
        let check = move |hasher: &mut Hasher<'_>| {
            // Concurrent attempts may have failed while this one was queued, so the throttle is checked again.
            if let Some(retry_after) = throttle.retry_after(&email, network, now) {
                return Ok(PasswordCheck::Throttled { retry_after });
            }
            let verification = hasher.verify(&password, stored.as_deref())?;
            if verification == Verification::Failed || !may_sign_in {
                throttle.record_failure(&email, network, now);
                return Ok(PasswordCheck::Rejected);
            }
            throttle.record_success(&email, network);
            let new_hash = (verification == Verification::PassedOutdated).then(|| hasher.hash(&password));
            Ok(PasswordCheck::Accepted { new_hash })
        };
        Ok(match (self.passwords.run(network, check).await?, found) {
            (PasswordCheck::Throttled { retry_after }, _) => AuthenticationResult::Throttled { retry_after },
            (PasswordCheck::Accepted { new_hash }, Some(row)) => {
                let password_changed_at = row.password_changed_at.into();
                let authenticated = AuthenticatedUser { user: row.user.into(), password_changed_at };
                if let (Some(old), Some(new)) = (old_hash, new_hash) {
                    self.store_new_hash(authenticated.user.id, old, new).await;
                }
                AuthenticationResult::Accepted(authenticated)
            }
            (PasswordCheck::Rejected | PasswordCheck::Accepted { .. }, _) => AuthenticationResult::Rejected,
        })
    }

    /// Replaces the stored hash by the new one. A failure is only logged: the next sign-in tries again.
    async fn store_new_hash(&self, id: UserId, old: String, new: Result<String>) {
        let stored = async {
            let new = new?;
            self.db.transaction(move |connection| queries::rehash(connection, id, &old, &new)).await
        };
        if let Err(error) = stored.await {
            tracing::warn!(
                user_id = %id,
                error = error.chain(),
                "could not store the new password hash; the next sign-in tries again"
            );
        }
    }
}
