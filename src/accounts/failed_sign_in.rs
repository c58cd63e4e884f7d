//! What a failed or refused sign-in leaves behind: counts, events and log lines.

use std::{net::IpAddr, time::Duration};

use super::{
    Accounts,
    failure_keys::FailureKey,
    failures::MAX_FAILURES_IN_A_ROW,
    queries::{self, SignInRecord},
    throttle::{Attempt, Refusal},
};
use crate::{
    db::{DbConnection, UserId},
    error::{Error, Result},
    events::{EventCause, EventKind, NewEvent, Source, log_after_commit, log_event, record},
};

/// Rows in which failures of unknown addresses are counted until they become one event: several, so that concurrent
/// failures rarely wait for each other.
const UNREPORTED_BUCKETS: u64 = 16;

/// A failed attempt that is to be counted. It stays reserved until then.
pub(super) struct FailedSignIn {
    accounts: Accounts,
    keys: Vec<FailureKey>,
    attempt: Attempt,
    event: NewEvent,
    user: Option<UserId>,
    /// Where it is counted if no account has the address.
    bucket: u64,
}

impl FailedSignIn {
    /// The failure of this attempt. `number` is the same for the same typed address.
    pub fn new(
        accounts: &Accounts,
        attempt: Attempt,
        found: &SignInRecord,
        ip_address: Option<IpAddr>,
        number: u64,
    ) -> Self {
        let event = NewEvent::of_cause(cause(found), &Source::user(ip_address));
        let user = found.account.as_ref().map(|account| account.user.id);
        let event = match user {
            Some(id) => event.user(id).detail("known_browser", found.browser.is_some()),
            None => event,
        };
        let keys = attempt.failure_keys(found);
        Self { accounts: accounts.clone(), keys, attempt, event, user, bucket: number % UNREPORTED_BUCKETS }
    }

    /// The failure of an attempt with the right password, which was good for one sign-in and is used up.
    pub fn of_used_up_password(self) -> Self {
        Self { event: self.event.detail("cause", EventCause::UsedUpPassword.as_str()), ..self }
    }

    /// Counts it in the database, and acts on a budget that is used up by it.
    ///
    /// An unknown address costs as many statements as an account's, on the same tables: neither their time nor a lock
    /// that they wait for may tell which one it is.
    pub async fn count(self) -> Result<()> {
        let Self { accounts, keys, attempt, event, user, bucket } = self;
        let (now, counted_keys) = (accounts.clock.now(), keys.clone());
        let source = Source::system();
        let counts = accounts
            .db
            .transaction(move |connection| {
                let counts = queries::count_failure(connection, &counted_keys, now)?;
                if user.is_some() {
                    record(connection, event.clone(), now)?;
                } else {
                    queries::count_unreported(connection, &FailureKey::unreported(bucket), now)?;
                    log_after_commit(event.clone());
                }
                for (key, in_a_row) in counts.iter().filter(|(_, in_a_row)| *in_a_row >= MAX_FAILURES_IN_A_ROW) {
                    if let Some(hash) = FailureKey::browser_of(key) {
                        queries::forget_browsers(connection, &[&hash])?;
                    }
                    let is_locked_now = FailureKey::account_of(key).is_some() && *in_a_row == MAX_FAILURES_IN_A_ROW;
                    if let Some(user) = user.filter(|_| is_locked_now) {
                        let locked = NewEvent::new(EventKind::AccountLocked, &source).user(user);
                        record(connection, locked.detail("failures", *in_a_row), now)?;
                    }
                }
                Ok(counts)
            })
            .await;
        drop(attempt);
        for (key, in_a_row) in counts? {
            if let Some(user_id) = FailureKey::account_of(&key).filter(|_| in_a_row == MAX_FAILURES_IN_A_ROW) {
                tracing::warn!(
                    user_id,
                    "{MAX_FAILURES_IN_A_ROW} wrong passwords in a row: only browsers that signed in to this account before may \
                     sign in to it now; `keyrack user unlock` or a new password lets others try again"
                );
            }
        }
        Ok(())
    }
}

/// Why a sign-in failed. Not said to the client.
fn cause(found: &SignInRecord) -> EventCause {
    match &found.account {
        None => EventCause::UnknownAccount,
        Some(account) if account.is_disabled => EventCause::Disabled,
        Some(account) if account.password_hash.is_none() => EventCause::NoPassword,
        Some(_) => EventCause::WrongPassword,
    }
}

impl Refusal {
    /// The cause in the event's detail.
    pub(super) fn cause(self) -> EventCause {
        match self {
            Self::Wait(_) => EventCause::Wait,
            Self::StrangersLocked => EventCause::Locked,
        }
    }
}

impl Accounts {
    /// Logs a refused attempt. One on an existing account is stored, at most one per quarter of an hour: refused attempts
    /// are free, so anyone could fill the table with them.
    ///
    /// It is stored after the answer, which would otherwise wait for the database if, and only if, the account exists.
    pub(super) fn record_refusal(&self, cause: EventCause, user: Option<UserId>, ip_address: Option<IpAddr>) {
        let event = NewEvent::of_cause(cause, &Source::user(ip_address));
        let Some(user) = user else { return log_event(&event) };
        let (event, now) = (event.user(user), self.clock.now());
        match self.event_rate.admit(format!("{} {user}", cause.as_str()), now) {
            Some(count) => self.refusals.push(event.detail("count", count), now),
            None => log_event(&event),
        }
    }

    /// Records a refused sign-in, with as much work before the answer if the account does not exist. `number` tells unknown
    /// addresses apart.
    pub(super) fn record_refused_sign_in(
        &self,
        refusal: Refusal,
        record: &SignInRecord,
        number: u64,
        ip_address: Option<IpAddr>,
    ) {
        let cause = refusal.cause();
        if let Some(account) = &record.account {
            return self.record_refusal(cause, Some(account.user.id), ip_address);
        }
        let event = NewEvent::of_cause(cause, &Source::user(ip_address));
        match self.unknown_rate.admit(format!("{} {number}", cause.as_str()), self.clock.now()) {
            Some(_) => self.refusals.push_nothing(&event),
            None => log_event(&event),
        }
    }

    /// Waits until the events of refused attempts are stored. Call this when a server stops.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if that takes longer than `timeout`.
    pub async fn refusals_stored(&self, timeout: Duration) -> Result<()> {
        let stored = tokio::time::timeout(timeout, self.refusals.stored()).await;
        stored.map_err(|_| {
            let count = self.refusals.waiting();
            Error::Unavailable(anyhow::anyhow!("{count} events of refused sign-ins are logged, but not stored"))
        })
    }

    /// Turns the counted failures of unknown addresses into one event.
    pub(crate) async fn record_unknown_failures(&self) -> Result<()> {
        let now = self.clock.now();
        let summarize = move |connection: &mut DbConnection| {
            let count = queries::take_unreported(connection)?;
            if count > 0 {
                let event = NewEvent::new(EventKind::UnknownSignInsFailed, &Source::system()).detail("count", count);
                record(connection, event, now)?;
            }
            Ok(())
        };
        self.db.transaction(summarize).await
    }
}
