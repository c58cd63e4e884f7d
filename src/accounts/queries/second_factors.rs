//! Authenticator apps and recovery codes.

use diesel::{OptionalExtension, dsl::exists, prelude::*};

use crate::{
    accounts::{browser_id::BrowserIdHash, codes::RecoveryCodeHash, failure_keys::FailureKey},
    clock::Timestamp,
    db::{
        DbConnection, SessionId, UserId,
        schema::types::SqlTime,
        schema::{known_browsers, recovery_codes, totp_factors, users},
        sql::LoadReadable,
    },
    error::Result,
    sessions::REPEATED_FORM_WINDOW,
};

/// The authenticator app of a user.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = totp_factors)]
pub(in crate::accounts) struct TotpFactor {
    pub sealed_secret: String,
    pub created_at: SqlTime,
    pub session_id: Option<SessionId>,
    pub last_form: String,
}

/// The code of an app that is being used.
pub(in crate::accounts) struct UsedStep<'a> {
    pub step: i64,
    /// Names the form that sent it.
    pub form: &'a str,
    pub now: Timestamp,
}

/// The time from which on a form may have been sent twice.
fn window_start(now: Timestamp) -> SqlTime {
    (now - REPEATED_FORM_WINDOW).into()
}

pub(in crate::accounts) fn find_factor(connection: &mut DbConnection, user: UserId) -> Result<Option<TotpFactor>> {
    Ok(totp_factors::table.find(user).select(TotpFactor::as_select()).first(connection).optional()?)
}

/// The browser among these that an account knows.
pub(in crate::accounts) fn find_known_browser(
    connection: &mut DbConnection,
    user: UserId,
    browsers: &[BrowserIdHash],
) -> Result<Option<BrowserIdHash>> {
    let presented = known_browsers::table
        .filter(known_browsers::user_id.eq(user))
        .filter(known_browsers::id_hash.eq_any(browsers.iter().map(BrowserIdHash::as_str)));
    Ok(presented.select(known_browsers::id_hash).first::<String>(connection).optional()?.map(BrowserIdHash))
}

/// Adds an authenticator app, whose first code is used by that.
pub(in crate::accounts) fn insert_factor(
    connection: &mut DbConnection,
    (user, session): (UserId, Option<SessionId>),
    sealed_secret: &str,
    first: &UsedStep<'_>,
) -> Result<()> {
    let now = SqlTime::from(first.now);
    diesel::insert_into(totp_factors::table)
        .values((
            totp_factors::user_id.eq(user),
            totp_factors::sealed_secret.eq(sealed_secret),
            totp_factors::created_at.eq(now),
            totp_factors::session_id.eq(session),
            totp_factors::last_step.eq(first.step),
            totp_factors::last_form.eq(first.form),
            totp_factors::last_used_at.eq(now),
        ))
        .execute(connection)?;
    Ok(())
}

/// Uses a code of an app up, with those before it: of two requests at the same time, one succeeds, unless they have sent
/// the same form. Returns whether it succeeded.
pub(in crate::accounts) fn use_step(
    connection: &mut DbConnection,
    (user, added_at): (UserId, SqlTime),
    code: &UsedStep<'_>,
) -> Result<bool> {
    let is_same_app = totp_factors::created_at.eq(added_at);
    let unused = totp_factors::table.find(user).filter(is_same_app).filter(totp_factors::last_step.lt(code.step));
    let set = (
        totp_factors::last_step.eq(code.step),
        totp_factors::last_form.eq(code.form),
        totp_factors::last_used_at.eq(SqlTime::from(code.now)),
    );
    if diesel::update(unused).set(set).execute(connection)? > 0 {
        return Ok(true);
    }
    // The time of the first use stays: the window must not move with each repetition.
    let is_same_form = totp_factors::last_step
        .eq(code.step)
        .and(totp_factors::last_form.eq(code.form))
        .and(totp_factors::last_used_at.ge(window_start(code.now)));
    Ok(diesel::select(exists(totp_factors::table.find(user).filter(is_same_app).filter(is_same_form)))
        .get_result(connection)?)
}

/// Stores the secret of an app sealed with another key.
pub(in crate::accounts) fn reseal(connection: &mut DbConnection, user: UserId, old: &str, new: &str) -> Result<()> {
    let same = totp_factors::table.find(user).filter(totp_factors::sealed_secret.eq(old));
    diesel::update(same).set(totp_factors::sealed_secret.eq(new)).execute(connection)?;
    Ok(())
}

/// Uses a recovery code up, under the same rules. Returns whether it was there and unused.
pub(in crate::accounts) fn use_recovery_code(
    connection: &mut DbConnection,
    user: UserId,
    hashes: &[String],
    form: &str,
    now: Timestamp,
) -> Result<bool> {
    let given = || {
        recovery_codes::table
            .filter(recovery_codes::user_id.eq(user))
            .filter(recovery_codes::code_hash.eq_any(hashes.iter().map(String::as_str)))
    };
    let set = (recovery_codes::used_at.eq(SqlTime::from(now)), recovery_codes::used_by_form.eq(form));
    let unused = given().filter(recovery_codes::used_at.is_null());
    if diesel::update(unused).set(set).execute(connection)? > 0 {
        return Ok(true);
    }
    let by_same_form =
        given().filter(recovery_codes::used_by_form.eq(form)).filter(recovery_codes::used_at.ge(window_start(now)));
    Ok(diesel::select(exists(by_same_form)).get_result(connection)?)
}

