//! Passkeys.

use diesel::{OptionalExtension, dsl::exists, prelude::*};

use crate::{
    accounts::webauthn::{StoredCredential, VerifiedUse},
    clock::Timestamp,
    db::{
        DbConnection, PasskeyId, SessionId, UserId,
        schema::types::SqlTime,
        schema::{passkeys, users},
        sql::LoadReadable,
    },
    error::{Error, Result},
    sessions::{REPEATED_FORM_WINDOW, UsedPasskey},
};

/// A new passkey.
pub(in crate::accounts) struct NewPasskeyRow<'a> {
    pub id: PasskeyId,
    pub user: UserId,
    pub session: SessionId,
    pub rp_id: &'a str,
    pub name: &'a str,
    pub credential: &'a StoredCredential,
    pub challenged_at: Timestamp,
    pub form: &'a str,
    pub now: Timestamp,
}

/// A passkey as it is stored.
#[derive(Debug, Clone)]
pub(in crate::accounts) struct StoredPasskey {
    pub id: PasskeyId,
    pub user: UserId,
    pub rp_id: String,
    pub name: String,
    pub credential: StoredCredential,
    pub created_at: Timestamp,
    pub session: SessionId,
    pub last_used_at: Option<Timestamp>,
    /// When the challenge was made that it answered last.
    pub challenged_at: Timestamp,
    pub copied_at: Option<Timestamp>,
    last_form: String,
}

impl StoredPasskey {
    /// Whether this form has added it, or used it last, just now: then it was sent twice.
    pub fn is_of_form(&self, form: &str, now: Timestamp) -> bool {
        let at = self.last_used_at.unwrap_or(self.created_at);
        self.last_form == form && now.since(at) <= REPEATED_FORM_WINDOW
    }

    /// What a sign-in with it notes.
    pub fn as_used(&self) -> UsedPasskey {
        UsedPasskey { id: self.id, added_at: self.created_at }
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = passkeys)]
struct Row {
    id: PasskeyId,
    user_id: UserId,
    credential_id: String,
    rp_id: String,
    public_key: String,
    name: String,
    aaguid: String,
    transports: String,
    counter: i64,
    backup_eligible: bool,
    backed_up: bool,
    created_at: SqlTime,
    session_id: SessionId,
    last_used_at: Option<SqlTime>,
    challenged_at: SqlTime,
    last_form: String,
    copied_at: Option<SqlTime>,
}

impl TryFrom<Row> for StoredPasskey {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let credential = StoredCredential {
            credential_id: row.credential_id,
            public_key: row.public_key,
            transports: row.transports,
            aaguid: row.aaguid,
            counter: u32::try_from(row.counter).map_err(Error::internal)?,
            backup_eligible: row.backup_eligible,
            backed_up: row.backed_up,
        };
        Ok(Self {
            id: row.id,
            user: row.user_id,
            rp_id: row.rp_id,
            name: row.name,
            credential,
            created_at: row.created_at.into(),
            session: row.session_id,
            last_used_at: row.last_used_at.map(Timestamp::from),
            challenged_at: row.challenged_at.into(),
            copied_at: row.copied_at.map(Timestamp::from),
            last_form: row.last_form,
        })
    }
}

pub(in crate::accounts) fn insert_passkey(connection: &mut DbConnection, new: &NewPasskeyRow<'_>) -> Result<()> {
    let credential = new.credential;
    diesel::insert_into(passkeys::table)
        .values((
            passkeys::id.eq(new.id),
            passkeys::user_id.eq(new.user),
            passkeys::credential_id.eq(&credential.credential_id),
            passkeys::rp_id.eq(new.rp_id),
            passkeys::public_key.eq(&credential.public_key),
            passkeys::name.eq(new.name),
            passkeys::aaguid.eq(&credential.aaguid),
            passkeys::transports.eq(&credential.transports),
            passkeys::counter.eq(i64::from(credential.counter)),
            passkeys::backup_eligible.eq(credential.backup_eligible),
            passkeys::backed_up.eq(credential.backed_up),
            passkeys::created_at.eq(SqlTime::from(new.now)),
            passkeys::session_id.eq(new.session),
            passkeys::challenged_at.eq(SqlTime::from(new.challenged_at)),
            passkeys::last_form.eq(new.form),
        ))
        .execute(connection)?;
    Ok(())
}

/// The passkeys of a user, the oldest first.
pub(in crate::accounts) fn passkeys_of(connection: &mut DbConnection, user: UserId) -> Result<Vec<StoredPasskey>> {
    let own = passkeys::table.filter(passkeys::user_id.eq(user)).order((passkeys::created_at, passkeys::id));
    let rows: Vec<Row> = own.select(Row::as_select()).load_readable(connection)?;
    rows.into_iter().map(StoredPasskey::try_from).collect()
}

