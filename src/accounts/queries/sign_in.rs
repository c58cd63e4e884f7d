//! Looks up everything that decides about a sign-in in one statement: the user, their known browser, and the counts of
//! failures.

use std::collections::HashMap;

use diesel::{
    OptionalExtension, PgConnection,
    prelude::*,
    sql_types::{Array, BigInt, Bool, Integer, Nullable, Text},
};

use super::{AccountRow, find, one_time_passwords::find_password_use};
use crate::{
    accounts::{
        browser_id::BrowserIdHash, email::Email, failure_keys::FailureKey, failures::Failures, model::PasswordUse,
    },
    clock::Timestamp,
    db::{
        DbConnection, UserId,
        history::ExpectedMark,
        schema::types::{Instant, SqlTime, SqlUuid},
        schema::{known_browsers, sign_in_failures, totp_factors},
        sql::{LoadReadable, slot_for, sql_file},
    },
    error::Result,
    sessions::User,
};

/// What a sign-in is looked up by.
#[derive(Debug, Clone)]
pub(in crate::accounts) struct SignInKey {
    pub email: Email,
    /// The key of the failures if there is no such user.
    pub unknown: String,
    pub browsers: Vec<BrowserIdHash>,
    /// The keys of the failures of the client's networks.
    pub networks: Vec<String>,
}

/// What decides about a sign-in.
#[derive(Debug, Clone, Default)]
pub(in crate::accounts) struct SignInRecord {
    pub account: Option<SignInAccount>,
    /// The browser, if the account knows it.
    pub browser: Option<BrowserIdHash>,
    /// Whether the user has set up a second factor.
    pub has_second_factor: bool,
    /// Until when the browser needs none, if it is one of those.
    pub trusted_until: Option<Timestamp>,
    failures: HashMap<String, Failures>,
}

impl SignInRecord {
    pub fn failures(&self, key: &FailureKey) -> Option<Failures> {
        self.failures.get(key.as_str()).copied()
    }
}

/// The columns of `users` that a sign-in needs.
#[derive(Debug, Clone)]
pub(in crate::accounts) struct SignInAccount {
    pub user: User,
    pub password_hash: Option<String>,
    pub password_changed_at: Timestamp,
    pub is_disabled: bool,
    pub password_use: PasswordUse,
}

impl SignInAccount {
    fn new(row: AccountRow, password_use: PasswordUse) -> Self {
        Self {
            user: row.user.into(),
            password_hash: row.password_hash,
            password_changed_at: row.password_changed_at.into(),
            is_disabled: row.disabled_at.is_some(),
            password_use,
        }
    }
}

/// Finds the record of each key. Every key has one.
///
/// The server's history is not compared: a sign-in that succeeds or fails writes, which a read-only server rejects.
pub(in crate::accounts) fn find_sign_ins(
    connection: &mut DbConnection,
    keys: &[SignInKey],
    _: &ExpectedMark,
) -> Result<Vec<Option<SignInRecord>>> {
    match connection {
        DbConnection::Postgres(connection) => find_batch(connection, keys),
        DbConnection::Sqlite(_) => keys.iter().map(|key| find_single(connection, key).map(Some)).collect(),
    }
}

#[derive(QueryableByName)]
struct SignInRow {
    #[diesel(sql_type = BigInt)]
    slot: i64,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    id: Option<UserId>,
    #[diesel(sql_type = Nullable<Text>)]
    email: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    user_name: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    first_name: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    last_name: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    role: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    password_hash: Option<String>,
    #[diesel(sql_type = Nullable<Instant>)]
    password_changed_at: Option<SqlTime>,
    #[diesel(sql_type = Nullable<Instant>)]
    disabled_at: Option<SqlTime>,
    #[diesel(sql_type = Nullable<Bool>)]
    is_used_up: Option<bool>,
    #[diesel(sql_type = Nullable<Text>)]
    browser: Option<String>,
    #[diesel(sql_type = Bool)]
    has_second_factor: bool,
    #[diesel(sql_type = Nullable<Instant>)]
    trusted_until: Option<SqlTime>,
    #[diesel(sql_type = Nullable<Array<Text>>)]
    failure_keys: Option<Vec<String>>,
    #[diesel(sql_type = Nullable<Array<Integer>>)]
    in_a_row: Option<Vec<i32>>,
    #[diesel(sql_type = Nullable<Array<Instant>>)]
    last_failure_at: Option<Vec<SqlTime>>,
    #[diesel(sql_type = Nullable<Array<Instant>>)]
    forgotten_at: Option<Vec<SqlTime>>,
}

