//! What users and administrators see of second factors, and change.

use std::collections::HashSet;

use super::sign_in::secret_context;
use crate::{
    accounts::{
        Accounts,
        codes::{FactorKeys, RecoveryCode},
        email::Email,
        model::Account,
        own_password::{lock_user_of, lock_user_who_adds},
        queries,
        removed_passkey::remove_passkey_within,
        ways_in,
    },
    clock::Timestamp,
    db::{DbConnection, SessionId, UserId},
    error::{Error, Result},
    events::{EventKind, NewEvent, record},
    sessions::{Breach, PresentedSession},
};

/// Rows per query.
const PAGE_ROWS: i64 = 1000;

/// Beyond this number of findings, more of them help no one.
const MAX_BREACHES: usize = 1000;

/// What protects an account besides its password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SecondFactorOverview {
    /// The authenticator app, if there is one.
    pub factor: Option<FactorState>,
    /// Whether the policy demands one.
    pub is_demanded: bool,
    /// The browsers that need no code, the latest used first.
    pub trusted: Vec<TrustedBrowser>,
}

/// An authenticator app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FactorState {
    pub added_at: Timestamp,
    /// The session in which it was added; `None` at a sign-in.
    pub added_in: Option<SessionId>,
    /// Whether a configured secret can read it.
    pub is_readable: bool,
    /// The recovery codes that are left.
    pub recovery_codes: usize,
}

/// A browser that signs in without a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TrustedBrowser {
    /// The session of its last sign-in.
    pub session: SessionId,
    pub last_used_at: Timestamp,
    pub trusted_until: Timestamp,
}

