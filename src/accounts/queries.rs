//! Every statement on `users`, and in the modules below on what protects sign-ins. The functions run inside the caller's
//! transaction.

mod addresses;
mod browsers;
mod failures;
mod links;
mod one_time_passwords;
mod passkeys;
mod registrations;
mod second_factors;
mod sign_in;
mod trust;

use std::time::Duration;

use diesel::{OptionalExtension, PgConnection, SqliteConnection, prelude::*, sql_types::Text};

use super::{email::Email, model::Account};
use crate::{
    clock::Timestamp,
    db::{
        DbConnection, UserId,
        history::ExpectedMark,
        lock_writes,
        schema::types::{SqlTime, SqlUuid},
        schema::users,
        sql::{LoadReadable, batch_key, for_each_key, for_update, slot_for, sql_file},
    },
    error::Result,
    sessions::{User, UserRow},
};

pub(super) use addresses::{
    AddressOfLink, address_at, address_of_link, link_times, lock_row, new_address_since, pending_change,
    reset_at_new_address, restore_made_at, set_email, void_changes_of, void_restores, void_restores_since,
};
pub(super) use browsers::{
    find_browser, find_browser_of, forget_browsers, forget_browsers_of, language_of, purge_browsers,
};
pub(super) use failures::{
    AccountFailures, accounts_with_failures, count_failure, count_unreported, end_row, find_failures, forget_account,
    forget_failures, purge_failures, purge_orphans, take_unreported,
};
pub(super) use links::{
    KIND_OF_NOTICES, KINDS_OF_USE, LinkRequester, NewLinkRow, StoredLink, count_requested_links, find_link,
    insert_link, purge_links, session_of_link, use_link, void_links,
};
pub(super) use one_time_passwords::{
    find_password_use, forget_one_time, mark_one_time, one_time_passwords, purge_one_time_passwords,
};
pub(super) use passkeys::{
    NewPasskeyRow, StoredPasskey, count_passkeys_of_other_hosts, delete_passkey, find_passkey, has_passkeys,
    insert_passkey, note_copy, passkey_owners_after, passkeys_of, purge_passkeys, rename_passkey, use_passkey,
};
pub(super) use registrations::{
    NewRegistration, Registration, find_registration, insert_registration, purge_registrations, use_registration,
};
pub(super) use second_factors::{
    TotpFactor, UsedStep, count_recovery_codes, delete_factor, factors_after, find_factor, find_known_browser,
    forget_code_failures, has_recovery_code, insert_factor, is_used_recovery_code, purge_factors,
    recovery_codes_made_at, replace_recovery_codes, reseal, use_recovery_code, use_step,
};
pub(super) use sign_in::{SignInKey, SignInRecord, find_sign_ins};
pub(super) use trust::{end_trust, trusted_browsers};

/// The smallest step of a stored time.
pub(super) const SMALLEST_STEP: Duration = Duration::from_micros(1);

diesel::define_sql_function! {
    /// SQL's `lower`. Keyrack stores addresses in lower case, but other programs write to this table too.
    fn lower(text: Text) -> Text;
}

// Spelled like the expression of the index. With the collation "C", `lower` changes ASCII letters only, in every
// database, as it does on SQLite.
diesel::postfix_operator!(WithoutCollation, "::text COLLATE \"C\"", Text, backend: diesel::pg::Pg);

/// A user to insert.
pub(super) struct NewRow {
    pub user: User,
    pub password_hash: Option<String>,
    pub created_at: Timestamp,
    pub now: Timestamp,
}

/// Keeps other transactions from creating users until this one ends, so that what it read about users stays true.
pub(super) fn lock_table(connection: &mut DbConnection) -> Result<()> {
    lock_writes(connection, "users")
}

pub(super) fn insert(connection: &mut DbConnection, row: &NewRow) -> Result<()> {
    let (user, now) = (&row.user, SqlTime::from(row.now));
    diesel::insert_into(users::table)
        .values((
            users::id.eq(user.id),
            users::email.eq(&user.email),
            users::user_name.eq(user.user_name.as_deref()),
            users::first_name.eq(user.first_name.as_deref()),
            users::last_name.eq(user.last_name.as_deref()),
            users::role.eq(&user.role),
            users::password_hash.eq(row.password_hash.as_deref()),
            users::password_changed_at.eq(now),
            users::created_at.eq(SqlTime::from(row.created_at)),
            users::updated_at.eq(now),
        ))
        .execute(connection)?;
    Ok(())
}

pub(super) fn any(connection: &mut DbConnection) -> Result<bool> {
    Ok(users::table.select(users::id).limit(1).load_page::<UserId>(connection)?.len() > 0)
}

pub(super) fn find(connection: &mut DbConnection, email: &Email) -> Result<Option<AccountRow>> {
    Ok(find_each(connection, std::slice::from_ref(email), &ExpectedMark::any())?.into_iter().next().flatten())
}

