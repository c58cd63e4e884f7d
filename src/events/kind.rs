//! The kinds of events.

/// Defines the kinds with their words in the table.
macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $word:literal;)+) => {
        /// What happened: the column `kind`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum EventKind {
            $($(#[$doc])* $name,)+
        }

        impl EventKind {
            /// All kinds.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The word in the table, in JSON and in the log.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }
        }
    };
}

kinds! {
    /// A session started.
    SignedIn = "signed_in";
    /// A sign-in to an existing account failed.
    SignInFailed = "sign_in_failed";
    /// Attempts to sign in to an account were refused without checking the password.
    SignInThrottled = "sign_in_throttled";
    /// Sign-ins failed whose address names no account: their number since the last such event.
    UnknownSignInsFailed = "unknown_sign_ins_failed";
    /// So many sign-ins failed in a row that only known browsers may try.
    AccountLocked = "account_locked";
    /// The failed sign-ins of an account were forgotten.
    AccountUnlocked = "account_unlocked";
    /// The session of another application was added.
    SessionAdopted = "session_adopted";
    /// A session got a new sid.
    SessionRotated = "session_rotated";
    /// A session was bound to a key of its browser: `detail.algorithm` and `detail.thumbprint`.
    SessionBound = "session_bound";
    /// A request with the cookie of a bound session came from a browser without its key, and was refused.
    BoundSessionRefused = "bound_session_refused";
    /// The owner of a session gave it another name: `detail.name`.
    SessionRenamed = "session_renamed";
    /// The owner of an account said that a session was not theirs.
    SessionReported = "session_reported";
    /// A session ended: `detail.reason` says why.
    SessionEnded = "session_ended";
    /// A browser became known to an account.
    BrowserRemembered = "browser_remembered";
    /// A browser signs in without a second factor from now on, until `detail.until`.
    BrowserTrusted = "browser_trusted";
    /// A session needed no second factor, since its browser is trusted: `detail.trusted_in` is the session in which that was
    /// said.
    BrowserTrustUsed = "browser_trust_used";
    /// The trust in browsers was ended: `detail.count` of them.
    BrowserTrustEnded = "browser_trust_ended";
    /// A second factor was added to an account.
    SecondFactorAdded = "second_factor_added";
    /// The second factor of an account was removed.
    SecondFactorRemoved = "second_factor_removed";
    /// An account got new recovery codes; the former ones are void.
    RecoveryCodesMade = "recovery_codes_made";
    /// The recovery codes of an account were removed, since its owner has reported the session that had made them.
    RecoveryCodesRemoved = "recovery_codes_removed";
    /// A passkey was added to an account: `detail.passkey` and `detail.name`.
    PasskeyAdded = "passkey_added";
    /// A passkey has let a session in, alone or as the second factor.
    PasskeyUsed = "passkey_used";
    /// A passkey was renamed: `detail.from` and `detail.name`.
    PasskeyRenamed = "passkey_renamed";
    /// A passkey of an account was removed.
    PasskeyRemoved = "passkey_removed";
    /// An account was created.
    AccountCreated = "account_created";
    /// An account was deleted from the table.
    AccountDeleted = "account_deleted";
    /// An account was disabled.
    AccountDisabled = "account_disabled";
    /// A disabled account was enabled.
    AccountEnabled = "account_enabled";
    /// The role of an account was changed.
    RoleChanged = "role_changed";
    /// A password was changed, or set.
    PasswordChanged = "password_changed";
    /// The address of an account was changed, after its new one was proved, or by an operator.
    EmailChanged = "email_changed";
    /// An account got its former address back.
    EmailRestored = "email_restored";
    /// A link that sets a password, or changes the address, was made: `detail.link` says which kind.
    LinkCreated = "link_created";
    /// Such a link was asked for too often, and not made: `detail.count` requests since the last such event.
    LinkRefused = "link_refused";
    /// Such a link was made void by the user who had asked for it.
    LinkCancelled = "link_cancelled";
    /// Such a link was used.
    LinkUsed = "link_used";
    /// A mail could not be sent: `detail.mail` says which kind.
    MailGivenUp = "mail_given_up";
    /// A page required its user to prove again who they are.
    ProofRequested = "proof_requested";
    /// A user proved again who they are.
    ProofGiven = "proof_given";
    /// A user tried to prove again who they are, and failed.
    ProofFailed = "proof_failed";
    /// A form was refused: `detail.cause` says why.
    FormRefused = "form_refused";
    /// A user requested a session that is not theirs: `detail.requested_session`.
    AccessRefused = "access_refused";
    /// A setting was changed that is kept in the database: `detail.setting`, `from` and `to`.
    SettingChanged = "setting_changed";
    /// An operator ran a command that changes more than one account or session.
    CommandRun = "command_run";
}

impl EventKind {
    /// What changes that which a list of sessions shows.
    pub const LIST_CHANGES: [Self; 5] =
        [Self::SignedIn, Self::SessionAdopted, Self::SessionRenamed, Self::SessionEnded, Self::AccountDeleted];

    /// Parses the word in the table; `None` for one that only another version knows.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_parse_from_their_words_and_fit_the_column() {
        for kind in EventKind::ALL {
            assert_eq!(EventKind::parse(kind.as_str()), Some(*kind));
            assert!(kind.as_str().len() <= 32, "{kind:?}");
        }
        assert_eq!(EventKind::parse("vanished"), None);
    }
}
