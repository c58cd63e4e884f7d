//! Sign-ins and sign-outs of concurrent requests, each kind in one statement. PostgreSQL only, see
//! [`GroupCommit`](crate::db::GroupCommit).

use std::{collections::HashMap, net::IpAddr};

use diesel::{
    OptionalExtension,
    dsl::count_star,
    prelude::*,
    sql_types::{Array, BigInt, Bool, Nullable, Text},
};

use super::{
    browsers::browser_event,
    end::address_of,
    insert::{NewRow, sign_in_event},
};
use crate::{
    clock::Timestamp,
    db::{
        DbConnection, FormId, SessionId, UserId,
        history::{EndedSession, note_end, note_end_requested},
        schema::sessions,
        schema::types::{Instant, Json, SqlJson, SqlTime, SqlUuid},
        sql::sql_file,
    },
    error::{Error, Result},
    events::{EventKind, NewEvent, Source, log_after_commit},
    sessions::{
        browsers::{BrowserIdHash, MAX_BROWSERS_PER_ACCOUNT, MAX_NEW_BROWSERS_PER_DAY, SignInBrowser},
        model::{EndReason, Proof, Sid},
        way_in::WayIn,
    },
    words::Language,
};

/// A write that nearly always succeeds, and that one row of one statement can express.
pub(in crate::sessions) enum GroupedWrite {
    /// A sign-in by password on a browser without a session, whose user has not changed since their proof.
    Start(Box<GroupedStart>),
    /// The end of the session that a browser presents.
    SignOut { sid: Sid, at: Timestamp, source: Source },
}

/// What a grouped write has done.
#[derive(Debug, Clone)]
pub(in crate::sessions) struct Written {
    pub id: SessionId,
    /// After a sign-in: the other active sessions of its user that the statement saw, counted up to the requested
    /// number.
    pub other_active: i64,
    /// After a sign-in: the browser, by the id under which its account knows it now.
    pub browser: Option<BrowserIdHash>,
}

/// A session to insert, and what its user must still be.
pub(in crate::sessions) struct GroupedStart {
    user_id: UserId,
    password_changed_at: SqlTime,
    email: String,
    role: String,
    id: SessionId,
    sid: String,
    client_address: Option<IpAddr>,
    user_agent: Option<String>,
    client_hints: Option<String>,
    remembered: bool,
    absolute_expiry: SqlTime,
    now: SqlTime,
    sess: Json,
    data_expiry: SqlTime,
    /// How far the user's other active sessions are counted.
    count_active_to: i64,
    /// The hashes of the ids that the browser presented, separated by blanks.
    presented_browsers: Option<String>,
    /// The hash of the id that it gets if the account knows none of them.
    new_browser: Option<String>,
    form_id: Option<FormId>,
    /// The code of the language of the browser's pages.
    language: Option<&'static str>,
}

impl GroupedStart {
    pub fn new(proof: &Proof, row: &NewRow<'_>, browser: Option<&SignInBrowser>, count_active_to: i64) -> Self {
        Self {
            user_id: row.user_id,
            password_changed_at: proof.password_changed_at.into(),
            email: proof.user.email.clone(),
            role: proof.user.role.clone(),
            id: row.id,
            sid: row.sid.expose().to_owned(),
            client_address: row.client.ip_address,
            user_agent: row.client.user_agent.clone(),
            client_hints: row.client.client_hints.clone(),
            remembered: row.remembered,
            absolute_expiry: row.absolute_expiry.into(),
            now: row.created_at.into(),
            sess: row.data.to_json(),
            data_expiry: row.data_expiry.into(),
            count_active_to,
            presented_browsers: browser
                .map(|browser| browser.presented.iter().map(BrowserIdHash::as_str).collect::<Vec<_>>().join(" ")),
            new_browser: browser.map(|browser| browser.new.as_str().to_owned()),
            form_id: row.form_id,
            language: browser.and_then(|browser| browser.language).map(Language::code),
        }
    }
}

