//! What becomes of passkeys when their user sets a new password by a link.
//!
//! They let in without the password, so those that another person has added would outlast it. All but those that the user
//! knows go with the old password. None goes if the sign-in asks for one as the second factor: who reads a user's mails
//! must not be able to remove that. Nor does any if the address was changed within the last day, by the rule of `ways_in`.

use std::collections::HashSet;

use super::manage::PasskeyOverview;
use crate::{
    accounts::{
        Accounts,
        queries::{self, StoredPasskey},
        removed_passkey::remove_passkey_within,
        ways_in::has_new_address,
    },
    clock::Timestamp,
    db::{DbConnection, PasskeyId},
    error::Result,
    sessions::User,
};

/// The passkeys of a user who sets a new password by a link.
#[derive(Debug, Default)]
pub(crate) struct PasskeysAtReset {
    pub passkeys: Vec<PasskeyOverview>,
    /// Why all of them stay; `None` if they are removed.
    pub stay: Option<PasskeysStay>,
}

/// Why a link removes no passkeys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PasskeysStay {
    /// The sign-in asks for one of them as the second factor.
    SecondFactor,
    /// The address of the account is so new that the one who reads its mails may have changed it.
    NewAddress,
}

impl Accounts {
    /// The passkeys that a new password removes, if its user does not keep them.
    pub(crate) async fn passkeys_at_reset(&self, user: &User) -> Result<PasskeysAtReset> {
        let (accounts, user) = (self.clone(), user.clone());
        let find = move |connection: &mut DbConnection| {
            let own = queries::passkeys_of(connection, user.id)?;
            let stay = accounts.passkeys_stay(connection, &user, &own, accounts.clock.now())?;
            let site = accounts.relying_party.id();
            let passkeys = own.into_iter().map(|passkey| PasskeyOverview::new(passkey, site)).collect();
            Ok(PasskeysAtReset { passkeys, stay })
        };
        self.db.read(find).await
    }

    /// Removes the passkeys of a user but those that they keep, in the transaction that sets the password.
    pub(in crate::accounts) fn remove_passkeys_but(
        &self,
        connection: &mut DbConnection,
        user: &User,
        kept: &HashSet<PasskeyId>,
        now: Timestamp,
    ) -> Result<()> {
        let own = queries::passkeys_of(connection, user.id)?;
        if self.passkeys_stay(connection, user, &own, now)?.is_some() {
            return Ok(());
        }
        for passkey in own.iter().filter(|passkey| !kept.contains(&passkey.id)) {
            remove_passkey_within(connection, passkey, (&self.source, None), now)?;
        }
        Ok(())
    }

    fn passkeys_stay(
        &self,
        connection: &mut DbConnection,
        user: &User,
        own: &[StoredPasskey],
        now: Timestamp,
    ) -> Result<Option<PasskeysStay>> {
        let is_demanded = self.second_factors.policy.demands(user);
        let work_here = own.iter().any(|passkey| passkey.rp_id == self.relying_party.id());
        if is_demanded && work_here && queries::find_factor(connection, user.id)?.is_none() {
            return Ok(Some(PasskeysStay::SecondFactor));
        }
        Ok(has_new_address(connection, user.id, now)?.then_some(PasskeysStay::NewAddress))
    }
}
