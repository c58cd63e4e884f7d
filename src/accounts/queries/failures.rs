//! Counts failed sign-ins, and forgets them.

use diesel::{
    OptionalExtension,
    prelude::*,
    sql_types::{Array, Double, Integer, Text},
};

use super::sign_in::failures_of;
use crate::{
    accounts::{browser_id::BrowserIdHash, failure_keys::FailureKey, failures::Failures},
    clock::Timestamp,
    db::{
        DbConnection, UserId,
        schema::types::{Instant, SqlTime},
        schema::{known_browsers, sign_in_failures},
        sql::{for_update_skip_locked, sql_file},
    },
    error::Result,
};

/// Counts one failure under each key. Returns how many in a row each has now.
pub(in crate::accounts) fn count_failure(
    connection: &mut DbConnection,
    keys: &[FailureKey],
    now: Timestamp,
) -> Result<Vec<(String, u32)>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        key: String,
        #[diesel(sql_type = Integer)]
        in_a_row: i32,
    }

    match connection {
        DbConnection::Postgres(connection) => {
            let rows: Vec<Row> = sql_file(include_str!("count_failure.sql"))
                .bind::<Array<Text>, _>(keys.iter().map(|key| key.as_str().to_owned()).collect::<Vec<_>>())
                .bind::<Array<Double>, _>(keys.iter().map(|key| key.step().as_secs_f64()).collect::<Vec<_>>())
                .bind::<Instant, _>(SqlTime::from(now))
                .get_results(connection)?;
            Ok(rows.into_iter().map(|row| (row.key, u32::try_from(row.in_a_row).unwrap_or(0))).collect())
        }
        // The transaction excludes every other writer, so the count may be read before it is written.
        DbConnection::Sqlite(connection) => keys
            .iter()
            .map(|key| {
                let before: Option<(i32, SqlTime, SqlTime)> = sign_in_failures::table
                    .find(key.as_str())
                    .select((
                        sign_in_failures::in_a_row,
                        sign_in_failures::last_failure_at,
                        sign_in_failures::forgotten_at,
                    ))
                    .first(connection)
                    .optional()?;
                let before = before.map(|(in_a_row, last, forgotten)| failures_of(in_a_row, last, forgotten));
                let after = Failures::after_failure(before, now, key.step());
                diesel::replace_into(sign_in_failures::table)
                    .values((
                        sign_in_failures::key.eq(key.as_str()),
                        sign_in_failures::in_a_row.eq(i32::try_from(after.in_a_row).unwrap_or(i32::MAX)),
                        sign_in_failures::last_failure_at.eq(SqlTime::from(after.last_failure_at)),
                        sign_in_failures::forgotten_at.eq(SqlTime::from(after.forgotten_at)),
                    ))
                    .execute(connection)?;
                Ok((key.as_str().to_owned(), after.in_a_row))
            })
            .collect(),
    }
}

/// Counts one failure under the key of those that are in no event yet. Waits for the same locks as writing an event.
pub(in crate::accounts) fn count_unreported(
    connection: &mut DbConnection,
    key: &FailureKey,
    now: Timestamp,
) -> Result<()> {
    if let DbConnection::Postgres(connection) = connection {
        sql_file(include_str!("count_unreported.sql"))
            .bind::<Text, _>(key.as_str())
            .bind::<Instant, _>(SqlTime::from(now))
            .bind::<Double, _>(key.step().as_secs_f64())
            .execute(connection)?;
        return Ok(());
    }
    count_failure(connection, std::slice::from_ref(key), now).map(drop)
}

/// Deletes the counts of failures that are in no event yet, and returns their sum.
pub(in crate::accounts) fn take_unreported(connection: &mut DbConnection) -> Result<u64> {
    let query = sign_in_failures::table
        .filter(sign_in_failures::key.like("unreported:%"))
        .order(sign_in_failures::key)
        .select((sign_in_failures::key, sign_in_failures::in_a_row));
    let rows: Vec<(String, i32)> = for_update_skip_locked(query).get_results(connection)?;
    let keys: Vec<&str> = rows.iter().map(|(key, _)| key.as_str()).collect();
    diesel::delete(sign_in_failures::table.filter(sign_in_failures::key.eq_any(keys))).execute(connection)?;
    Ok(rows.iter().map(|(_, count)| u64::try_from(*count).unwrap_or(0)).sum())
}

/// Finds the count under a key.
pub(in crate::accounts) fn find_failures(connection: &mut DbConnection, key: &FailureKey) -> Result<Option<Failures>> {
    let row: Option<(i32, SqlTime, SqlTime)> = sign_in_failures::table
        .find(key.as_str())
        .select((sign_in_failures::in_a_row, sign_in_failures::last_failure_at, sign_in_failures::forgotten_at))
        .first(connection)
        .optional()?;
    Ok(row.map(|(in_a_row, last, forgotten)| failures_of(in_a_row, last, forgotten)))
}

/// Deletes these counts.
pub(in crate::accounts) fn forget_failures(connection: &mut DbConnection, keys: &[FailureKey]) -> Result<usize> {
    let keys: Vec<&str> = keys.iter().map(FailureKey::as_str).collect();
    Ok(diesel::delete(sign_in_failures::table.filter(sign_in_failures::key.eq_any(keys))).execute(connection)?)
}

/// Begins a new row of failures under this key. The failures that still delay attempts stay.
pub(in crate::accounts) fn end_row(connection: &mut DbConnection, key: &FailureKey) -> Result<()> {
    diesel::update(sign_in_failures::table.find(key.as_str()))
        .set(sign_in_failures::in_a_row.eq(0))
        .execute(connection)?;
    Ok(())
}

