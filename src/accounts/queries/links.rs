//! Links that are good once.

use diesel::{OptionalExtension, prelude::*};

use crate::{
    accounts::browser_id::BrowserIdHash,
    clock::Timestamp,
    db::{
        DbConnection, LinkId, SessionId, UserId,
        schema::types::SqlTime,
        schema::{account_links, users},
        sql::LoadReadable,
    },
    error::Result,
    mail::{LinkRow, LinkState, MailKind},
    sessions::{User, UserRow},
};

/// The kinds of links that let their readers in, or change the account. That which puts a former address back is none: it
/// stays good while an account is disabled.
pub(in crate::accounts) const KINDS_OF_USE: [&str; 3] =
    [MailKind::Reset.as_str(), MailKind::Invitation.as_str(), MailKind::EmailChange.as_str()];

/// The kind of the links in notices, which end sessions.
pub(in crate::accounts) const KIND_OF_NOTICES: &str = "notice";

/// A new link.
pub(in crate::accounts) struct NewLinkRow {
    pub id: LinkId,
    pub kind: &'static str,
    pub user: UserId,
    pub token_hash: String,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    /// When the password was set that the account has.
    pub password_changed_at: Timestamp,
    /// The session in which it was asked for; for the link of a notice, the one that it ends.
    pub session: Option<SessionId>,
    pub requester: Option<LinkRequester>,
    /// The address that it gives the account.
    pub address: Option<String>,
}

/// Whose limit a link counts for that was asked for without a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::accounts) enum LinkRequester {
    /// A browser that the account does not know. All of them share one limit.
    Unknown,
    /// One that it knows.
    Browser(BrowserIdHash),
    /// The reader of the mail by which a former address was put back. Such a link counts for no limit.
    FormerAddress,
}

impl LinkRequester {
    /// The text in the table.
    fn to_text(&self) -> String {
        match self {
            Self::Unknown => "unknown".to_owned(),
            Self::Browser(hash) => format!("browser:{}", hash.as_str()),
            Self::FormerAddress => "former-address".to_owned(),
        }
    }
}

/// A link, and the state of its user's account.
pub(in crate::accounts) struct StoredLink {
    pub user: User,
    pub token_hash: String,
    pub state: LinkState,
    /// The session in which it was asked for.
    pub session: Option<SessionId>,
    /// Whether it is not an operator's: its user has got it by a mail to the address that the account has.
    pub is_requested: bool,
    /// The address that it gives the account.
    pub address: Option<String>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = account_links)]
struct LinkOrigin {
    session_id: Option<SessionId>,
    requested_by: Option<String>,
    address: Option<String>,
}

pub(in crate::accounts) fn insert_link(connection: &mut DbConnection, link: &NewLinkRow) -> Result<()> {
    diesel::insert_into(account_links::table)
        .values((
            account_links::id.eq(link.id),
            account_links::kind.eq(link.kind),
            account_links::user_id.eq(link.user),
            account_links::token_hash.eq(&link.token_hash),
            account_links::created_at.eq(SqlTime::from(link.created_at)),
            account_links::expires_at.eq(SqlTime::from(link.expires_at)),
            account_links::password_changed_at.eq(Some(SqlTime::from(link.password_changed_at))),
            account_links::session_id.eq(link.session),
            account_links::requested_by.eq(link.requester.as_ref().map(LinkRequester::to_text)),
            account_links::address.eq(link.address.as_deref()),
        ))
        .execute(connection)?;
    Ok(())
}

/// Finds a link of this kind.
pub(in crate::accounts) fn find_link(
    connection: &mut DbConnection,
    id: LinkId,
    kind: &str,
) -> Result<Option<StoredLink>> {
    type Row = (UserRow, LinkRow, LinkOrigin, (SqlTime, Option<SqlTime>));
    let row: Option<Row> = account_links::table
        .inner_join(users::table.on(users::id.eq(account_links::user_id)))
        .filter(account_links::id.eq(id).and(account_links::kind.eq(kind)))
        .select((
            UserRow::as_select(),
            LinkRow::as_select(),
            LinkOrigin::as_select(),
            (users::password_changed_at, users::disabled_at),
        ))
        .first(connection)
        .optional()?;
    Ok(row.map(|(user, link, origin, (password_changed_at, disabled_at))| StoredLink {
        user: user.into(),
        state: link.state(password_changed_at, disabled_at),
        token_hash: link.token_hash,
        session: origin.session_id,
        is_requested: origin.requested_by.is_some(),
        address: origin.address,
    }))
}

/// The number of links of this kind that were asked for after `since`.
pub(in crate::accounts) fn count_requested_links(
    connection: &mut DbConnection,
    user: UserId,
    kind: &str,
    requester: &LinkRequester,
    since: Timestamp,
) -> Result<usize> {
    let count: i64 = account_links::table
        .filter(account_links::user_id.eq(user).and(account_links::kind.eq(kind)))
        .filter(account_links::requested_by.eq(Some(requester.to_text())))
        .filter(account_links::created_at.gt(SqlTime::from(since)))
        .count()
        .get_result(connection)?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

/// The session that a link names.
pub(in crate::accounts) fn session_of_link(connection: &mut DbConnection, id: LinkId) -> Result<Option<SessionId>> {
    let session: Option<Option<SessionId>> =
        account_links::table.find(id).select(account_links::session_id).first(connection).optional()?;
    Ok(session.flatten())
}

/// Makes the unused links of a user void, of these kinds only.
pub(in crate::accounts) fn void_links(
    connection: &mut DbConnection,
    user: UserId,
    kinds: &[&str],
    now: Timestamp,
) -> Result<()> {
    let unused = account_links::table
        .filter(account_links::user_id.eq(user).and(account_links::kind.eq_any(kinds)))
        .filter(account_links::used_at.is_null().and(account_links::voided_at.is_null()));
    diesel::update(unused).set(account_links::voided_at.eq(Some(SqlTime::from(now)))).execute(connection)?;
    Ok(())
}

/// Uses a link up. Returns false if another request has done so before.
pub(in crate::accounts) fn use_link(connection: &mut DbConnection, id: LinkId, now: Timestamp) -> Result<bool> {
    let unused = account_links::table.find(id).filter(account_links::used_at.is_null());
    let used = diesel::update(unused).set(account_links::used_at.eq(Some(SqlTime::from(now)))).execute(connection)?;
    Ok(used == 1)
}

/// Deletes up to `limit` links that expired before `before`, or whose user no longer exists.
pub(in crate::accounts) fn purge_links(connection: &mut DbConnection, before: Timestamp, limit: i64) -> Result<usize> {
    let of_user = users::table.filter(users::id.eq(account_links::user_id));
    let is_orphan = diesel::dsl::not(diesel::dsl::exists(of_user));
    let old: Vec<LinkId> = account_links::table
        .filter(account_links::expires_at.lt(SqlTime::from(before)).or(is_orphan))
        .limit(limit)
        .select(account_links::id)
        .load_readable(connection)?;
    Ok(diesel::delete(account_links::table.filter(account_links::id.eq_any(old))).execute(connection)?)
}
