//! Addresses of accounts, and the links that change them.

use std::collections::BTreeSet;

use diesel::{OptionalExtension, dsl::exists, prelude::*, sql_types::Text};

use crate::{
    accounts::email::Email,
    clock::Timestamp,
    db::{
        DbConnection, LinkId, SessionId, UserId,
        schema::types::{SqlTime, SqlUuid},
        schema::{account_links, users},
        sql::{for_update, sql_file},
    },
    error::Result,
    mail::MailKind,
    sessions::User,
};

const CHANGE: &str = MailKind::EmailChange.as_str();
const RESET: &str = MailKind::Reset.as_str();
const CHANGED: &str = MailKind::EmailChanged.as_str();

/// What a link says of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::accounts) struct AddressOfLink {
    pub link: LinkId,
    pub address: String,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// Changes the address of a user. A trigger brings it into the data of the user's sessions, unless `users` is a view.
pub(in crate::accounts) fn set_email(
    connection: &mut DbConnection,
    user: &User,
    new: &str,
    now: Timestamp,
) -> Result<()> {
    diesel::update(users::table.find(user.id))
        .set((users::email.eq(new), users::updated_at.eq(SqlTime::from(now))))
        .execute(connection)?;
    if let DbConnection::Postgres(connection) = connection {
        sql_file(include_str!("update_email_of_view_user.sql"))
            .bind::<SqlUuid, _>(user.id)
            .bind::<Text, _>(user.email.clone())
            .bind::<Text, _>(new.to_owned())
            .bind::<Text, _>(user.role.clone())
            .execute(connection)?;
    }
    Ok(())
}

/// Locks a user's row until the transaction ends.
pub(in crate::accounts) fn lock_row(connection: &mut DbConnection, id: UserId) -> Result<()> {
    let row = for_update(users::table.find(id).select(users::id));
    let _: Option<UserId> = row.get_result(connection).optional()?;
    Ok(())
}

/// When the links of this kind were made for a user after `since`, the latest first.
pub(in crate::accounts) fn link_times(
    connection: &mut DbConnection,
    user: UserId,
    kind: &str,
    since: Timestamp,
) -> Result<Vec<Timestamp>> {
    let times: Vec<SqlTime> = account_links::table
        .filter(account_links::user_id.eq(user).and(account_links::kind.eq(kind)))
        .filter(account_links::created_at.gt(SqlTime::from(since)))
        .order(account_links::created_at.desc())
        .select(account_links::created_at)
        .load(connection)?;
    Ok(times.into_iter().map(Timestamp::from).collect())
}

/// The address that a user has asked for and not proved yet.
pub(in crate::accounts) fn pending_change(
    connection: &mut DbConnection,
    user: UserId,
    now: Timestamp,
) -> Result<Option<AddressOfLink>> {
    let row: Option<AddressRow> = account_links::table
        .inner_join(users::table.on(users::id.eq(account_links::user_id)))
        .filter(account_links::user_id.eq(user).and(account_links::kind.eq(CHANGE)))
        .filter(account_links::used_at.is_null().and(account_links::voided_at.is_null()))
        .filter(account_links::expires_at.gt(SqlTime::from(now)))
        .filter(account_links::password_changed_at.eq(users::password_changed_at.nullable()))
        .order(account_links::created_at.desc())
        .select((account_links::id, account_links::address, account_links::created_at, account_links::expires_at))
        .first(connection)
        .optional()?;
    Ok(row.and_then(address))
}

/// When the address of a user was changed first after `since` by a link to the new one; `None` if it was not, or was put back.
pub(in crate::accounts) fn new_address_since(
    connection: &mut DbConnection,
    user: UserId,
    since: Timestamp,
) -> Result<Option<Timestamp>> {
    let changed_at: Option<SqlTime> = account_links::table
        .filter(account_links::user_id.eq(user).and(account_links::kind.eq(CHANGED)))
        .filter(account_links::created_at.gt(SqlTime::from(since)))
        .filter(account_links::used_at.is_null().and(account_links::voided_at.is_null()))
        .select(account_links::created_at)
        .order(account_links::created_at.asc())
        .first(connection)
        .optional()?;
    Ok(changed_at.map(Timestamp::from))
}

/// When a user has used the link for a new password that was used last, if it was mailed to an address that the account had
/// got after `since` by a link to it. A change counts that was taken back later, or replaced by an operator's: the password is
/// still that of the person who has read the mail.
pub(in crate::accounts) fn reset_at_new_address(
    connection: &mut DbConnection,
    user: UserId,
    since: Timestamp,
) -> Result<Option<Timestamp>> {
    let used_at: Option<Option<SqlTime>> = account_links::table
        .filter(account_links::user_id.eq(user).and(account_links::kind.eq(RESET)))
        .filter(account_links::used_at.gt(SqlTime::from(since)).assume_not_null())
        .select(account_links::used_at)
        .order(account_links::used_at.desc())
        .first(connection)
        .optional()?;
    let Some(used_at) = used_at.flatten() else { return Ok(None) };
    let was_new = account_links::table
        .filter(account_links::user_id.eq(user).and(account_links::kind.eq(CHANGED)))
        .filter(account_links::created_at.gt(SqlTime::from(since)).and(account_links::created_at.le(used_at)))
        .filter(account_links::voided_at.is_null().or(account_links::voided_at.gt(used_at).assume_not_null()))
        .filter(account_links::used_at.is_null().or(account_links::used_at.gt(used_at).assume_not_null()));
    let was_new: bool = diesel::select(exists(was_new)).get_result(connection)?;
    Ok(was_new.then(|| used_at.into()))
}