/// Writes what can be written at once. Returns the session of each write, in order; `None` for one that was left out
/// and has to run in a transaction of its own.
///
/// # Errors
/// Any failure. The transaction must then be rolled back.
pub(in crate::sessions) fn write_grouped(
    connection: &mut DbConnection,
    writes: &[&GroupedWrite],
) -> Result<Vec<Option<Written>>> {
    let DbConnection::Postgres(connection) = connection else {
        return Err(Error::internal("writes are grouped on PostgreSQL only"));
    };
    let (mut starts, mut sign_outs) = (Vec::new(), Vec::new());
    for write in writes {
        match write {
            GroupedWrite::Start(start) => starts.push(start.as_ref()),
            GroupedWrite::SignOut { sid, at, source } => {
                sign_outs.push(GroupedSignOut { sid: sid.expose(), at: SqlTime::from(*at), source });
            }
        }
    }
    let mut written: HashMap<String, Written> = HashMap::new();
    if !starts.is_empty() {
        start_sessions(connection, &starts, &mut written)?;
    }
    if !sign_outs.is_empty() {
        sign_out_sessions(connection, &sign_outs, &mut written)?;
    }
    // Removed when found: of two requests that end the same session, one has ended it.
    let mut session_of = |write: &GroupedWrite| match write {
        GroupedWrite::Start(start) => written.remove(&start.sid),
        GroupedWrite::SignOut { sid, .. } => written.remove(sid.expose()),
    };
    Ok(writes.iter().map(|write| session_of(write)).collect())
}

fn start_sessions(
    connection: &mut PgConnection,
    starts: &[&GroupedStart],
    written: &mut HashMap<String, Written>,
) -> Result<()> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        sid: String,
        #[diesel(sql_type = SqlUuid)]
        id: SessionId,
        #[diesel(sql_type = Bool)]
        has_data: bool,
        #[diesel(sql_type = BigInt)]
        other_active: i64,
        #[diesel(sql_type = Nullable<Text>)]
        browser: Option<String>,
        #[diesel(sql_type = Bool)]
        is_new_browser: bool,
        #[diesel(sql_type = Bool)]
        is_partitioned: bool,
    }

    let statement = sql_file(include_str!("start_sessions.sql"))
        .bind::<Array<SqlUuid>, _>(column(starts, |start| start.user_id))
        .bind::<Array<Instant>, _>(column(starts, |start| start.password_changed_at))
        .bind::<Array<Text>, _>(column(starts, |start| start.email.as_str()))
        .bind::<Array<Text>, _>(column(starts, |start| start.role.as_str()))
        .bind::<Array<SqlUuid>, _>(column(starts, |start| start.id))
        .bind::<Array<Text>, _>(column(starts, |start| start.sid.as_str()))
        .bind::<Array<Nullable<Text>>, _>(column(starts, |start| start.client_address.map(|ip| ip.to_string())))
        .bind::<Array<Nullable<Text>>, _>(column(starts, |start| start.user_agent.as_deref()))
        .bind::<Array<Bool>, _>(column(starts, |start| start.remembered))
        .bind::<Array<Instant>, _>(column(starts, |start| start.absolute_expiry))
        .bind::<Array<Instant>, _>(column(starts, |start| start.now))
        .bind::<Array<SqlJson>, _>(column(starts, |start| &start.sess))
        .bind::<Array<Instant>, _>(column(starts, |start| start.data_expiry))
        .bind::<Array<BigInt>, _>(column(starts, |start| start.count_active_to))
        .bind::<Array<Nullable<Text>>, _>(column(starts, |start| start.presented_browsers.as_deref()))
        .bind::<Array<Nullable<Text>>, _>(column(starts, |start| start.new_browser.as_deref()))
        .bind::<Array<Nullable<SqlUuid>>, _>(column(starts, |start| start.form_id))
        .bind::<Array<Nullable<Text>>, _>(column(starts, |start| start.client_hints.as_deref()))
        .bind::<Array<Nullable<Text>>, _>(column(starts, |start| start.language))
        .bind::<BigInt, _>(i64::try_from(MAX_NEW_BROWSERS_PER_DAY).unwrap_or(i64::MAX))
        .bind::<BigInt, _>(i64::try_from(MAX_BROWSERS_PER_ACCOUNT).unwrap_or(i64::MAX));
    let rows: Vec<Row> = statement.get_results(connection)?;
    if rows.iter().any(|row| row.is_partitioned) {
        reject_repeated_forms(connection, starts)?;
    }
    for Row { sid, id, has_data, other_active, browser, is_new_browser, .. } in rows {
        if !has_data {
            return Err(Error::internal("a session was started without its data"));
        }
        if let Some(start) = starts.iter().find(|start| start.sid == sid) {
            log_after_commit(sign_in_event(id, start.user_id, start.client_address, WayIn::Password(None)));
            if is_new_browser {
                log_after_commit(browser_event(start.user_id, id));
            }
        }
        written.insert(sid, Written { id, other_active, browser: browser.map(BrowserIdHash) });
    }
    Ok(())
}

