//! How many wrong codes may be given, and where they count.
//!
//! Who has an account's password can use up the codes of its app on unknown browsers. Recovery codes have a budget of their
//! own, which fills up again: its owner, whose browsers are all unknown after a reset, still gets in with one of them.

use crate::{
    accounts::{
        browser_id::BrowserIdHash,
        codes::RecoveryCode,
        failure_keys::{FailureKey, MAX_RECOVERY_CODES_PER_WINDOW},
        failures::Failures,
        queries,
        throttle::{SessionRefusal, admit},
    },
    clock::Timestamp,
    db::{DbConnection, UserId},
    error::Result,
};

/// A code as it was typed, by its form, which decides where it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ReadCode {
    /// Digits, as apps show them; or text that has no form.
    OfApp(String),
    Recovery(RecoveryCode),
}

impl ReadCode {
    pub fn new(typed: &str) -> Self {
        let typed: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
        RecoveryCode::parse(&typed).map_or(Self::OfApp(typed), Self::Recovery)
    }
}

/// Where the failure of a code counts.
#[derive(Debug, Clone)]
pub(super) struct CodeBudget {
    user: UserId,
    /// `None` for all browsers that the account does not know.
    browser: Option<BrowserIdHash>,
    key: FailureKey,
    is_of_recovery_codes: bool,
}

impl CodeBudget {
    /// The budget of this code on this browser, if the account knows that.
    pub fn new(user: UserId, browser: Option<BrowserIdHash>, code: &ReadCode) -> Self {
        let is_of_recovery_codes = matches!(code, ReadCode::Recovery(_));
        let [of_app, of_recovery_codes] = keys(user, browser.as_ref());
        let key = if is_of_recovery_codes { of_recovery_codes } else { of_app };
        Self { user, browser, key, is_of_recovery_codes }
    }

    pub fn key(&self) -> &FailureKey {
        &self.key
    }

    pub fn is_of_known_browser(&self) -> bool {
        self.browser.is_some()
    }

    /// Whether a hundred failures in a row end it, until an operator unlocks the account. A recovery code has 60 bits: with
    /// a few attempts per minute, no one finds one.
    pub fn ends_with_a_lock(&self) -> bool {
        !self.is_of_recovery_codes
    }

    /// Decides whether another code may be checked after these failures.
    pub fn admit(&self, failures: Option<Failures>, now: Timestamp) -> Result<(), SessionRefusal> {
        if !self.is_of_recovery_codes {
            return admit(failures, now);
        }
        let delay = Failures::network_delay(failures, 0, now, MAX_RECOVERY_CODES_PER_WINDOW, self.key.step());
        if delay.is_zero() { Ok(()) } else { Err(SessionRefusal::Wait(delay)) }
    }

    /// Forgets the failures that a right code makes up for. One on a known browser begins a new row for all others: the owner
    /// is back, but the delays of those who may still be guessing stay.
    pub fn forget_after_success(&self, connection: &mut DbConnection) -> Result<()> {
        queries::forget_failures(connection, &keys(self.user, self.browser.as_ref()))?;
        if self.browser.is_some() {
            queries::end_row(connection, &FailureKey::codes(self.user))?;
        }
        Ok(())
    }
}

fn keys(user: UserId, browser: Option<&BrowserIdHash>) -> [FailureKey; 2] {
    match browser {
        Some(hash) => [FailureKey::codes_on_browser(hash), FailureKey::recovery_codes_on_browser(hash)],
        None => [FailureKey::codes(user), FailureKey::recovery_codes(user)],
    }
}
