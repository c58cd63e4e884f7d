//! Finds and forgets browsers that accounts know.

use diesel::{OptionalExtension, prelude::*};

use crate::{
    accounts::{browser_id::BrowserIdHash, failure_keys::FailureKey},
    clock::Timestamp,
    db::{
        DbConnection, UserId,
        schema::types::SqlTime,
        schema::{known_browsers, users},
    },
    error::Result,
    words::Language,
};

/// One of these browsers that is known to any account, the same one at each call.
pub(in crate::accounts) fn find_browser(
    connection: &mut DbConnection,
    hashes: &[BrowserIdHash],
) -> Result<Option<BrowserIdHash>> {
    let names: Vec<&str> = hashes.iter().map(BrowserIdHash::as_str).collect();
    let known = known_browsers::table.filter(known_browsers::id_hash.eq_any(names));
    let first = known.order((known_browsers::created_at, known_browsers::id_hash)).select(known_browsers::id_hash);
    Ok(first.first::<String>(connection).optional()?.map(BrowserIdHash))
}

/// One of these browsers that is known to this account.
pub(in crate::accounts) fn find_browser_of(
    connection: &mut DbConnection,
    user: UserId,
    hashes: &[BrowserIdHash],
) -> Result<Option<BrowserIdHash>> {
    let names: Vec<&str> = hashes.iter().map(BrowserIdHash::as_str).collect();
    let known = known_browsers::table.filter(known_browsers::id_hash.eq_any(names));
    let known = known.filter(known_browsers::user_id.eq(user));
    let first = known.order((known_browsers::created_at, known_browsers::id_hash)).select(known_browsers::id_hash);
    Ok(first.first::<String>(connection).optional()?.map(BrowserIdHash))
}

/// The language of the pages at the last sign-in to this account on a browser that it has known since then or longer, or
/// on any other one: a thief's browser is the newest.
pub(in crate::accounts) fn language_of(
    connection: &mut DbConnection,
    user: UserId,
    since: Timestamp,
) -> Result<Option<Language>> {
    let spoken =
        known_browsers::table.filter(known_browsers::user_id.eq(user)).filter(known_browsers::language.is_not_null());
    let is_new = known_browsers::created_at.gt(SqlTime::from(since));
    let first =
        spoken.order((is_new, known_browsers::last_used_at.desc())).select(known_browsers::language.assume_not_null());
    let code: Option<String> = first.first(connection).optional()?;
    Ok(code.and_then(|code| Language::parse(&code)))
}

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

/// Deletes all browsers that an account knows. The caller deletes their counts of failures.
pub(in crate::accounts) fn forget_browsers_of(connection: &mut DbConnection, user: UserId) -> Result<()> {
    diesel::delete(known_browsers::table.filter(known_browsers::user_id.eq(user))).execute(connection)?;
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
