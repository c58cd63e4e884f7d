//! What users do with their passkeys.

use std::collections::HashSet;

use super::use_passkey::PasskeyAnswer;
use crate::{
    accounts::{
        Accounts,
        own_password::{lock_user_of, lock_user_who_adds},
        queries::{self, NewPasskeyRow, StoredPasskey},
        removed_passkey::remove_passkey_within,
        ways_in,
        webauthn::{NoPasskeys, PasskeyRequest, encode_id, provider_name, user_handle},
    },
    clock::Timestamp,
    db::{DbConnection, PasskeyId, SessionId, UserId},
    error::{Error, Result},
    events::{EventKind, NewEvent, record},
    sessions::{PresentedSession, SessionName, User},
};

/// Passkeys that a user may have. People have a few devices; a page and a request to a browser list them all.
const MAX_PASSKEYS: usize = 20;

/// Rows per query.
const PAGE_ROWS: i64 = 1000;

/// A passkey, for its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PasskeyOverview {
    pub id: PasskeyId,
    pub name: String,
    /// What the maker calls the password manager or system that has it, if it is known.
    pub provider: Option<&'static str>,
    pub added_at: Timestamp,
    /// The session in which it was added.
    pub added_in: SessionId,
    pub last_used_at: Option<Timestamp>,
    /// Whether it is on more than one device.
    pub is_synced: bool,
    /// When an answer was refused because another device may have a copy of it.
    pub copied_at: Option<Timestamp>,
    /// The host that it works for, if that is not this one.
    pub other_host: Option<String>,
    /// How its authenticator names it.
    pub credential_id: String,
}

/// A passkey that a form adds.
#[derive(Debug, Clone)]
pub(crate) struct NewPasskey {
    pub answer: PasskeyAnswer,
    /// What its user calls it; `None` to name it by its provider.
    pub name: Option<SessionName>,
    /// Its name if nothing else names it: the device that has added it.
    pub device: String,
}

/// Why no passkey was added.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AddPasskeyError {
    /// The challenge is too old, or was made for another session.
    #[error("the challenge has expired")]
    Expired,
    /// The answer is not accepted.
    #[error("the answer is not accepted")]
    Rejected,
    /// The passkey is in use already.
    #[error("the passkey exists")]
    Exists,
    /// The user has as many as they may have.
    #[error("the user has too many passkeys")]
    TooMany,
    /// The database failed, or the session has ended.
    #[error(transparent)]
    Failed(#[from] Error),
}

/// What became of a removal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Removal {
    Removed(String),
    /// The user has no such passkey.
    Unknown,
    /// What the session has proved itself by is too new to remove it.
    TooSoon,
}

impl PasskeyOverview {
    pub(super) fn new(passkey: StoredPasskey, site: &str) -> Self {
        let credential = passkey.credential;
        Self {
            id: passkey.id,
            name: passkey.name,
            provider: provider_name(&credential.aaguid),
            added_at: passkey.created_at,
            added_in: passkey.session,
            last_used_at: passkey.last_used_at,
            is_synced: credential.backed_up,
            copied_at: passkey.copied_at,
            other_host: Some(passkey.rp_id).filter(|rp_id| rp_id != site),
            credential_id: credential.credential_id,
        }
    }
}

impl Accounts {
    /// The id of this site in passkeys: its host.
    pub(crate) fn passkey_site(&self) -> &str {
        self.relying_party.id()
    }

    /// The same; `None` if there are no passkeys here.
    pub(crate) fn passkey_site_here(&self) -> Option<&str> {
        self.no_passkeys().is_none().then(|| self.passkey_site())
    }

    /// Why there are no passkeys here, if so.
    pub(crate) fn no_passkeys(&self) -> Option<NoPasskeys> {
        self.relying_party.webauthn().err()
    }

    /// What the devices of a user have stored as their id, in base64url.
    pub(crate) fn passkey_user_handle(user: UserId) -> String {
        encode_id(user_handle(user).as_bytes())
    }

    /// The passkeys of a user, the oldest first.
    pub(crate) async fn passkeys_of(&self, user: UserId) -> Result<Vec<PasskeyOverview>> {
        let own = self.db.read(move |connection| queries::passkeys_of(connection, user)).await?;
        Ok(own.into_iter().map(|passkey| PasskeyOverview::new(passkey, self.relying_party.id())).collect())
    }

    /// The users who have a passkey.
    pub async fn users_with_passkeys(&self) -> Result<HashSet<UserId>> {
        let (mut all, mut after) = (HashSet::new(), None);
        loop {
            let page =
                self.db.read(move |connection| queries::passkey_owners_after(connection, after, PAGE_ROWS)).await?;
            let Some((last, _)) = page.last() else { return Ok(all) };
            after = Some(*last);
            all.extend(page.into_iter().map(|(_, user)| user));
        }
    }