/// The former address that a link puts back.
pub(in crate::accounts) fn address_of_link(
    connection: &mut DbConnection,
    user: UserId,
    id: LinkId,
) -> Result<Option<AddressOfLink>> {
    let row: Option<AddressRow> = account_links::table
        .find(id)
        .filter(account_links::user_id.eq(user).and(account_links::kind.eq(CHANGED)))
        .select((account_links::id, account_links::address, account_links::created_at, account_links::expires_at))
        .first(connection)
        .optional()?;
    Ok(row.and_then(address))
}

type AddressRow = (LinkId, Option<String>, SqlTime, SqlTime);

/// The address that a user had at this time; `None` if it was not changed since, or too long ago.
pub(in crate::accounts) fn address_at(
    connection: &mut DbConnection,
    user: UserId,
    at: Timestamp,
) -> Result<Option<String>> {
    let address: Option<Option<String>> = account_links::table
        .filter(account_links::user_id.eq(user).and(account_links::kind.eq(CHANGED)))
        .filter(account_links::created_at.gt(SqlTime::from(at)))
        .order(account_links::created_at)
        .select(account_links::address)
        .first(connection)
        .optional()?;
    Ok(address.flatten())
}

fn address((link, address, created_at, expires_at): AddressRow) -> Option<AddressOfLink> {
    let (created_at, expires_at) = (created_at.into(), expires_at.into());
    address.map(|address| AddressOfLink { link, address, created_at, expires_at })
}

/// Makes the unused links void that put former addresses of a user back, and were made then or later.
pub(in crate::accounts) fn void_restores_since(
    connection: &mut DbConnection,
    user: UserId,
    since: Timestamp,
    now: Timestamp,
) -> Result<()> {
    let later = account_links::table
        .filter(account_links::user_id.eq(user).and(account_links::kind.eq(CHANGED)))
        .filter(account_links::created_at.ge(SqlTime::from(since)))
        .filter(account_links::used_at.is_null().and(account_links::voided_at.is_null()));
    diesel::update(later).set(account_links::voided_at.eq(Some(SqlTime::from(now)))).execute(connection)?;
    Ok(())
}

/// Makes these links void that put a former address of a user back.
pub(in crate::accounts) fn void_restores(
    connection: &mut DbConnection,
    user: UserId,
    links: &[LinkId],
    now: Timestamp,
) -> Result<()> {
    let unused = account_links::table
        .filter(account_links::user_id.eq(user).and(account_links::kind.eq(CHANGED)))
        .filter(account_links::id.eq_any(links.to_vec()))
        .filter(account_links::used_at.is_null().and(account_links::voided_at.is_null()));
    diesel::update(unused).set(account_links::voided_at.eq(Some(SqlTime::from(now)))).execute(connection)?;
    Ok(())
}

/// When the first good link was made that puts this address of a user back, in any spelling; `None` if none does.
pub(in crate::accounts) fn restore_made_at(
    connection: &mut DbConnection,
    user: UserId,
    address: &Email,
    now: Timestamp,
) -> Result<Option<Timestamp>> {
    // A former address is kept as the account had it, and another program may have written that in other letters.
    let good: Vec<(Option<String>, SqlTime)> = account_links::table
        .filter(account_links::user_id.eq(user).and(account_links::kind.eq(CHANGED)))
        .filter(account_links::expires_at.gt(SqlTime::from(now)))
        .filter(account_links::used_at.is_null().and(account_links::voided_at.is_null()))
        .select((account_links::address, account_links::created_at))
        .order(account_links::created_at.asc())
        .load(connection)?;
    let is_same = |former: &str| former.parse().is_ok_and(|former: Email| former == *address);
    let first = good.into_iter().find(|(former, _)| former.as_deref().is_some_and(is_same));
    Ok(first.map(|(_, made_at)| made_at.into()))
}

/// Makes the unused links void that change the address of a user, and were asked for in one of these sessions.
pub(in crate::accounts) fn void_changes_of(
    connection: &mut DbConnection,
    user: UserId,
    sessions: &BTreeSet<SessionId>,
    now: Timestamp,
) -> Result<()> {
    let asked = account_links::table
        .filter(account_links::user_id.eq(user).and(account_links::kind.eq(CHANGE)))
        .filter(account_links::session_id.eq_any(sessions.iter().copied().map(Some)))
        .filter(account_links::used_at.is_null().and(account_links::voided_at.is_null()));
    diesel::update(asked).set(account_links::voided_at.eq(Some(SqlTime::from(now)))).execute(connection)?;
    Ok(())
}
