//! Remembers the browser of a sign-in.

use diesel::{OptionalExtension, dsl::exists, prelude::*};

use super::status::ACTIVE;
use crate::{
    clock::Timestamp,
    db::{
        DbConnection, SessionId, UserId,
        schema::types::SqlTime,
        schema::{known_browsers, sessions},
        sql::LoadReadable,
    },
    error::Result,
    events::{EventKind, NewEvent, Source},
    sessions::{
        browsers::{BrowserIdHash, SignInBrowser},
        model::Sid,
    },
    words::Language,
};

/// A browser that an account knows.
pub(in crate::sessions) struct KnownBrowser {
    pub hash: BrowserIdHash,
    pub created_at: Timestamp,
}

/// The device of a browser's last sign-in, as its requests described it.
pub(in crate::sessions) struct BrowserDevice {
    pub hash: BrowserIdHash,
    pub user_agent: Option<String>,
    pub client_hints: Option<String>,
}

/// Records a sign-in on the browser among the presented ones that the account knows. Returns it; `None` if it knows none.
pub(in crate::sessions) fn use_browser(
    connection: &mut DbConnection,
    user: UserId,
    browser: &SignInBrowser,
    session: SessionId,
    now: Timestamp,
) -> Result<Option<BrowserIdHash>> {
    let hashes = &browser.presented;
    if hashes.is_empty() {
        return Ok(None);
    }
    let presented = known_browsers::table
        .filter(known_browsers::id_hash.eq_any(hashes.iter().map(BrowserIdHash::as_str)))
        .filter(known_browsers::user_id.eq(user));
    let known: Vec<String> = diesel::update(presented)
        .set((
            known_browsers::session_id.eq(session),
            known_browsers::last_used_at.eq(SqlTime::from(now)),
            // `None` leaves the one that is there.
            browser.language.map(|language| known_browsers::language.eq(language.code())),
        ))
        .returning(known_browsers::id_hash)
        .get_results(connection)?;
    Ok(known.into_iter().next().map(BrowserIdHash))
}

/// Whether one of these browsers was the one of the last sign-in of this session.
pub(in crate::sessions) fn has_signed_in_to(
    connection: &mut DbConnection,
    hashes: &[BrowserIdHash],
    session: SessionId,
) -> Result<bool> {
    let browser = known_browsers::table
        .filter(known_browsers::id_hash.eq_any(hashes.iter().map(BrowserIdHash::as_str)))
        .filter(known_browsers::session_id.eq(session));
    Ok(diesel::select(exists(browser)).get_result(connection)?)
}

/// Finds the sids of the sessions in which this user last signed in on these browsers, if they were not ended. The browser
/// of the latest sign-in comes first.
pub(in crate::sessions) fn sids_of_browsers(
    connection: &mut DbConnection,
    user: UserId,
    hashes: &[BrowserIdHash],
) -> Result<Vec<Sid>> {
    if hashes.is_empty() {
        return Ok(Vec::new());
    }
    let sids: Vec<String> = sessions::table
        .inner_join(known_browsers::table.on(known_browsers::session_id.eq(sessions::id)))
        .filter(known_browsers::id_hash.eq_any(hashes.iter().map(BrowserIdHash::as_str)))
        .filter(known_browsers::user_id.eq(user))
        .filter(sessions::user_id.eq(user))
        .filter(sessions::status.eq(ACTIVE))
        .order(known_browsers::last_used_at.desc())
        .select(sessions::sid)
        .load(connection)?;
    Ok(sids.iter().map(|sid| Sid::from_trusted(sid)).collect())
}

/// The devices from which these browsers last signed in to this user's account, as far as their sessions are kept.
pub(in crate::sessions) fn devices_of_browsers(
    connection: &mut DbConnection,
    user: UserId,
    hashes: &[BrowserIdHash],
) -> Result<Vec<BrowserDevice>> {
    if hashes.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<(String, Option<String>, Option<String>)> = known_browsers::table
        .inner_join(sessions::table.on(known_browsers::session_id.eq(sessions::id)))
        .filter(known_browsers::id_hash.eq_any(hashes.iter().map(BrowserIdHash::as_str)))
        .filter(known_browsers::user_id.eq(user))
        .select((known_browsers::id_hash, sessions::user_agent, sessions::client_hints))
        .load(connection)?;
    let device =
        |(hash, user_agent, client_hints)| BrowserDevice { hash: BrowserIdHash(hash), user_agent, client_hints };
    Ok(rows.into_iter().map(device).collect())
}

