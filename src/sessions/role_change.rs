//! Brings a new role into the data of a user's sessions, where an Express application reads it.
//!
//! A trigger does so in the transaction that changes the role. A user may have any number of sessions, so if there are
//! hundreds, that transaction only records what is to be done, and it is done in batches. The purge continues after a
//! crash. Keyrack itself reads the role from `users`, so for its own requests the change holds at once.

use std::time::Instant;

use super::{
    Sessions,
    end_many::batch_pause,
    queries::{self, ActivePage, EndScope},
};
use crate::{
    db::{
        DbConnection, Refused, SessionId, UserId,
        settings::{self, RoleChange},
    },
    error::{Error, Result},
};

/// Sessions read at a time to find those whose data changes.
const MAX_FOUND_PER_READ: usize = 1000;

/// Sessions whose data changes per transaction. On SQLite, every other writer waits for it.
const MAX_CHANGED_PER_TRANSACTION: usize = 200;

impl Sessions {
    /// Records, within the transaction that changes a user's role, that the data of the user's sessions is changed later,
    /// if there are too many for that transaction. Returns whether it did. The caller then calls
    /// [`Sessions::finish_role_change`] after the commit.
    pub(crate) fn defer_role_change(connection: &mut DbConnection, user: UserId, from: &str, to: &str) -> Result<bool> {
        let max = MAX_CHANGED_PER_TRANSACTION;
        let found = queries::find_active(connection, EndScope::AllOf(user), None, None, max + 1)?;
        if from == to || found.active.len() <= max {
            return Ok(false);
        }
        let change = RoleChange { from: from.to_owned(), to: to.to_owned() };
        settings::store_role_change(connection, user, &change)?;
        Ok(true)
    }

    /// Finishes a change of this user's role that is under way: all sessions have the new role when it returns. Does
    /// nothing if there is none, or if the role was changed again in the meantime: that change has reached the data.
    ///
    /// # Errors
    /// Some sessions may still have the old role in their data. The next purge goes on.
    pub(crate) async fn finish_role_change(&self, user: UserId) -> Result<()> {
        let Some(change) = self.db.read(move |connection| settings::role_change(connection, user)).await? else {
            return Ok(());
        };
        let (mut after, mut refused) = (None, Refused::default());
        loop {
            let find = move |connection: &mut DbConnection| {
                queries::find_active(connection, EndScope::AllOf(user), after, None, MAX_FOUND_PER_READ)
            };
            let ActivePage { active, last } = self.db.read(find).await?;
            for batch in active.chunks(MAX_CHANGED_PER_TRANSACTION) {
                let started = Instant::now();
                let roles = change.clone();
                let update = move |connection: &mut DbConnection, ids: &[SessionId]| {
                    let is_current = queries::lock_role(connection, user, &roles.to)?;
                    if is_current {
                        queries::update_role_in_data(connection, ids, &roles.from, &roles.to)?;
                    }
                    Ok(is_current)
                };
                let (are_current, refused_of_batch) = self.db.change_rows(batch, update).await?;
                if are_current.contains(&false) {
                    return self.forget_role_change(user, change).await;
                }
                refused.extend(refused_of_batch);
                tokio::time::sleep(batch_pause(started)).await;
            }
            if last.is_none() {
                refused.check(|count| {
                    let sessions = if count == 1 { "session has" } else { "sessions have" };
                    format!("the data of {count} {sessions} the former role, since the database refuses to change it")
                })?;
                return self.forget_role_change(user, change).await;
            }
            after = last;
        }
    }

    async fn forget_role_change(&self, user: UserId, change: RoleChange) -> Result<()> {
        self.db.transaction(move |connection| settings::remove_role_change(connection, user, &change)).await
    }

    /// Finishes all changes of roles that are under way, such as those that a crash has interrupted.
    pub(super) async fn finish_role_changes(&self) -> Result<()> {
        let mut incomplete = Ok(());
        for user in self.db.read(settings::users_with_role_change).await? {
            match self.finish_role_change(user).await {
                Err(error @ Error::Incomplete(_)) => incomplete = Err(error),
                outcome => outcome?,
            }
        }
        incomplete
    }
}
