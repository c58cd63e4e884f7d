//! Forgets browsers that accounts know.

use diesel::prelude::*;

use crate::{
    accounts::{browser_id::BrowserIdHash, failure_keys::FailureKey},
    clock::Timestamp,
    db::{
        DbConnection,
        schema::types::SqlTime,
        schema::{known_browsers, users},
    },
    error::Result,
};

/// Deletes browsers and their counts of failures.
pub(in crate::accounts) fn forget_browsers(connection: &mut DbConnection, hashes: &[&BrowserIdHash]) -> Result<()> {
    if hashes.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = hashes.iter().map(|hash| hash.as_str()).collect();
    diesel::delete(known_browsers::table.filter(known_browsers::id_hash.eq_any(names))).execute(connection)?;
    let keys: Vec<FailureKey> = hashes.iter().map(|hash| FailureKey::browser(hash)).collect();
    super::forget_failures(connection, &keys)?;
    Ok(())
}

/// Deletes up to `limit` browsers that were not used since `before`, or whose user no longer exists.
pub(in crate::accounts) fn purge_browsers(
    connection: &mut DbConnection,
    before: Timestamp,
    limit: i64,
) -> Result<usize> {
    let of_user = users::table.filter(users::id.eq(known_browsers::user_id));
    let old: Vec<String> = known_browsers::table
        .filter(
            known_browsers::last_used_at.lt(SqlTime::from(before)).or(diesel::dsl::not(diesel::dsl::exists(of_user))),
        )
        .limit(limit)
        .select(known_browsers::id_hash)
        .load(connection)?;
    Ok(diesel::delete(known_browsers::table.filter(known_browsers::id_hash.eq_any(old))).execute(connection)?)
}