/// Why there are no new recovery codes.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecoveryCodesError {
    /// The user has no authenticator app.
    #[error("the user has no second factor")]
    NoFactor,
    /// The database failed.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl Accounts {
    /// What protects the account of a session's user besides the password.
    pub(crate) async fn second_factor_overview(&self, user: &crate::sessions::User) -> Result<SecondFactorOverview> {
        let (id, now, keys) = (user.id, self.clock.now(), self.second_factors.keys.clone());
        let read = move |connection: &mut DbConnection| {
            let trusted = queries::trusted_browsers(connection, id, now)?;
            let Some(factor) = queries::find_factor(connection, id)? else { return Ok((None, trusted)) };
            let factor = FactorState {
                added_at: factor.created_at.into(),
                added_in: factor.session_id,
                is_readable: keys.open(&secret_context(id), &factor.sealed_secret).is_some(),
                recovery_codes: queries::count_recovery_codes(connection, id, &keys.ids())?,
            };
            Ok((Some(factor), trusted))
        };
        let (factor, trusted) = self.db.read(read).await?;
        let trusted = trusted.into_iter().map(|row| TrustedBrowser {
            session: row.session,
            last_used_at: row.last_used_at,
            trusted_until: row.trusted_until,
        });
        let is_demanded = self.second_factors.policy.demands(user);
        Ok(SecondFactorOverview { factor, is_demanded, trusted: trusted.collect() })
    }

    /// Gives the user of a session new recovery codes, and makes the former ones void. `form` names the form: if it is
    /// sent twice, both answers have the same codes.
    pub(crate) async fn renew_recovery_codes(
        &self,
        session: &PresentedSession,
        form: &str,
    ) -> Result<Vec<String>, RecoveryCodesError> {
        let (user, now, keys) = (session.user, self.clock.now(), self.second_factors.keys.clone());
        let form = form.to_owned();
        let event = NewEvent::new(EventKind::RecoveryCodesMade, &session.source()).user(user).session(session.id);
        let session = session.clone();
        let renew = move |connection: &mut DbConnection| {
            lock_user_who_adds(connection, &session)?;
            if queries::find_factor(connection, user)?.is_none() {
                return Ok(None);
            }
            if let Some(made_before) = made_by_same_form(connection, &keys, (user, &form))? {
                return Ok(Some(made_before));
            }
            let codes = keys.recovery_codes(user, &form, now)?;
            let hashes: Vec<_> = codes.iter().map(|code| keys.hash(user, code)).collect::<Result<_>>()?;
            queries::replace_recovery_codes(connection, user, &hashes, now)?;
            record(connection, event.clone(), now)?;
            Ok(Some(codes))
        };
        let codes = self.db.transaction(renew).await?.ok_or(RecoveryCodesError::NoFactor)?;
        Ok(codes.iter().map(RecoveryCode::to_groups).collect())
    }

    /// Removes the authenticator app of a session's user. Returns false if what the session has proved itself by is too new
    /// for that.
    pub(crate) async fn remove_second_factor(&self, session: &PresentedSession) -> Result<bool> {
        let (user, now, session) = (session.user, self.clock.now(), session.clone());
        let event = NewEvent::new(EventKind::SecondFactorRemoved, &session.source()).user(user).session(session.id);
        let check_and_remove = move |connection: &mut DbConnection| {
            lock_user_of(connection, &session)?;
            let Some(factor) = queries::find_factor(connection, user)? else { return Ok(true) };
            if !ways_in::may_remove(connection, (session.id, user), factor.created_at.into(), now)? {
                return Ok(false);
            }
            remove(connection, user, &event, now).map(|_| true)
        };
        self.db.transaction(check_and_remove).await
    }

    /// Removes the authenticator app and the passkeys of a user who has lost them. Returns whether there were any; `None` if
    /// the user does not exist.
    pub async fn remove_lost_second_factor(&self, email: &Email) -> Result<Option<bool>> {
        let (email, now, accounts) = (email.clone(), self.clock.now(), self.clone());
        let find_and_remove = move |connection: &mut DbConnection| {
            let Some(Account { user, .. }) = queries::find(connection, &email)?.map(Account::from) else {
                return Ok(None);
            };
            let event = accounts.event(EventKind::SecondFactorRemoved, user.id);
            let had_app = remove(connection, user.id, &event, now)?;
            let passkeys = queries::passkeys_of(connection, user.id)?;
            for passkey in &passkeys {
                remove_passkey_within(connection, passkey, (&accounts.source, None), now)?;
            }
            Ok(Some(had_app || !passkeys.is_empty()))
        };
        self.db.transaction(find_and_remove).await
    }

    /// Asks for a code again on the browsers that were last used for this session, or on all of the user's.
    pub(crate) async fn end_trust(&self, session: &PresentedSession, of: Option<SessionId>) -> Result<()> {
        let (user, now) = (session.user, self.clock.now());
        let event = NewEvent::new(EventKind::BrowserTrustEnded, &session.source()).user(user);
        let event = event.session(of.unwrap_or(session.id));
        let end = move |connection: &mut DbConnection| match queries::end_trust(connection, user, of)? {
            0 => Ok(()),
            count => record(connection, event.clone().detail("count", count), now),
        };
        self.db.transaction(end).await
    }

    /// The users who have a second factor.
    pub async fn users_with_second_factor(&self) -> Result<HashSet<UserId>> {
        Ok(self.all_factors().await?.into_iter().map(|(user, _)| user).collect())
    }

    /// Finds second factors that no configured secret can read, and users who must have one and have none.
    pub async fn check_second_factors(&self) -> Result<Vec<Breach>> {
        let factors = self.all_factors().await?;
        let keys = &self.second_factors.keys;
        let unreadable = factors.iter().filter(|(user, sealed)| keys.open(&secret_context(*user), sealed).is_none());
        let unreadable = unreadable.map(|(user, _)| {
            let detail = format!(
                "no secret in KEYRACK_SECRETS can read the second factor of the user {user}, who can't sign in: add the \
                 secret again behind the newest one, or run `keyrack user remove-second-factor`"
            );
            breach(detail)
        });
        Ok(unreadable.take(MAX_BREACHES).collect())
    }

    /// The users who must have a second factor by the policy, and have none yet.
    pub async fn users_without_demanded_factor(&self) -> Result<usize> {
        let mut with = self.users_with_second_factor().await?;
        with.extend(self.users_with_passkeys().await?);
        let is_missing = |account: &&Account| {
            let is_demanded = self.second_factors.policy.demands(&account.user);
            is_demanded && account.disabled_at.is_none() && !with.contains(&account.user.id)
        };
        Ok(self.list().await?.iter().filter(is_missing).count())
    }

    async fn all_factors(&self) -> Result<Vec<(UserId, String)>> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = self.db.read(move |connection| queries::factors_after(connection, after, PAGE_ROWS)).await?;
            let Some((last, _)) = page.last() else { return Ok(all) };
            after = Some(*last);
            all.extend(page);
        }
    }
}

/// The recovery codes that the user has, if this form has made them: it is sent again when its answer is loaded again. If
/// others have replaced them since, the form makes new ones: those that it made before are void, and stay so.
fn made_by_same_form(
    connection: &mut DbConnection,
    keys: &FactorKeys,
    (user, form): (UserId, &str),
) -> Result<Option<Vec<RecoveryCode>>> {
    let Some(made_at) = queries::recovery_codes_made_at(connection, user)? else { return Ok(None) };
    let codes = keys.recovery_codes(user, form, made_at)?;
    let Some(first) = codes.first() else { return Ok(None) };
    let is_same = queries::has_recovery_code(connection, user, &keys.hash(user, first)?)?;
    Ok(is_same.then_some(codes))
}

fn remove(connection: &mut DbConnection, user: UserId, event: &NewEvent, now: Timestamp) -> Result<bool> {
    if !queries::delete_factor(connection, user)? {
        return Ok(false);
    }
    queries::end_trust(connection, user, None)?;
    record(connection, event.clone(), now)?;
    Ok(true)
}

fn breach(detail: String) -> Breach {
    Breach { rule: "second factor", session_id: None, detail, repaired: false }
}