/// Fails if one of these forms has now started two sessions, since it was sent twice. Then the sign-ins run one by one.
/// It is a statement of its own, because it has to see what was committed before the users were locked.
fn reject_repeated_forms(connection: &mut PgConnection, starts: &[&GroupedStart]) -> Result<()> {
    let forms: Vec<FormId> = starts.iter().filter_map(|start| start.form_id).collect();
    let repeated = sessions::table.filter(sessions::form_id.eq_any(forms)).group_by(sessions::form_id);
    let repeated = repeated.having(count_star().gt(1)).select(sessions::form_id);
    match repeated.first::<Option<FormId>>(connection).optional()? {
        Some(_) => Err(Error::internal("a sign-in form was sent twice")),
        None => Ok(()),
    }
}

/// The end of the session of a sid.
struct GroupedSignOut<'a> {
    sid: &'a str,
    at: SqlTime,
    source: &'a Source,
}

fn sign_out_sessions(
    connection: &mut PgConnection,
    sign_outs: &[GroupedSignOut<'_>],
    written: &mut HashMap<String, Written>,
) -> Result<()> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        sid: String,
        #[diesel(sql_type = SqlUuid)]
        id: SessionId,
        #[diesel(sql_type = SqlUuid)]
        user_id: UserId,
        #[diesel(sql_type = Instant)]
        at: SqlTime,
        #[diesel(sql_type = Instant)]
        expires_at: SqlTime,
    }

    note_end_requested();
    let sources = || sign_outs.iter().map(|sign_out| sign_out.source);
    let statement = sql_file(include_str!("sign_out_sessions.sql"))
        .bind::<Array<Text>, _>(sign_outs.iter().map(|sign_out| sign_out.sid).collect::<Vec<_>>())
        .bind::<Array<Instant>, _>(sign_outs.iter().map(|sign_out| sign_out.at).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(sources().map(|source| source.actor().as_str()).collect::<Vec<_>>())
        .bind::<Array<Nullable<Text>>, _>(sources().map(Source::name).collect::<Vec<_>>())
        .bind::<Array<Nullable<Text>>, _>(sources().map(address_of).collect::<Vec<_>>());
    let rows: Vec<Row> = statement.get_results(connection)?;
    for Row { sid, id, user_id, at, expires_at } in rows {
        if let Some(sign_out) = sign_outs.iter().find(|sign_out| sign_out.sid == sid) {
            let event = NewEvent::new(EventKind::SessionEnded, sign_out.source).user(user_id).session(id);
            log_after_commit(event.detail("reason", EndReason::SignedOut.as_str()));
        }
        note_end(EndedSession::new(id, EndReason::SignedOut.as_str(), at.into(), expires_at.into()));
        written.insert(sid, Written { id, other_active: 0, browser: None });
    }
    Ok(())
}

/// One column of the sign-ins.
fn column<'a, T>(starts: &[&'a GroupedStart], value: impl Fn(&'a GroupedStart) -> T) -> Vec<T> {
    starts.iter().copied().map(value).collect()
}