/// Whether a recovery code of the user was used already.
pub(in crate::accounts) fn is_used_recovery_code(
    connection: &mut DbConnection,
    user: UserId,
    hashes: &[String],
) -> Result<bool> {
    let spent = recovery_codes::table
        .filter(recovery_codes::user_id.eq(user))
        .filter(recovery_codes::code_hash.eq_any(hashes.iter().map(String::as_str)))
        .filter(recovery_codes::used_at.is_not_null());
    Ok(diesel::select(exists(spent)).get_result(connection)?)
}

/// When the recovery codes were made that the user has; `None` if there are none.
pub(in crate::accounts) fn recovery_codes_made_at(
    connection: &mut DbConnection,
    user: UserId,
) -> Result<Option<Timestamp>> {
    let of_user = recovery_codes::table.filter(recovery_codes::user_id.eq(user));
    let made_at: Option<SqlTime> = of_user
        .order(recovery_codes::created_at.desc())
        .select(recovery_codes::created_at)
        .first(connection)
        .optional()?;
    Ok(made_at.map(Timestamp::from))
}

/// Whether this is one of the recovery codes of the user, used or not.
pub(in crate::accounts) fn has_recovery_code(
    connection: &mut DbConnection,
    user: UserId,
    code: &RecoveryCodeHash,
) -> Result<bool> {
    let same = recovery_codes::table.find(&code.hash).filter(recovery_codes::user_id.eq(user));
    Ok(diesel::select(exists(same)).get_result(connection)?)
}

/// Replaces the recovery codes of a user.
pub(in crate::accounts) fn replace_recovery_codes(
    connection: &mut DbConnection,
    user: UserId,
    codes: &[RecoveryCodeHash],
    now: Timestamp,
) -> Result<()> {
    diesel::delete(recovery_codes::table.filter(recovery_codes::user_id.eq(user))).execute(connection)?;
    for code in codes {
        diesel::insert_into(recovery_codes::table)
            .values((
                recovery_codes::code_hash.eq(&code.hash),
                recovery_codes::user_id.eq(user),
                recovery_codes::key_id.eq(&code.key_id),
                recovery_codes::created_at.eq(SqlTime::from(now)),
            ))
            .execute(connection)?;
    }
    Ok(())
}

/// The number of recovery codes of a user that are unused and were hashed with one of these keys.
pub(in crate::accounts) fn count_recovery_codes(
    connection: &mut DbConnection,
    user: UserId,
    key_ids: &[String],
) -> Result<usize> {
    let usable = recovery_codes::table
        .filter(recovery_codes::user_id.eq(user))
        .filter(recovery_codes::used_at.is_null())
        .filter(recovery_codes::key_id.eq_any(key_ids.iter().map(String::as_str)));
    Ok(usize::try_from(usable.count().get_result::<i64>(connection)?).unwrap_or(0))
}

/// Removes the authenticator app and the recovery codes of a user, and the counts of wrong codes. Returns whether there was
/// an app.
pub(in crate::accounts) fn delete_factor(connection: &mut DbConnection, user: UserId) -> Result<bool> {
    let deleted = diesel::delete(totp_factors::table.find(user)).execute(connection)?;
    diesel::delete(recovery_codes::table.filter(recovery_codes::user_id.eq(user))).execute(connection)?;
    forget_code_failures(connection, user)?;
    Ok(deleted > 0)
}

/// Deletes the counts of wrong codes of an account.
pub(in crate::accounts) fn forget_code_failures(connection: &mut DbConnection, user: UserId) -> Result<usize> {
    let browsers: Vec<String> = known_browsers::table
        .filter(known_browsers::user_id.eq(user))
        .select(known_browsers::id_hash)
        .load(connection)?;
    let on_browser = |hash: String| {
        let hash = BrowserIdHash(hash);
        [FailureKey::codes_on_browser(&hash), FailureKey::recovery_codes_on_browser(&hash)]
    };
    let of_account = [FailureKey::codes(user), FailureKey::recovery_codes(user)];
    let keys: Vec<FailureKey> = browsers.into_iter().flat_map(on_browser).chain(of_account).collect();
    super::forget_failures(connection, &keys)
}

/// The users who have an authenticator app, after an id, in the order of their ids, with its sealed secret.
pub(in crate::accounts) fn factors_after(
    connection: &mut DbConnection,
    after: Option<UserId>,
    limit: i64,
) -> Result<Vec<(UserId, String)>> {
    let page = totp_factors::table
        .order(totp_factors::user_id)
        .limit(limit)
        .select((totp_factors::user_id, totp_factors::sealed_secret));
    Ok(match after {
        Some(after) => page.filter(totp_factors::user_id.gt(after)).load_readable(connection)?,
        None => page.load_readable(connection)?,
    })
}

/// Deletes up to `limit` rows of users that no longer exist: a view can't be referenced by a foreign key.
pub(in crate::accounts) fn purge_factors(connection: &mut DbConnection, limit: i64) -> Result<usize> {
    let of_user = users::table.filter(users::id.eq(totp_factors::user_id));
    let orphans: Vec<UserId> = totp_factors::table
        .filter(diesel::dsl::not(exists(of_user)))
        .limit(limit)
        .select(totp_factors::user_id)
        .load_readable(connection)?;
    let of_user = users::table.filter(users::id.eq(recovery_codes::user_id));
    let codes: Vec<String> = recovery_codes::table
        .filter(diesel::dsl::not(exists(of_user)))
        .limit(limit)
        .select(recovery_codes::code_hash)
        .load(connection)?;
    let factors =
        diesel::delete(totp_factors::table.filter(totp_factors::user_id.eq_any(orphans))).execute(connection)?;
    let codes =
        diesel::delete(recovery_codes::table.filter(recovery_codes::code_hash.eq_any(codes))).execute(connection)?;
    Ok(factors + codes)
}
