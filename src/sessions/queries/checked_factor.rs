//! Looks again for what was checked at a sign-in besides the password.

use diesel::{dsl::exists, prelude::*};

use crate::{
    clock::Timestamp,
    db::{
        DbConnection, UserId,
        schema::types::SqlTime,
        schema::{known_browsers, recovery_codes, totp_factors},
    },
    error::Result,
    sessions::browsers::BrowserIdHash,
};

/// Whether the user has the authenticator app that was added at this time.
pub(in crate::sessions) fn has_app_since(
    connection: &mut DbConnection,
    user: UserId,
    added_at: Timestamp,
) -> Result<bool> {
    let app = totp_factors::table.find(user).filter(totp_factors::created_at.eq(SqlTime::from(added_at)));
    Ok(diesel::select(exists(app)).get_result(connection)?)
}

/// Whether one of these recovery codes is still one of the user's, used up.
pub(in crate::sessions) fn has_used_code(
    connection: &mut DbConnection,
    user: UserId,
    hashes: &[String],
) -> Result<bool> {
    let given = recovery_codes::table
        .filter(recovery_codes::user_id.eq(user))
        .filter(recovery_codes::code_hash.eq_any(hashes.iter().map(String::as_str)))
        .filter(recovery_codes::used_at.is_not_null());
    Ok(diesel::select(exists(given)).get_result(connection)?)
}

/// Whether a browser of the user needs no second factor now.
pub(in crate::sessions) fn is_trusted(
    connection: &mut DbConnection,
    user: UserId,
    browser: &BrowserIdHash,
    now: Timestamp,
) -> Result<bool> {
    let trusted = known_browsers::table
        .filter(known_browsers::id_hash.eq(browser.as_str()).and(known_browsers::user_id.eq(user)))
        .filter(known_browsers::trusted_until.gt(SqlTime::from(now)));
    Ok(diesel::select(exists(trusted)).get_result(connection)?)
}
