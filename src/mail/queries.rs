//! The queries of the queue.

use diesel::{OptionalExtension, prelude::*};

use super::{
    kind::MailKind,
    link_state::LinkState,
    model::{ListedMail, NewMail},
    notice::NoticeFacts,
};
use crate::{
    clock::Timestamp,
    db::{
        AttemptId, DbConnection, LinkId, MailId, UserId,
        schema::types::{Json, SqlTime},
        schema::{account_links, mails, registrations, users},
        sql::{LoadReadable, for_update_skip_locked},
    },
    error::Result,
};

/// The newest mails that are listed.
const MAX_LISTED: i64 = 1000;

/// A mail whose attempt has begun.
#[derive(Debug, Clone)]
pub(super) struct ClaimedMail {
    pub id: MailId,
    /// Distinguishes this attempt from one that begins after it has taken too long.
    pub attempt: AttemptId,
    pub mail: MailRow,
    pub link: Option<MailedLink>,
}

/// What is needed to make and send a mail.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = mails)]
pub(super) struct MailRow {
    created_at: SqlTime,
    pub user_id: Option<UserId>,
    pub address: String,
    pub kind: String,
    params: Json,
    pub language: String,
    pub link_id: Option<LinkId>,
    /// How many attempts there were, this one included.
    pub attempts: i32,
}

/// The link of a mail.
#[derive(Debug, Clone)]
pub(super) struct MailedLink {
    pub id: LinkId,
    pub token_hash: String,
    pub state: LinkState,
}

/// What has become of an attempt.
#[derive(Debug, Clone)]
pub(super) enum AttemptOutcome {
    Sent,
    /// The next one follows at this time.
    Failed {
        reason: String,
        next_attempt_at: Timestamp,
    },
    GivenUp {
        reason: String,
    },
}

/// What decides whether a link is good, without the state of its user's account.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = account_links)]
pub(crate) struct LinkRow {
    pub token_hash: String,
    created_at: SqlTime,
    expires_at: SqlTime,
    used_at: Option<SqlTime>,
    voided_at: Option<SqlTime>,
    password_changed_at: Option<SqlTime>,
}

impl LinkRow {
    /// Together with when the account's password was set, and when it was disabled.
    pub fn state(&self, password_changed_at: SqlTime, disabled_at: Option<SqlTime>) -> LinkState {
        LinkState {
            created_at: self.created_at.into(),
            expires_at: self.expires_at.into(),
            used_at: self.used_at.map(Timestamp::from),
            voided_at: self.voided_at.map(Timestamp::from),
            made_for: self.password_changed_at.map(Timestamp::from),
            password_changed_at: password_changed_at.into(),
            is_disabled: disabled_at.is_some(),
        }
    }
}

impl MailRow {
    pub fn created_at(&self) -> Timestamp {
        self.created_at.into()
    }

    /// What a notice tells.
    pub fn facts(&self) -> NoticeFacts {
        NoticeFacts::from_json(&self.params.0)
    }
}

pub(super) fn insert(connection: &mut DbConnection, id: MailId, mail: &NewMail, now: Timestamp) -> Result<()> {
    diesel::insert_into(mails::table)
        .values((
            mails::id.eq(id),
            mails::created_at.eq(SqlTime::from(now)),
            mails::user_id.eq(mail.user),
            mails::address.eq(&mail.address),
            mails::kind.eq(mail.kind.as_str()),
            mails::params.eq(Json(mail.facts.to_json())),
            mails::language.eq(mail.language.code()),
            mails::link_id.eq(mail.link),
            mails::attempts.eq(0),
            mails::next_attempt_at.eq(Some(SqlTime::from(now))),
        ))
        .execute(connection)?;
    Ok(())
}

/// The notices that were queued for a user after `since`, and what they tell.
pub(crate) fn notices_since(
    connection: &mut DbConnection,
    user: UserId,
    since: Timestamp,
) -> Result<Vec<(MailKind, NoticeFacts)>> {
    let rows: Vec<(String, Json)> = mails::table
        .filter(mails::user_id.eq(user))
        .filter(mails::created_at.gt(SqlTime::from(since)))
        .filter(mails::kind.eq_any(MailKind::notices()))
        .select((mails::kind, mails::params))
        .load(connection)?;
    let notice = |(kind, params): (String, Json)| Some((MailKind::parse(&kind)?, NoticeFacts::from_json(&params.0)));
    Ok(rows.into_iter().filter_map(notice).collect())
}

