//! Purge: deletes counts of failed sign-ins and known browsers that no longer matter.

use std::time::Duration;

use super::{Accounts, known_browsers::BROWSER_LIFETIME, queries};
use crate::{
    db::{
        DbConnection,
        sql::{SharedTask, take_task},
    },
    error::Result,
    mail,
    sessions::Sessions,
};

/// Maximum rows per transaction: on SQLite, every other writer waits for it.
const PURGE_BATCH_ROWS: i64 = 500;
/// How long a link is kept after it has expired: its page can say for so long that it was used.
const LINK_RETENTION: Duration = Duration::from_secs(24 * 60 * 60);
/// How long the count of a text that names no user is kept after its last failure.
pub(super) const UNKNOWN_RETENTION: Duration = Duration::from_secs(365 * 24 * 60 * 60);

impl Accounts {
    /// Deletes counts of networks whose failures are forgotten, of unknown accounts without a failure for a year, and
    /// of users and browsers that no longer exist; one-time passwords, passkeys and second factors of such users, and proofs
    /// of sessions that no longer exist; browsers that were not used for as long as their cookie lives; links that have
    /// expired, and old mails. Returns the number of rows.
    /// Nothing depends on it but the size of the tables.
    pub async fn purge(&self) -> Result<usize> {
        self.record_unknown_failures().await?;
        let now = self.clock.now();
        let failures = self.delete_in_batches(move |connection| {
            queries::purge_failures(connection, now, now - UNKNOWN_RETENTION, PURGE_BATCH_ROWS)
        });
        let browsers = self.delete_in_batches(move |connection| {
            queries::purge_browsers(connection, now - BROWSER_LIFETIME, PURGE_BATCH_ROWS)
        });
        let orphans = self.delete_in_batches(|connection| queries::purge_orphans(connection, PURGE_BATCH_ROWS));
        let passwords =
            self.delete_in_batches(|connection| queries::purge_one_time_passwords(connection, PURGE_BATCH_ROWS));
        let factors = self.delete_in_batches(|connection| queries::purge_factors(connection, PURGE_BATCH_ROWS));
        let links = self.delete_in_batches(move |connection| {
            queries::purge_links(connection, now - LINK_RETENTION, PURGE_BATCH_ROWS)
        });
        let passkeys = self.delete_in_batches(|connection| queries::purge_passkeys(connection, PURGE_BATCH_ROWS));
        let proofs = self.delete_in_batches(|connection| Sessions::purge_proofs_within(connection, PURGE_BATCH_ROWS));
        let registrations = self.delete_in_batches(move |connection| {
            queries::purge_registrations(connection, now - LINK_RETENTION, PURGE_BATCH_ROWS)
        });
        let mails = self.delete_in_batches(move |connection| mail::purge(connection, now, PURGE_BATCH_ROWS));
        // One that fails does not keep the others.
        let (failures, browsers, orphans, passwords) = (failures.await, browsers.await, orphans.await, passwords.await);
        let (factors, links, mails) = (factors.await, links.await, mails.await);
        let (passkeys, proofs, registrations) = (passkeys.await, proofs.await, registrations.await);
        let of_ways_in = factors? + passkeys? + proofs?;
        Ok(failures? + browsers? + orphans? + passwords? + of_ways_in + links? + registrations? + mails?)
    }

    async fn delete_in_batches<F>(&self, delete: F) -> Result<usize>
    where
        F: Fn(&mut DbConnection) -> Result<usize> + Copy + Send + 'static,
    {
        let mut sum = 0;
        loop {
            let batch = self.db.transaction(move |connection| {
                take_task(connection, SharedTask::Purge)?;
                delete(connection)
            });
            match batch.await? {
                0 => return Ok(sum),
                deleted => sum += deleted,
            }
        }
    }
}