/// Finds the user of each address.
pub(super) fn find_each(
    connection: &mut DbConnection,
    emails: &[Email],
    expected: &ExpectedMark,
) -> Result<Vec<Option<AccountRow>>> {
    match connection {
        DbConnection::Postgres(connection) => find_batch(connection, emails, expected),
        DbConnection::Sqlite(connection) => emails.iter().map(|email| find_one(connection, email)).collect(),
    }
}

fn find_batch(
    connection: &mut PgConnection,
    emails: &[Email],
    expected: &ExpectedMark,
) -> Result<Vec<Option<AccountRow>>> {
    let forms: Vec<Vec<String>> = emails.iter().map(Email::stored_forms).collect();
    let keys: Vec<&str> = forms.iter().flatten().map(String::as_str).collect();
    let stored = lower(WithoutCollation::new(users::email));
    let user = users::table.filter(stored.eq(batch_key::<Text>())).select(AccountRow::as_select());
    let mut found: Vec<Option<AccountRow>> = keys.iter().map(|_| None).collect();
    for (slot, row) in for_each_key(keys, user, expected).load_checked::<(i64, AccountRow)>(connection)? {
        // A view over another application's table may have two users with one address: take the first, like `find_one`.
        slot_for(&mut found, slot)?.get_or_insert(row);
    }
    // Of each address, the first form that was found.
    let mut found = found.into_iter();
    Ok(forms.iter().map(|forms| found.by_ref().take(forms.len()).fold(None, Option::or)).collect())
}

