//! Doctor: finds users who can't sign in because of their email address.

use std::{
    collections::HashSet,
    hash::{BuildHasher, RandomState},
};

use super::{Accounts, email::Email, queries};
use crate::{db::UserId, error::Result, sessions::Breach};

/// Users per query.
const PAGE_ROWS: i64 = 1000;

/// Beyond this number of findings, more of them help no one.
const MAX_BREACHES: usize = 1000;

impl Accounts {
    /// Finds the users whose address sign-in doesn't find: another program has stored it in a form that no lookup
    /// tries, or an earlier user has the same one. Nothing is repaired, since the address may belong to another
    /// application's table.
    pub async fn doctor(&self) -> Result<Vec<Breach>> {
        // Hashes instead of addresses: eight bytes each, for a million users.
        let (mut seen, hasher) = (HashSet::new(), RandomState::new());
        let mut breaches = Vec::new();
        let mut after: Option<UserId> = None;
        while breaches.len() < MAX_BREACHES {
            let page = self.db.read(move |connection| queries::addresses_after(connection, after, PAGE_ROWS)).await?;
            let Some((last, _)) = page.last() else { break };
            after = Some(*last);
            for (id, stored) in page {
                let problem = problem(&stored, |email| seen.insert(hasher.hash_one(email)));
                breaches.extend(problem.map(|problem| breach(id, &problem)));
            }
        }
        Ok(breaches)
    }
}

/// Why sign-in does not find the user of this address. `is_first` is false if another user has it.
fn problem(stored: &str, is_first: impl FnOnce(&Email) -> bool) -> Option<String> {
    // `Debug` escapes what a terminal would interpret.
    match stored.parse::<Email>() {
        Err(_) => Some(format!("has {stored:?}, which is not an email address: correct it in users.email")),
        Ok(email) if !email.is_found_as(stored) => {
            Some(format!("has {stored:?}, a form that sign-in does not find: store it as {:?}", email.as_str()))
        }
        Ok(email) if !is_first(&email) => {
            Some(format!("has {stored:?}, the address of another user in another form: change or delete one of them"))
        }
        Ok(_) => None,
    }
}

fn breach(id: UserId, problem: &str) -> Breach {
    let detail = format!("the user {id} can't sign in: the user {problem}");
    Breach { rule: "email address", session_id: None, detail, repaired: false }
}