/// Whether a user has a passkey of this site.
pub(in crate::accounts) fn has_passkeys(connection: &mut DbConnection, user: UserId, rp_id: &str) -> Result<bool> {
    let own = passkeys::table.filter(passkeys::user_id.eq(user).and(passkeys::rp_id.eq(rp_id)));
    Ok(own.select(passkeys::id).first::<PasskeyId>(connection).optional()?.is_some())
}

/// The passkeys after an id, in the order of their ids, with their users.
pub(in crate::accounts) fn passkey_owners_after(
    connection: &mut DbConnection,
    after: Option<PasskeyId>,
    limit: i64,
) -> Result<Vec<(PasskeyId, UserId)>> {
    let page = passkeys::table.order(passkeys::id).limit(limit).select((passkeys::id, passkeys::user_id));
    Ok(match after {
        Some(after) => page.filter(passkeys::id.gt(after)).load_readable(connection)?,
        None => page.load_readable(connection)?,
    })
}

/// Counts the passkeys of other sites.
pub(in crate::accounts) fn count_passkeys_of_other_hosts(connection: &mut DbConnection, rp_id: &str) -> Result<i64> {
    Ok(passkeys::table.filter(passkeys::rp_id.ne(rp_id)).count().get_result(connection)?)
}

/// Finds a passkey by how its authenticator names it.
pub(in crate::accounts) fn find_passkey(
    connection: &mut DbConnection,
    credential_id: &str,
) -> Result<Option<StoredPasskey>> {
    let found = passkeys::table.filter(passkeys::credential_id.eq(credential_id)).select(Row::as_select());
    found.load_readable(connection)?.pop().map(StoredPasskey::try_from).transpose()
}

/// Records a verified answer. Returns false, with nothing written, if the passkey has answered this challenge or a later one
/// before, or its counter has been as high. A form that is sent twice counts once.
pub(in crate::accounts) fn use_passkey(
    connection: &mut DbConnection,
    id: PasskeyId,
    verified: &VerifiedUse,
    now: Timestamp,
) -> Result<bool> {
    let (challenged_at, counter) = (SqlTime::from(verified.challenged_at), i64::from(verified.counter));
    let since = SqlTime::from(now - REPEATED_FORM_WINDOW);
    let is_same_form = passkeys::last_form
        .eq(&verified.form)
        .and(passkeys::last_used_at.ge(since).assume_not_null())
        .and(passkeys::challenged_at.eq(challenged_at));
    let counts = passkeys::counter.lt(counter).or(passkeys::counter.eq(0));
    let is_new = passkeys::challenged_at.lt(challenged_at).and(counts);
    let unused = passkeys::table.find(id).filter(is_new);
    let set = (
        passkeys::counter.eq(counter),
        passkeys::backed_up.eq(verified.backed_up),
        passkeys::last_used_at.eq(Some(SqlTime::from(now))),
        passkeys::challenged_at.eq(challenged_at),
        passkeys::last_form.eq(&verified.form),
    );
    if diesel::update(unused).set(set).execute(connection)? > 0 {
        return Ok(true);
    }
    // The time of the first use stays: the window must not move with each repetition.
    Ok(diesel::select(exists(passkeys::table.find(id).filter(is_same_form))).get_result(connection)?)
}

/// Notes that an answer was refused because its counter was not higher than that of an earlier one.
pub(in crate::accounts) fn note_copy(connection: &mut DbConnection, id: PasskeyId, now: Timestamp) -> Result<()> {
    diesel::update(passkeys::table.find(id))
        .set(passkeys::copied_at.eq(Some(SqlTime::from(now))))
        .execute(connection)?;
    Ok(())
}

/// Names a passkey of this user. Returns its former name; `None` if they have no such passkey.
pub(in crate::accounts) fn rename_passkey(
    connection: &mut DbConnection,
    (id, user): (PasskeyId, UserId),
    name: &str,
) -> Result<Option<String>> {
    let own = passkeys::table.find(id).filter(passkeys::user_id.eq(user));
    let former: Option<String> = own.select(passkeys::name).first(connection).optional()?;
    diesel::update(own).set(passkeys::name.eq(name)).execute(connection)?;
    Ok(former)
}

/// Deletes a passkey of this user. Returns whether there was one.
pub(in crate::accounts) fn delete_passkey(
    connection: &mut DbConnection,
    (id, user): (PasskeyId, UserId),
) -> Result<bool> {
    Ok(diesel::delete(passkeys::table.find(id).filter(passkeys::user_id.eq(user))).execute(connection)? > 0)
}

/// Deletes up to `limit` passkeys whose user no longer exists.
pub(in crate::accounts) fn purge_passkeys(connection: &mut DbConnection, limit: i64) -> Result<usize> {
    let of_user = users::table.filter(users::id.eq(passkeys::user_id));
    let orphans: Vec<PasskeyId> = passkeys::table
        .filter(diesel::dsl::not(exists(of_user)))
        .limit(limit)
        .select(passkeys::id)
        .load_readable(connection)?;
    Ok(diesel::delete(passkeys::table.filter(passkeys::id.eq_any(orphans))).execute(connection)?)
}
