//! Checks an email address and a password.

use std::{net::IpAddr, time::Duration};

use tokio::{runtime::Handle, sync::oneshot};

use super::{
    Accounts,
    browser_id::BrowserId,
    client_network::ClientNetwork,
    email::Email,
    failed_sign_in::FailedSignIn,
    failure_keys::FailureKey,
    hash_threads::HashClient,
    model::{AuthenticatedUser, Password, PasswordUse},
    passwords::{Hasher, Verification},
    queries::{self, SignInRecord},
    throttle::{Admission, Refusal},
};
use crate::{
    clock::Timestamp,
    db::UserId,
    error::{Error, Result},
    events::EventCause,
    sessions::{REPEATED_FORM_WINDOW, WayIn},
};

/// The result of a sign-in attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthenticationResult {
    /// The password is right.
    Accepted(AuthenticatedUser),
    /// The user is unknown or disabled, or the password is wrong (not distinguished).
    Rejected,
    /// The password is right, but it was good for one sign-in, which has taken place. Only who has the password learns
    /// this.
    UsedUp {
        /// Its user.
        user: UserId,
    },
    /// The password was not checked, because too many attempts have failed, or succeeded within a short time.
    Throttled {
        /// How long the client must wait before it may try again.
        retry_after: Duration,
    },
    /// The password was not checked, because so many attempts on this account have failed in a row that only browsers
    /// that have signed in to it before may try.
    StrangersLocked {
        /// When it may be worth another try, although no time ends this.
        retry_after: Duration,
    },
}

/// Where a sign-in comes from.
#[derive(Debug, Clone, Default)]
pub struct SignInClient {
    /// The client's address.
    pub ip_address: Option<IpAddr>,
    /// The ids in the browser's cookie, whose signature was verified.
    pub browsers: Vec<BrowserId>,
}

/// The part of the result that the hashing thread determines.
enum PasswordCheck {
    /// The receiver waits until the failure is counted.
    Rejected(oneshot::Receiver<Result<()>>),
    /// The same for a right password that is used up.
    UsedUp(oneshot::Receiver<Result<()>>),
    /// `new_hash` is the password's new hash, if the stored one is of another program or has another cost
    /// than the configured one.
    Accepted { new_hash: Option<Result<String>>, is_breached: bool },
}

impl Accounts {
    /// Checks an email address and a password that a client sent, on a browser that is not known to any account.
    ///
    /// # Errors
    /// See [`authenticate_on`](Self::authenticate_on).
    pub async fn authenticate(
        &self,
        email: &str,
        password: Password,
        client_ip: Option<IpAddr>,
    ) -> Result<AuthenticationResult> {
        let client = SignInClient { ip_address: client_ip, browsers: Vec::new() };
        self.authenticate_on(email, password, client).await
    }