/// How many mails of these kinds were queued for an address after `since`, whichever account they were about.
pub(crate) fn count_to_address(
    connection: &mut DbConnection,
    address: &str,
    kinds: &[MailKind],
    since: Timestamp,
) -> Result<usize> {
    let count: i64 = mails::table
        .filter(mails::address.eq(address))
        .filter(mails::created_at.gt(SqlTime::from(since)))
        .filter(mails::kind.eq_any(kinds.iter().map(|kind| kind.as_str())))
        .count()
        .get_result(connection)?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

/// What the notice with this link tells.
pub(crate) fn find_notice(connection: &mut DbConnection, link: LinkId) -> Result<Option<(MailKind, NoticeFacts)>> {
    let row: Option<(String, Json)> = mails::table
        .filter(mails::link_id.eq(link))
        .select((mails::kind, mails::params))
        .first(connection)
        .optional()?;
    Ok(row.and_then(|(kind, params)| Some((MailKind::parse(&kind)?, NoticeFacts::from_json(&params.0)))))
}

/// When the next mail may be sent; `None` if none waits.
pub(super) fn next_due(connection: &mut DbConnection) -> Result<Option<Timestamp>> {
    let first: Option<Option<SqlTime>> = mails::table
        .filter(mails::next_attempt_at.is_not_null())
        .order(mails::next_attempt_at)
        .select(mails::next_attempt_at)
        .first(connection)
        .optional()?;
    Ok(first.flatten().map(Timestamp::from))
}

/// Begins an attempt to send the mail that is due for the longest time. No other process begins one until `until`.
pub(super) fn claim(connection: &mut DbConnection, now: Timestamp, until: Timestamp) -> Result<Option<ClaimedMail>> {
    let due = mails::table
        .filter(mails::next_attempt_at.le(SqlTime::from(now)))
        .order(mails::next_attempt_at)
        .limit(1)
        .select(mails::id);
    let Some(id) = for_update_skip_locked(due).load_readable::<MailId>(connection)?.pop() else { return Ok(None) };
    let attempt = AttemptId::random();
    diesel::update(mails::table.find(id))
        .set((
            mails::attempt_id.eq(Some(attempt)),
            mails::attempts.eq(mails::attempts + 1),
            mails::next_attempt_at.eq(Some(SqlTime::from(until))),
        ))
        .execute(connection)?;
    let mail: MailRow = mails::table.find(id).select(MailRow::as_select()).first(connection)?;
    let link = match mail.link_id {
        Some(link) if mail.user_id.is_some() => find_link(connection, link)?,
        Some(link) => find_registration(connection, link)?,
        None => None,
    };
    Ok(Some(ClaimedMail { id, attempt, mail, link }))
}

/// Finds the link of a mail, and the state of its user's account.
fn find_link(connection: &mut DbConnection, id: LinkId) -> Result<Option<MailedLink>> {
    let row: Option<(LinkRow, SqlTime, Option<SqlTime>)> = account_links::table
        .inner_join(users::table.on(users::id.eq(account_links::user_id)))
        .filter(account_links::id.eq(id))
        .select((LinkRow::as_select(), users::password_changed_at, users::disabled_at))
        .first(connection)
        .optional()?;
    Ok(row.map(|(link, password_changed_at, disabled_at)| MailedLink {
        id,
        state: link.state(password_changed_at, disabled_at),
        token_hash: link.token_hash,
    }))
}

/// Finds the link of a mail to an address that has no account. What belongs to an account does not matter for it.
fn find_registration(connection: &mut DbConnection, id: LinkId) -> Result<Option<MailedLink>> {
    type Row = (String, SqlTime, SqlTime, Option<SqlTime>, Option<SqlTime>);
    let row: Option<Row> = registrations::table
        .find(id)
        .select((
            registrations::token_hash,
            registrations::created_at,
            registrations::expires_at,
            registrations::used_at,
            registrations::voided_at,
        ))
        .first(connection)
        .optional()?;
    Ok(row.map(|(token_hash, created_at, expires_at, used_at, voided_at)| {
        let link = LinkRow { token_hash, created_at, expires_at, used_at, voided_at, password_changed_at: None };
        MailedLink { id, state: link.state(created_at, None), token_hash: link.token_hash }
    }))
}

/// Records what has become of an attempt. Returns false if another one has begun since, or the mail is gone.
pub(super) fn end_attempt(
    connection: &mut DbConnection,
    mail: &ClaimedMail,
    outcome: &AttemptOutcome,
    now: Timestamp,
) -> Result<bool> {
    let now = Some(SqlTime::from(now));
    let (sent_at, given_up_at, next_attempt_at, last_error) = match outcome {
        AttemptOutcome::Sent => (now, None, None, None),
        AttemptOutcome::Failed { reason, next_attempt_at } => {
            (None, None, Some(SqlTime::from(*next_attempt_at)), Some(reason))
        }
        AttemptOutcome::GivenUp { reason } => (None, now, None, Some(reason)),
    };
    let changed = diesel::update(mails::table.find(mail.id).filter(mails::attempt_id.eq(Some(mail.attempt))))
        .set((
            mails::attempt_id.eq(None::<AttemptId>),
            mails::sent_at.eq(sent_at),
            mails::given_up_at.eq(given_up_at),
            mails::next_attempt_at.eq(next_attempt_at),
            mails::last_error.eq(last_error),
        ))
        .execute(connection)?;
    Ok(changed == 1)
}

/// The newest mails first.
pub(super) fn list(connection: &mut DbConnection, only_given_up: bool) -> Result<Vec<ListedMail>> {
    #[derive(Queryable, Selectable)]
    #[diesel(table_name = mails)]
    struct Row {
        id: MailId,
        created_at: SqlTime,
        kind: String,
        user_id: Option<UserId>,
        address: String,
        language: String,
        attempts: i32,
        next_attempt_at: Option<SqlTime>,
        sent_at: Option<SqlTime>,
        given_up_at: Option<SqlTime>,
        last_error: Option<String>,
    }

    let query = mails::table.order((mails::created_at.desc(), mails::id)).limit(MAX_LISTED).select(Row::as_select());
    let rows: Vec<Row> = if only_given_up {
        query.filter(mails::given_up_at.is_not_null()).load_readable(connection)?
    } else {
        query.load_readable(connection)?
    };
    let listed = rows.into_iter().map(|row| ListedMail {
        id: row.id,
        created_at: row.created_at.into(),
        kind: row.kind,
        user_id: row.user_id,
        address: row.address,
        language: row.language,
        state: match (row.sent_at, row.given_up_at) {
            (Some(_), _) => "sent",
            (None, Some(_)) => "given_up",
            (None, None) => "waiting",
        },
        attempts: row.attempts,
        next_attempt_at: row.next_attempt_at.map(Timestamp::from),
        sent_at: row.sent_at.map(Timestamp::from),
        given_up_at: row.given_up_at.map(Timestamp::from),
        last_error: row.last_error,
    });
    Ok(listed.collect())
}

/// The number of mails that were added before `before` and still wait, and when the oldest of them was added.
pub(super) fn overdue(connection: &mut DbConnection, before: Timestamp) -> Result<Option<(i64, Timestamp)>> {
    let waiting =
        || mails::table.filter(mails::next_attempt_at.is_not_null().and(mails::created_at.lt(SqlTime::from(before))));
    let count: i64 = waiting().count().get_result(connection)?;
    let oldest: Option<SqlTime> =
        waiting().order(mails::created_at).select(mails::created_at).first(connection).optional()?;
    Ok(oldest.map(|oldest| (count, oldest.into())))
}

/// Deletes up to `limit` mails that were added before `before`, or whose user no longer exists.
pub(super) fn purge(connection: &mut DbConnection, before: Timestamp, limit: i64) -> Result<usize> {
    let of_user = users::table.filter(users::id.nullable().eq(mails::user_id));
    let is_orphan = mails::user_id.is_not_null().and(diesel::dsl::not(diesel::dsl::exists(of_user)));
    let old: Vec<MailId> = mails::table
        .filter(mails::created_at.lt(SqlTime::from(before)).or(is_orphan))
        .limit(limit)
        .select(mails::id)
        .load_readable(connection)?;
    Ok(diesel::delete(mails::table.filter(mails::id.eq_any(old))).execute(connection)?)
}
