//! The language of a mail that no page asks for.

use std::time::Duration;

use super::{Accounts, queries};
use crate::{
    clock::Timestamp,
    db::{DbConnection, UserId},
    error::Result,
    words::Language,
};

/// How long a browser is known before it may say in which language its user is told of it.
const SETTLED_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

impl Accounts {
    /// The language in which a user is written to: that of the pages at the last sign-in, or the site's first one. A
    /// browser that is known for less than a day decides only if there is no other. `None` if no mail is sent.
    pub(super) fn mail_language(
        &self,
        connection: &mut DbConnection,
        user: UserId,
        now: Timestamp,
    ) -> Result<Option<Language>> {
        let Some(first) = self.outbox.language() else { return Ok(None) };
        let own = queries::language_of(connection, user, now - SETTLED_AFTER)?;
        Ok(Some(own.filter(|own| self.outbox.offers(*own)).unwrap_or(first)))
    }
}