/// Deletes the counts of an account and of its known browsers. Returns the failures in a row of each.
pub(in crate::accounts) fn forget_account(connection: &mut DbConnection, user: UserId) -> Result<AccountFailures> {
    let browsers: Vec<String> = known_browsers::table
        .filter(known_browsers::user_id.eq(user))
        .select(known_browsers::id_hash)
        .load(connection)?;
    let of_account = FailureKey::account(user);
    let browsers = browsers.into_iter().map(|hash| FailureKey::browser(&BrowserIdHash(hash)));
    let keys: Vec<FailureKey> = browsers.chain([of_account.clone()]).collect();
    let names: Vec<&str> = keys.iter().map(FailureKey::as_str).collect();
    let rows: Vec<(String, i32)> = sign_in_failures::table
        .filter(sign_in_failures::key.eq_any(names))
        .select((sign_in_failures::key, sign_in_failures::in_a_row))
        .load(connection)?;
    forget_failures(connection, &keys)?;
    let mut forgotten = AccountFailures::default();
    for (key, in_a_row) in rows {
        let in_a_row = u32::try_from(in_a_row).unwrap_or(0);
        if key == of_account.as_str() {
            forgotten.by_strangers = in_a_row;
        } else {
            forgotten.by_known_browsers += in_a_row;
        }
    }
    Ok(forgotten)
}

/// The failures in a row at one account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::accounts) struct AccountFailures {
    pub by_strangers: u32,
    pub by_known_browsers: u32,
}

/// The keys of the accounts at which strangers have at least so many failures in a row.
pub(in crate::accounts) fn accounts_with_failures(connection: &mut DbConnection, at_least: u32) -> Result<Vec<String>> {
    Ok(sign_in_failures::table
        .filter(sign_in_failures::key.like("account:%"))
        .filter(sign_in_failures::in_a_row.ge(i32::try_from(at_least).unwrap_or(i32::MAX)))
        .select(sign_in_failures::key)
        .load(connection)?)
}

/// Deletes up to `limit` counts that no longer matter: of networks, requests for mails, recovery codes and accounts whose
/// failures are forgotten, and of texts that named no user and did not fail since `unknown_before`.
pub(in crate::accounts) fn purge_failures(
    connection: &mut DbConnection,
    now: Timestamp,
    unknown_before: Timestamp,
    limit: i64,
) -> Result<usize> {
    let has_window = sign_in_failures::key
        .like("network-%")
        .or(sign_in_failures::key.like("mails-%"))
        .or(sign_in_failures::key.like("recovery%"));
    let of_networks = has_window.and(sign_in_failures::forgotten_at.le(SqlTime::from(now)));
    let of_unknown = sign_in_failures::key
        .like("unknown:%")
        .and(sign_in_failures::last_failure_at.le(SqlTime::from(unknown_before)));
    let ended_rows = sign_in_failures::in_a_row.eq(0).and(sign_in_failures::forgotten_at.le(SqlTime::from(now)));
    let query = sign_in_failures::table
        .filter(of_networks.or(of_unknown).or(ended_rows))
        .order(sign_in_failures::key)
        .limit(limit)
        .select(sign_in_failures::key);
    let keys: Vec<String> = for_update_skip_locked(query).get_results(connection)?;
    Ok(diesel::delete(sign_in_failures::table.filter(sign_in_failures::key.eq_any(keys))).execute(connection)?)
}

/// Deletes up to `limit` counts whose account or browser no longer exists, or whose session has ended.
pub(in crate::accounts) fn purge_orphans(connection: &mut DbConnection, limit: i64) -> Result<usize> {
    let statement = match connection {
        DbConnection::Postgres(_) => {
            "DELETE FROM sign_in_failures WHERE key IN (
                 SELECT key FROM sign_in_failures
                 WHERE key LIKE 'account:%' AND NOT EXISTS (SELECT FROM users WHERE 'account:' || id = key)
                     OR key LIKE 'browser:%'
                         AND NOT EXISTS (SELECT FROM known_browsers WHERE 'browser:' || id_hash = key)
                     OR key LIKE 'codes:%' AND NOT EXISTS (SELECT FROM totp_factors WHERE 'codes:' || user_id = key)
                     OR key LIKE 'codes-on:%'
                         AND NOT EXISTS (SELECT FROM known_browsers WHERE 'codes-on:' || id_hash = key)
                     OR key LIKE 'session:%'
                         AND NOT EXISTS (
                             SELECT FROM sessions
                             WHERE id = CASE WHEN key LIKE 'session:%' THEN substr(key, 9)::uuid END
                                 AND status = 'active'
                         )
                 LIMIT $1)"
        }
        DbConnection::Sqlite(_) => {
            "DELETE FROM sign_in_failures WHERE key IN (
                 SELECT key FROM sign_in_failures
                 WHERE key LIKE 'account:%' AND substr(key, 9) NOT IN (SELECT id FROM users)
                     OR key LIKE 'browser:%' AND substr(key, 9) NOT IN (SELECT id_hash FROM known_browsers)
                     OR key LIKE 'codes:%' AND substr(key, 7) NOT IN (SELECT user_id FROM totp_factors)
                     OR key LIKE 'codes-on:%' AND substr(key, 10) NOT IN (SELECT id_hash FROM known_browsers)
                     OR key LIKE 'session:%'
                         AND NOT EXISTS (SELECT 1 FROM sessions WHERE id = substr(key, 9) AND status = 'active')
                 LIMIT ?)"
        }
    };
    Ok(diesel::sql_query(statement).bind::<diesel::sql_types::BigInt, _>(limit).execute(connection)?)
}
