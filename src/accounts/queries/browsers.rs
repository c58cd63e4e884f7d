//! Remembers and forgets the browsers that accounts know.

use diesel::prelude::*;

use crate::{
    accounts::{browser_id::BrowserIdHash, failure_keys::FailureKey},
    clock::Timestamp,
    db::{
        DbConnection, SessionId, UserId,
        schema::types::SqlTime,
        schema::{known_browsers, users},
        sql::for_update,
    },
    error::Result,
};

/// A browser that an account knows.
pub(in crate::accounts) struct KnownBrowser {
    pub hash: BrowserIdHash,
    pub created_at: Timestamp,
}

/// Records a sign-in on the browser among these that the account knows. Returns it; `None` if it knows none.
pub(in crate::accounts) fn use_browser(
    connection: &mut DbConnection,
    user: UserId,
    hashes: &[BrowserIdHash],
    session: SessionId,
    now: Timestamp,
) -> Result<Option<BrowserIdHash>> {
    if hashes.is_empty() {
        return Ok(None);
    }
    let presented = known_browsers::table
        .filter(known_browsers::id_hash.eq_any(hashes.iter().map(BrowserIdHash::as_str)))
        .filter(known_browsers::user_id.eq(user));
    let known: Vec<String> = diesel::update(presented)
        .set((known_browsers::session_id.eq(session), known_browsers::last_used_at.eq(SqlTime::from(now))))
        .returning(known_browsers::id_hash)
        .get_results(connection)?;
    Ok(known.into_iter().next().map(BrowserIdHash))
}

/// Locks the user's row until the transaction ends.
pub(in crate::accounts) fn lock_account(connection: &mut DbConnection, user: UserId) -> Result<()> {
    let row = users::table.filter(users::id.eq(user)).select(users::id);
    for_update(row).get_result::<UserId>(connection).optional()?;
    Ok(())
}

/// The browsers that an account knows, the least recently used first.
pub(in crate::accounts) fn browsers_of(connection: &mut DbConnection, user: UserId) -> Result<Vec<KnownBrowser>> {
    let rows: Vec<(String, SqlTime)> = known_browsers::table
        .filter(known_browsers::user_id.eq(user))
        .order((known_browsers::last_used_at, known_browsers::created_at))
        .select((known_browsers::id_hash, known_browsers::created_at))
        .load(connection)?;
    let browser = |(hash, created_at): (String, SqlTime)| KnownBrowser {
        hash: BrowserIdHash(hash),
        created_at: created_at.into(),
    };
    Ok(rows.into_iter().map(browser).collect())
}

/// Adds a browser.
pub(in crate::accounts) fn insert_browser(
    connection: &mut DbConnection,
    hash: &BrowserIdHash,
    user: UserId,
    session: SessionId,
    now: Timestamp,
) -> Result<()> {
    let now = SqlTime::from(now);
    diesel::insert_into(known_browsers::table)
        .values((
            known_browsers::id_hash.eq(hash.as_str()),
            known_browsers::user_id.eq(user),
            known_browsers::session_id.eq(session),
            known_browsers::created_at.eq(now),
            known_browsers::last_used_at.eq(now),
        ))
        .execute(connection)?;
    Ok(())
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
