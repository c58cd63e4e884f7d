//! Mails that visitors ask for, such as a link for a forgotten password.
//!
//! Each request does the same before its answer, whether or not the address has an account: it counts for the limit of its
//! browser or network, and is queued. Everything that depends on the account follows in `job_queue`, once the answer is sent.

mod limits;

use std::time::Duration;

use super::{
    Accounts,
    authenticate::SignInClient,
    browser_id::BrowserIdHash,
    client_network::ClientNetwork,
    email::Email,
    links::{LinkKind, NewLink},
    model::Account,
    queries::{self, LinkRequester},
};
use crate::{
    clock::Timestamp,
    db::DbConnection,
    error::{Error, Result},
    events::{EventKind, record},
    words::Language,
};
pub(crate) use limits::DEFAULT_NEW_ADDRESS_MAILS;
#[cfg(test)]
pub(super) use limits::{ACCOUNT_LIMITS, MAX_PER_BROWSER};
use limits::{account_is_over_limit, admit, registrations_are_over_limit};
pub(super) use limits::{address_is_over_limit, wait_for_link};

/// How often a job is tried while the database is unavailable, once a second.
const MAX_TRIES: u32 = 30;

/// Who asks for a mail, and in which language.
#[derive(Debug, Clone)]
pub(crate) struct MailRequest {
    pub client: SignInClient,
    pub language: Language,
}

/// Whether a request for a mail was accepted. It does not depend on whether there is an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestAnswer {
    Accepted,
    /// Too many were made from this browser or network.
    TooMany {
        retry_after: Duration,
    },
}

impl Accounts {
    /// Whether users can ask for mails.
    pub(crate) fn sends_mails(&self) -> bool {
        self.outbox.language().is_some()
    }

    /// Mails a link for a new password to the user with this address, if there is one who is not disabled, and no limit is
    /// exceeded.
    ///
    /// # Errors
    /// [`Error::Busy`] if too many requests wait.
    pub(crate) async fn request_reset_link(&self, email: Email, request: MailRequest) -> Result<RequestAnswer> {
        let browsers: Vec<BrowserIdHash> = request.client.browsers.iter().map(super::BrowserId::hash).collect();
        if let Some(retry_after) = self.admit_request(&browsers, &request.client).await? {
            return Ok(RequestAnswer::TooMany { retry_after });
        }
        let accounts = self.clone();
        let is_queued = self.requests.push(async move {
            accounts.finish_request(|| accounts.mail_reset_link(&email, &browsers, request.language)).await;
        });
        if is_queued { Ok(RequestAnswer::Accepted) } else { Err(Error::Busy { retry_after: Duration::from_secs(5) }) }
    }

    /// Waits until nothing is left to do for the requests that were answered. Call this when a server stops.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if that takes longer than `timeout`.
    pub async fn requests_done(&self, timeout: Duration) -> Result<()> {
        tokio::time::timeout(timeout, self.requests.done()).await.map_err(|_| {
            let count = self.requests.waiting();
            Error::Unavailable(anyhow::anyhow!(
                "{count} requests for mails were answered, and their mails are not queued"
            ))
        })
    }

    /// Counts a request. Returns how long to wait if it is one too many.
    pub(super) async fn admit_request(
        &self,
        browsers: &[BrowserIdHash],
        client: &SignInClient,
    ) -> Result<Option<Duration>> {
        let networks = client.ip_address.map(ClientNetwork::from);
        let networks = networks.map(|network| self.throttle.networks(network)).unwrap_or_default();
        let (browsers, now) = (browsers.to_vec(), self.clock.now());
        self.db.transaction(move |connection| admit(connection, &browsers, &networks, now)).await
    }

    async fn mail_reset_link(&self, email: &Email, browsers: &[BrowserIdHash], language: Language) -> Result<()> {
        let (email, browsers, accounts) = (email.clone(), browsers.to_vec(), self.clone());
        let add = move |connection: &mut DbConnection| {
            let now = accounts.clock.now();
            let Some(found) = queries::find(connection, &email)? else { return Ok(()) };
            let Account { user, .. } = found.into();
            // Locks the user's row: requests at the same moment are counted one after the other.
            let Some(stored) = queries::lock_password(connection, user.id)? else { return Ok(()) };
            let requester = match queries::find_browser_of(connection, user.id, &browsers)? {
                Some(browser) => LinkRequester::Browser(browser),
                None => LinkRequester::Unknown,
            };
            let link = NewLink {
                kind: LinkKind::Reset,
                user: &user,
                password_changed_at: stored.changed_at,
                requester: Some(requester),
            };
            if account_is_over_limit(connection, &link, now)? {
                return match accounts.event_rate.admit(format!("link {}", user.id), now) {
                    Some(count) => {
                        let event = accounts.event(EventKind::LinkRefused, user.id);
                        record(connection, event.detail("link", LinkKind::Reset.as_str()).detail("count", count), now)
                    }
                    None => Ok(()),
                };
            }
            accounts.add_link(connection, &link, Some(language), now).map(drop)
        };
        self.db.transaction(add).await
    }

    /// Counts a request for a new account. Returns whether a mail may go to an address that has none. A flood of them is
    /// logged once per quarter of an hour, and not told to those who ask.
    pub(super) fn admit_registration(&self, connection: &mut DbConnection, now: Timestamp) -> Result<bool> {
        let is_over = registrations_are_over_limit(connection, self.new_address_mails, now)?;
        if is_over && let Some(count) = self.event_rate.admit("mails to new addresses".to_owned(), now) {
            tracing::warn!(
                mails = count,
                "mails to addresses without an account are not sent: too many were asked for within an hour \
                 (KEYRACK_NEW_ADDRESS_MAILS)"
            );
        }
        Ok(!is_over)
    }

    /// Does what follows an answer, and does it again while the database is unavailable.
    pub(super) async fn finish_request<F: Future<Output = Result<()>>>(&self, work: impl Fn() -> F) {
        for tries in 1.. {
            match work().await {
                Ok(()) => return,
                Err(Error::Unavailable(_)) if tries < MAX_TRIES => tokio::time::sleep(Duration::from_secs(1)).await,
                Err(error) => {
                    tracing::error!(error = error.chain(), "a mail that was asked for is not sent");
                    return;
                }
            }
        }
    }
}