fn find_one(connection: &mut SqliteConnection, email: &Email) -> Result<Option<AccountRow>> {
    for form in email.stored_forms() {
        let user = users::table.filter(lower(users::email).eq(form)).select(AccountRow::as_select());
        if let Some(row) = user.load_readable(connection)?.pop() {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

/// Finds a user by id.
pub(super) fn find_by_id(connection: &mut DbConnection, id: UserId) -> Result<Option<AccountRow>> {
    Ok(users::table.find(id).select(AccountRow::as_select()).load_readable(connection)?.pop())
}

/// The next users after an id, in the order of their ids, with their addresses as stored.
pub(super) fn addresses_after(
    connection: &mut DbConnection,
    after: Option<UserId>,
    limit: i64,
) -> Result<Vec<(UserId, String)>> {
    let page = users::table.order(users::id).limit(limit).select((users::id, users::email));
    Ok(match after {
        Some(after) => page.filter(users::id.gt(after)).load_readable(connection)?,
        None => page.load_readable(connection)?,
    })
}

/// The addresses of those of these users that exist.
pub(super) fn addresses_of(connection: &mut DbConnection, ids: &[UserId]) -> Result<Vec<(UserId, String)>> {
    Ok(users::table.filter(users::id.eq_any(ids)).select((users::id, users::email)).load_readable(connection)?)
}

pub(super) fn list(connection: &mut DbConnection) -> Result<Vec<AccountRow>> {
    Ok(users::table.order(users::email).select(AccountRow::as_select()).load_readable(connection)?)
}

pub(super) fn set_disabled(
    connection: &mut DbConnection,
    id: UserId,
    disabled_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<()> {
    diesel::update(users::table.find(id))
        .set((users::disabled_at.eq(disabled_at.map(SqlTime::from)), users::updated_at.eq(SqlTime::from(now))))
        .execute(connection)?;
    Ok(())
}

/// Sets a user's names.
pub(super) fn set_names(connection: &mut DbConnection, user: &User, now: Timestamp) -> Result<()> {
    diesel::update(users::table.find(user.id))
        .set((
            users::user_name.eq(user.user_name.as_deref()),
            users::first_name.eq(user.first_name.as_deref()),
            users::last_name.eq(user.last_name.as_deref()),
            users::updated_at.eq(SqlTime::from(now)),
        ))
        .execute(connection)?;
    Ok(())
}

/// Changes a user's role. A trigger brings it into the data of the user's sessions, unless that is deferred, or `users` is
/// a view.
pub(super) fn set_role(
    connection: &mut DbConnection,
    user: &User,
    role: &str,
    now: Timestamp,
    is_deferred: bool,
) -> Result<()> {
    diesel::update(users::table.find(user.id))
        .set((users::role.eq(role), users::updated_at.eq(SqlTime::from(now))))
        .execute(connection)?;
    if let (DbConnection::Postgres(connection), false) = (connection, is_deferred) {
        sql_file(include_str!("queries/update_data_of_view_user.sql"))
            .bind::<SqlUuid, _>(user.id)
            .bind::<Text, _>(user.email.clone())
            .bind::<Text, _>(user.role.clone())
            .bind::<Text, _>(role.to_owned())
            .execute(connection)?;
    }
    Ok(())
}

pub(super) fn password_changed_at(connection: &mut DbConnection, id: UserId) -> Result<Option<Timestamp>> {
    let changed_at = users::table.find(id).select(users::password_changed_at);
    Ok(changed_at.get_result::<SqlTime>(connection).optional()?.map(Timestamp::from))
}

/// Sets a password, which is good for any number of sign-ins; all browsers need the second factor again. Returns when it was
/// set: later than the former one in any case, whatever the clocks say. Sign-ins and links tell by that time whether the
/// account still has the same password.
pub(super) fn set_password(connection: &mut DbConnection, id: UserId, hash: &str, now: Timestamp) -> Result<Timestamp> {
    replace_hash(connection, id, Some(hash), now)
}

/// Removes the password: its user needs a link for a new one. Returns when that was, as [`set_password`] does.
pub(super) fn remove_password(connection: &mut DbConnection, id: UserId, now: Timestamp) -> Result<Timestamp> {
    replace_hash(connection, id, None, now)
}

fn replace_hash(connection: &mut DbConnection, id: UserId, hash: Option<&str>, now: Timestamp) -> Result<Timestamp> {
    let former = for_update(users::table.find(id).select(users::password_changed_at));
    let former: Option<SqlTime> = former.get_result(connection).optional()?;
    let changed_at = former.map_or(now, |former| now.max(Timestamp::from(former) + SMALLEST_STEP));
    forget_one_time(connection, id)?;
    // The former password may have been another person's way to the browsers that need no second factor.
    end_trust(connection, id, None)?;
    diesel::update(users::table.find(id))
        .set((
            users::password_hash.eq(hash),
            users::password_changed_at.eq(SqlTime::from(changed_at)),
            users::updated_at.eq(SqlTime::from(changed_at)),
        ))
        .execute(connection)?;
    Ok(changed_at)
}

/// The stored password of a user who is not disabled.
pub(super) struct StoredPassword {
    pub hash: Option<String>,
    pub changed_at: Timestamp,
}

impl From<(Option<String>, SqlTime)> for StoredPassword {
    fn from((hash, changed_at): (Option<String>, SqlTime)) -> Self {
        Self { hash, changed_at: changed_at.into() }
    }
}

/// Finds the password of a user by id; `None` if the user does not exist, or is disabled.
pub(super) fn find_password(connection: &mut DbConnection, id: UserId) -> Result<Option<StoredPassword>> {
    let row: Option<(Option<String>, SqlTime)> = users::table
        .find(id)
        .filter(users::disabled_at.is_null())
        .select((users::password_hash, users::password_changed_at))
        .get_result(connection)
        .optional()?;
    Ok(row.map(StoredPassword::from))
}

/// Finds the same password, and locks its user's row until the transaction ends.
pub(super) fn lock_password(connection: &mut DbConnection, id: UserId) -> Result<Option<StoredPassword>> {
    let query = users::table
        .find(id)
        .filter(users::disabled_at.is_null())
        .select((users::password_hash, users::password_changed_at));
    let row: Option<(Option<String>, SqlTime)> = for_update(query).get_result(connection).optional()?;
    Ok(row.map(StoredPassword::from))
}

/// Replaces a hash by another one of the same password, unless the password has been changed meanwhile.
pub(super) fn rehash(connection: &mut DbConnection, id: UserId, old: &str, new: &str) -> Result<()> {
    diesel::update(users::table.find(id).filter(users::password_hash.eq(old)))
        .set(users::password_hash.eq(new))
        .execute(connection)?;
    Ok(())
}

/// The stored hashes of up to `limit` users. Their ids are random, so those that follow a random id are a random sample.
pub(super) fn sample_hashes(connection: &mut DbConnection, random: UserId, limit: i64) -> Result<Vec<String>> {
    let with_hash = || users::table.filter(users::password_hash.is_not_null()).order(users::id).limit(limit);
    let select = users::password_hash.assume_not_null();
    let mut hashes: Vec<String> = with_hash().filter(users::id.ge(random)).select(select).load(connection)?;
    let missing = usize::try_from(limit).unwrap_or(usize::MAX).saturating_sub(hashes.len());
    if missing > 0 {
        let first: Vec<String> = with_hash().filter(users::id.lt(random)).select(select).load(connection)?;
        hashes.extend(first.into_iter().take(missing));
    }
    Ok(hashes)
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = users)]
pub(super) struct AccountRow {
    #[diesel(embed)]
    pub user: UserRow,
    pub password_hash: Option<String>,
    pub password_changed_at: SqlTime,
    created_at: SqlTime,
    pub disabled_at: Option<SqlTime>,
}

impl From<AccountRow> for Account {
    fn from(row: AccountRow) -> Self {
        Self {
            user: row.user.into(),
            created_at: row.created_at.into(),
            disabled_at: row.disabled_at.map(Timestamp::from),
        }
    }
}