    /// How many passkeys were made for another host than this, and so are of no use.
    pub async fn passkeys_of_other_hosts(&self, host: &str) -> Result<i64> {
        let host = host.to_owned();
        self.db.read(move |connection| queries::count_passkeys_of_other_hosts(connection, &host)).await
    }

    /// Asks a browser for a new passkey of this user.
    pub(crate) async fn new_passkey_request(&self, user: &User) -> Result<Result<PasskeyRequest, NoPasskeys>> {
        let id = user.id;
        let own = self.db.read(move |connection| queries::passkeys_of(connection, id)).await?;
        let existing: Vec<_> = own.into_iter().map(|passkey| passkey.credential).collect();
        self.relying_party.request_new(user, &existing, self.clock.now())
    }

    /// Adds the passkey that a browser has made; if its form is sent twice, once.
    pub(crate) async fn add_passkey(&self, session: PresentedSession, new: NewPasskey) -> Result<(), AddPasskeyError> {
        let NewPasskey { answer: PasskeyAnswer { json, challenge, form }, name, device } = new;
        let challenge = challenge.ok_or(AddPasskeyError::Expired)?;
        let credential = self.relying_party.check_new(&challenge, &json)?.ok_or(AddPasskeyError::Rejected)?;
        let provider = provider_name(&credential.aaguid).map(str::to_owned);
        let name = name.map_or_else(|| provider.unwrap_or(device), |name| name.as_str().to_owned());
        let (now, rp_id) = (self.clock.now(), self.relying_party.id().to_owned());
        let add = move |connection: &mut DbConnection| {
            lock_user_who_adds(connection, &session)?;
            if let Some(existing) = queries::find_passkey(connection, &credential.credential_id)? {
                let is_repeated = existing.user == session.user && existing.is_of_form(&form, now);
                return Ok(if is_repeated { Ok(()) } else { Err(AddPasskeyError::Exists) });
            }
            if queries::passkeys_of(connection, session.user)?.len() >= MAX_PASSKEYS {
                return Ok(Err(AddPasskeyError::TooMany));
            }
            let row = NewPasskeyRow {
                id: PasskeyId::random(),
                user: session.user,
                session: session.id,
                rp_id: &rp_id,
                name: &name,
                credential: &credential,
                challenged_at: challenge.made_at,
                form: &form,
                now,
            };
            queries::insert_passkey(connection, &row)?;
            record(connection, event(EventKind::PasskeyAdded, &session, row.id, &name), now)?;
            Ok(Ok(()))
        };
        self.db.transaction(add).await?
    }

    /// Names a passkey of a session's user. Returns false if they have no such passkey.
    pub(crate) async fn rename_passkey(
        &self,
        session: PresentedSession,
        id: PasskeyId,
        name: SessionName,
    ) -> Result<bool> {
        let now = self.clock.now();
        let rename = move |connection: &mut DbConnection| {
            lock_user_of(connection, &session)?;
            let Some(former) = queries::rename_passkey(connection, (id, session.user), name.as_str())? else {
                return Ok(false);
            };
            if former != name.as_str() {
                let event = event(EventKind::PasskeyRenamed, &session, id, name.as_str());
                record(connection, event.detail("from", former), now)?;
            }
            Ok(true)
        };
        self.db.transaction(rename).await
    }

    /// Removes a passkey of a session's user. It lets no one in from then on; sessions that it has let in go on.
    pub(crate) async fn remove_passkey(&self, session: PresentedSession, id: PasskeyId) -> Result<Removal> {
        let now = self.clock.now();
        let remove = move |connection: &mut DbConnection| {
            lock_user_of(connection, &session)?;
            let own = queries::passkeys_of(connection, session.user)?;
            let Some(passkey) = own.into_iter().find(|passkey| passkey.id == id) else { return Ok(Removal::Unknown) };
            if !ways_in::may_remove(connection, (session.id, session.user), passkey.created_at, now)? {
                return Ok(Removal::TooSoon);
            }
            remove_passkey_within(connection, &passkey, (&session.source(), Some(session.id)), now)?;
            Ok(Removal::Removed(passkey.name))
        };
        self.db.transaction(remove).await
    }
}

fn event(kind: EventKind, session: &PresentedSession, id: PasskeyId, name: &str) -> NewEvent {
    let event = NewEvent::new(kind, &session.source()).user(session.user).session(session.id);
    event.detail("passkey", id.to_string()).detail("name", name)
}