    /// Checks an email address and a password that a client sent. Costs exactly one hash whether the user is unknown or
    /// disabled or the password wrong (ASVS 6.3.8), and none when throttled.
    ///
    /// Must be called in a Tokio runtime: a failure is counted there even if the client has gone.
    ///
    /// # Errors
    /// [`Error::Busy`] if too many passwords wait to be checked.
    pub async fn authenticate_on(
        &self,
        email: &str,
        password: Password,
        client: SignInClient,
    ) -> Result<AuthenticationResult> {
        let ip_address = client.ip_address;
        let network = ip_address.map(ClientNetwork::from);
        let (email, typed) = normalize(email);
        let browsers: Vec<_> = client.browsers.iter().map(BrowserId::hash).collect();
        if browsers.is_empty() {
            // Under overload, reject before touching the database.
            self.passwords.check_capacity(HashClient::Stranger(network))?;
        }
        let number = self.throttle.number_of(&typed);
        let decoy_scheme = self.stored_costs.pick(number).await;
        let mut attempt = match self.throttle.begin(&typed, browsers, network) {
            Ok(attempt) => attempt,
            Err(refusal) => {
                self.record_refusal(refusal.cause(), None, ip_address);
                return Ok(refusal.into());
            }
        };
        let record = loop {
            let record = self.sign_ins.find(attempt.lookup_key(email.clone())).await?.unwrap_or_default();
            match attempt.admit(&record, self.clock.now()) {
                Admission::Granted => break record,
                Admission::Refused(refusal) => {
                    self.record_refused_sign_in(refusal, &record, number, ip_address);
                    return Ok(refusal.into());
                }
                Admission::CountsOutdated => {}
                // Ends, because fewer earlier attempts are left in each round.
                Admission::Blocked(earlier) => {
                    if let Err(refusal) = attempt.wait_for(earlier).await {
                        self.record_refused_sign_in(refusal, &record, number, ip_address);
                        return Ok(refusal.into());
                    }
                }
            }
        };
        let hash_client = match (&record.account, &record.browser) {
            (Some(account), Some(_)) => HashClient::KnownBrowser(account.user.id),
            _ => HashClient::Stranger(network),
        };
        let stored = record.account.as_ref().and_then(|account| account.password_hash.clone());
        let may_sign_in = record.account.as_ref().is_some_and(|account| !account.is_disabled);
        let is_used_up = record.account.as_ref().is_some_and(|account| account.password_use == PasswordUse::UsedUp);
        let old_hash = stored.clone();
        let failure = FailedSignIn::new(self, attempt, &record, ip_address, number);
        let (runtime, policy) = (Handle::current(), self.password_policy.clone());
        let check = move |hasher: &mut Hasher<'_>| {
            let verification = hasher.verify(&password, stored.as_deref(), decoy_scheme)?;
            let is_right = verification != Verification::Failed && may_sign_in;
            if !is_right || is_used_up {
                let failure = if is_right { failure.of_used_up_password() } else { failure };
                // Counted in a task of its own: a client that closes the connection must not prevent it.
                let (counted, is_counted) = oneshot::channel();
                runtime.spawn(async move { drop(counted.send(failure.count().await)) });
                let check = if is_right { PasswordCheck::UsedUp } else { PasswordCheck::Rejected };
                return Ok(check(is_counted));
            }
            let new_hash = (verification == Verification::PassedOutdated).then(|| hasher.hash(&password));
            Ok(PasswordCheck::Accepted { new_hash, is_breached: policy.is_breached_if_usable(&password) })
        };
        let (new_hash, has_breached_password) = match self.passwords.run(hash_client, check).await? {
            PasswordCheck::Rejected(is_counted) => {
                wait_until_counted(is_counted).await?;
                return Ok(AuthenticationResult::Rejected);
            }
            PasswordCheck::UsedUp(is_counted) => {
                wait_until_counted(is_counted).await?;
                let used_up = record.account.map(|account| AuthenticationResult::UsedUp { user: account.user.id });
                return Ok(used_up.unwrap_or(AuthenticationResult::Rejected));
            }
            PasswordCheck::Accepted { new_hash, is_breached } => (new_hash, is_breached),
        };
        let Some(account) = &record.account else { return Ok(AuthenticationResult::Rejected) };
        // After the password was checked: a wrong one must not tell whether the account exists and is in use.
        if let Err(retry_after) = self.pacer.take((account.user.id, record.browser.clone()), self.clock.now()) {
            self.record_refusal(EventCause::Pace, Some(account.user.id), ip_address);
            return Ok(AuthenticationResult::Throttled { retry_after });
        }
        self.forget_failures_after_success(&record).await;
        let second_factor = self.second_factor_after_password(&record, self.clock.now());
        let Some(account) = record.account else { return Ok(AuthenticationResult::Rejected) };
        if let (Some(old), Some(new)) = (old_hash, new_hash) {
            self.store_new_hash(account.user.id, old, new).await;
        }
        let must_change_password = account.password_use != PasswordUse::Lasting;
        let (user, password_changed_at) = (account.user, account.password_changed_at);
        let way_in = WayIn::Password(second_factor.passed());
        let user = AuthenticatedUser {
            user,
            password_changed_at,
            must_change_password,
            has_breached_password,
            way_in,
            second_factor,
            passkey: None,
        };
        Ok(AuthenticationResult::Accepted(user))
    }

    /// Checks the password of an account that was created just before `arrived`, when a form arrived. Returns `None` if the
    /// account is older, or the password is not accepted. The form that created it may have been sent twice.
    pub(crate) async fn authenticate_new(
        &self,
        email: &Email,
        password: Password,
        client: SignInClient,
        arrived: Timestamp,
    ) -> Result<Option<AuthenticatedUser>> {
        let created = self.find(email).await?.map(|account| account.created_at);
        if created.is_none_or(|at| arrived.since(at) > REPEATED_FORM_WINDOW) {
            return Ok(None);
        }
        match self.authenticate_on(email.as_str(), password, client).await? {
            AuthenticationResult::Accepted(user) => Ok(Some(user)),
            _ => Ok(None),
        }
    }

    /// Forgets the failures that a success makes up for. Writes nothing if there were none. An error is only logged:
    /// the next success tries again.
    async fn forget_failures_after_success(&self, record: &SignInRecord) {
        let Some(account) = &record.account else { return };
        let of_account = FailureKey::account(account.user.id);
        let mut forgotten = Vec::new();
        let mut ended_row = None;
        if let Some(browser) = &record.browser {
            let of_browser = FailureKey::browser(browser);
            forgotten.extend(record.failures(&of_browser).map(|_| of_browser));
            // The owner is back, but strangers may still be guessing: they get a new row, and keep their delays.
            ended_row = record.failures(&of_account).filter(|failures| failures.in_a_row > 0).map(|_| of_account);
        } else {
            forgotten.extend(record.failures(&of_account).map(|_| of_account));
        }
        if forgotten.is_empty() && ended_row.is_none() {
            return;
        }
        let written = self.db.transaction(move |connection| {
            if let Some(key) = &ended_row {
                queries::end_row(connection, key)?;
            }
            queries::forget_failures(connection, &forgotten)
        });
        if let Err(error) = written.await {
            tracing::warn!(
                user_id = %account.user.id,
                error = error.chain(),
                "could not forget failed sign-ins; the next sign-in tries again"
            );
        }
    }

    /// Replaces the stored hash by the new one. A failure is only logged: the next sign-in tries again.
    pub(super) async fn store_new_hash(&self, id: UserId, old: String, new: Result<String>) {
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
        self.stored_costs.invalidate();
    }
}

impl From<Refusal> for AuthenticationResult {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Wait(retry_after) => Self::Throttled { retry_after },
            Refusal::StrangersLocked => Self::StrangersLocked { retry_after: Refusal::LOCKED_RETRY_AFTER },
        }
    }
}

async fn wait_until_counted(is_counted: oneshot::Receiver<Result<()>>) -> Result<()> {
    is_counted.await.map_err(|_| Error::internal("a failed sign-in was not counted"))?
}

/// Returns the address to look up, and the text under which failures are counted if there is no such user. A text that
/// is not an address is treated like an unknown address.
fn normalize(typed: &str) -> (Email, String) {
    match typed.parse::<Email>() {
        Ok(email) => {
            let text = email.as_str().to_owned();
            (email, text)
        }
        Err(_) => (Email::unmatchable(), typed.trim().to_lowercase()),
    }
}