impl From<SignInRow> for SignInRecord {
    fn from(row: SignInRow) -> Self {
        let failures = row.failure_keys.unwrap_or_default().into_iter().zip(
            row.in_a_row
                .unwrap_or_default()
                .into_iter()
                .zip(row.last_failure_at.unwrap_or_default())
                .zip(row.forgotten_at.unwrap_or_default())
                .map(|((in_a_row, last), forgotten)| failures_of(in_a_row, last, forgotten)),
        );
        let account = row.id.zip(row.password_changed_at).map(|(id, password_changed_at)| SignInAccount {
            user: User {
                id,
                email: row.email.unwrap_or_default(),
                user_name: row.user_name,
                first_name: row.first_name,
                last_name: row.last_name,
                role: row.role.unwrap_or_default(),
            },
            password_hash: row.password_hash,
            password_changed_at: password_changed_at.into(),
            is_disabled: row.disabled_at.is_some(),
            password_use: PasswordUse::new(row.is_used_up),
        });
        Self {
            account,
            browser: row.browser.map(BrowserIdHash),
            has_second_factor: row.has_second_factor,
            trusted_until: row.trusted_until.map(Timestamp::from),
            failures: failures.collect(),
        }
    }
}

pub(super) fn failures_of(in_a_row: i32, last_failure_at: SqlTime, forgotten_at: SqlTime) -> Failures {
    Failures {
        in_a_row: u32::try_from(in_a_row).unwrap_or(0),
        last_failure_at: last_failure_at.into(),
        forgotten_at: forgotten_at.into(),
    }
}

fn find_batch(connection: &mut PgConnection, keys: &[SignInKey]) -> Result<Vec<Option<SignInRecord>>> {
    // None of the parts contains a blank, addresses included.
    let joined = |parts: &mut dyn Iterator<Item = &str>| parts.collect::<Vec<_>>().join(" ");
    let browsers: Vec<String> =
        keys.iter().map(|key| joined(&mut key.browsers.iter().map(BrowserIdHash::as_str))).collect();
    let networks: Vec<String> = keys.iter().map(|key| joined(&mut key.networks.iter().map(String::as_str))).collect();
    let statement = sql_file(include_str!("find_sign_ins.sql"))
        .bind::<Array<Text>, _>(keys.iter().map(|key| key.email.stored_forms().join(" ")).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(keys.iter().map(|key| key.unknown.clone()).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(browsers)
        .bind::<Array<Text>, _>(networks);
    let mut found: Vec<Option<SignInRecord>> = keys.iter().map(|_| None).collect();
    for row in statement.get_results::<SignInRow>(connection)? {
        let slot = slot_for(&mut found, row.slot)?;
        *slot = Some(row.into());
    }
    Ok(found)
}

fn find_single(connection: &mut DbConnection, key: &SignInKey) -> Result<SignInRecord> {
    let account = match find(connection, &key.email)? {
        Some(row) => {
            let password_use = find_password_use(connection, row.user.id(), row.password_changed_at.into())?;
            Some(SignInAccount::new(row, password_use))
        }
        None => None,
    };
    let (browser, trusted_until) = match &account {
        Some(account) if !key.browsers.is_empty() => find_browser(connection, account.user.id, &key.browsers)?.unzip(),
        _ => (None, None),
    };
    let account_key = account
        .as_ref()
        .map_or_else(|| key.unknown.clone(), |account| FailureKey::account(account.user.id).as_str().to_owned());
    let browser_key = browser.as_ref().map(|browser| FailureKey::browser(browser).as_str().to_owned());
    let keys = key.networks.iter().cloned().chain([account_key]).chain(browser_key);
    let rows: Vec<(String, i32, SqlTime, SqlTime)> = sign_in_failures::table
        .filter(sign_in_failures::key.eq_any(keys))
        .select((
            sign_in_failures::key,
            sign_in_failures::in_a_row,
            sign_in_failures::last_failure_at,
            sign_in_failures::forgotten_at,
        ))
        .load_readable(connection)?;
    let failures =
        rows.into_iter().map(|(key, in_a_row, last, forgotten)| (key, failures_of(in_a_row, last, forgotten)));
    let failures = failures.collect();
    let user = account.as_ref().map(|account| account.user.id);
    let has_second_factor = user.map_or(Ok(false), |user| has_factor(connection, user))?;
    Ok(SignInRecord { account, browser, has_second_factor, trusted_until: trusted_until.flatten(), failures })
}

/// Whether a user has an authenticator app. The batched lookup of PostgreSQL reads the same.
fn has_factor(connection: &mut DbConnection, user: UserId) -> Result<bool> {
    Ok(diesel::select(diesel::dsl::exists(totp_factors::table.find(user))).get_result(connection)?)
}

/// The browser among these that the account knows, and until when it needs no second factor. The batched lookup of
/// PostgreSQL reads the same.
fn find_browser(
    connection: &mut DbConnection,
    user: UserId,
    browsers: &[BrowserIdHash],
) -> Result<Option<(BrowserIdHash, Option<Timestamp>)>> {
    let presented = known_browsers::table
        .filter(known_browsers::user_id.eq(user))
        .filter(known_browsers::id_hash.eq_any(browsers.iter().map(BrowserIdHash::as_str)));
    // SQLite sorts NULL last here.
    let latest = presented
        .order(known_browsers::trusted_until.desc())
        .select((known_browsers::id_hash, known_browsers::trusted_until));
    let found: Option<(String, Option<SqlTime>)> = latest.first(connection).optional()?;
    Ok(found.map(|(hash, until)| (BrowserIdHash(hash), until.map(Timestamp::from))))
}