/// Whether the account knows none of these browsers, or the oldest one only since `since`, although it had others or
/// had signed in before that. So a browser stays new if it signs out and in again.
pub(in crate::sessions) fn is_new_browser(
    connection: &mut DbConnection,
    user: UserId,
    hashes: &[BrowserIdHash],
    since: Timestamp,
) -> Result<bool> {
    let of_user = || known_browsers::table.filter(known_browsers::user_id.eq(user));
    let presented = known_browsers::id_hash.eq_any(hashes.iter().map(BrowserIdHash::as_str));
    let oldest = of_user().filter(presented).order(known_browsers::created_at).select(known_browsers::created_at);
    let known_since: Option<SqlTime> = oldest.first(connection).optional()?;
    let Some(known_since) = known_since else {
        let earlier = sessions::table.filter(sessions::user_id.eq(user));
        return Ok(diesel::select(exists(of_user()).or(exists(earlier))).get_result(connection)?);
    };
    if Timestamp::from(known_since) <= since {
        return Ok(false);
    }
    let others = of_user().filter(known_browsers::created_at.lt(known_since));
    let earlier = sessions::table.filter(sessions::user_id.eq(user)).filter(sessions::created_at.lt(known_since));
    Ok(diesel::select(exists(others).or(exists(earlier))).get_result(connection)?)
}

/// The browsers that an account knows, the least recently used first.
pub(in crate::sessions) fn browsers_of(connection: &mut DbConnection, user: UserId) -> Result<Vec<KnownBrowser>> {
    let rows: Vec<(String, SqlTime)> = known_browsers::table
        .filter(known_browsers::user_id.eq(user))
        .order((known_browsers::last_used_at, known_browsers::created_at))
        .select((known_browsers::id_hash, known_browsers::created_at))
        .load_readable(connection)?;
    let browser = |(hash, created_at): (String, SqlTime)| KnownBrowser {
        hash: BrowserIdHash(hash),
        created_at: created_at.into(),
    };
    Ok(rows.into_iter().map(browser).collect())
}

/// The event of a browser that an account knows from now on, as the trigger writes it.
pub(in crate::sessions) fn browser_event(user: UserId, session: SessionId) -> NewEvent {
    NewEvent::new(EventKind::BrowserRemembered, &Source::user(None)).user(user).session(session)
}

/// Adds a browser. A trigger writes the event.
pub(in crate::sessions) fn insert_browser(
    connection: &mut DbConnection,
    browser: &SignInBrowser,
    user: UserId,
    session: SessionId,
    now: Timestamp,
) -> Result<()> {
    let now = SqlTime::from(now);
    diesel::insert_into(known_browsers::table)
        .values((
            known_browsers::id_hash.eq(browser.new.as_str()),
            known_browsers::user_id.eq(user),
            known_browsers::session_id.eq(session),
            known_browsers::language.eq(browser.language.map(Language::code)),
            known_browsers::created_at.eq(now),
            known_browsers::last_used_at.eq(now),
        ))
        .execute(connection)?;
    Ok(())
}

/// Deletes browsers.
pub(in crate::sessions) fn delete_browsers<'a>(
    connection: &mut DbConnection,
    hashes: impl Iterator<Item = &'a BrowserIdHash>,
) -> Result<()> {
    let hashes: Vec<&str> = hashes.map(BrowserIdHash::as_str).collect();
    if !hashes.is_empty() {
        diesel::delete(known_browsers::table.filter(known_browsers::id_hash.eq_any(hashes))).execute(connection)?;
    }
    Ok(())
}

/// Lets a browser that the account knows sign in without a second factor until then, as its user has said in this session.
pub(in crate::sessions) fn set_trust(
    connection: &mut DbConnection,
    (user, session): (UserId, SessionId),
    browser: &BrowserIdHash,
    until: Timestamp,
) -> Result<()> {
    let known = known_browsers::table
        .filter(known_browsers::id_hash.eq(browser.as_str()))
        .filter(known_browsers::user_id.eq(user));
    let set = (known_browsers::trusted_until.eq(SqlTime::from(until)), known_browsers::trusted_in.eq(session));
    diesel::update(known).set(set).execute(connection)?;
    Ok(())
}

/// The session in which a browser of the user was trusted, if that was noted.
pub(in crate::sessions) fn trusted_in(
    connection: &mut DbConnection,
    user: UserId,
    browser: &BrowserIdHash,
) -> Result<Option<SessionId>> {
    let known = known_browsers::table
        .filter(known_browsers::id_hash.eq(browser.as_str()))
        .filter(known_browsers::user_id.eq(user));
    let found: Option<Option<SessionId>> = known.select(known_browsers::trusted_in).first(connection).optional()?;
    Ok(found.flatten())
}

/// Asks for a second factor again on all browsers of an account.
pub(in crate::sessions) fn end_trust(connection: &mut DbConnection, user: UserId) -> Result<usize> {
    let trusted = known_browsers::table
        .filter(known_browsers::user_id.eq(user))
        .filter(known_browsers::trusted_until.is_not_null());
    let end = (known_browsers::trusted_until.eq(None::<SqlTime>), known_browsers::trusted_in.eq(None::<SessionId>));
    Ok(diesel::update(trusted).set(end).execute(connection)?)
}
