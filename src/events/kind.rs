//! The kinds of events.

/// Defines the kinds with their words in the table, and their words for people.
macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $label:literal;)+) => {
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

            /// The words for people.
            pub const fn label(self) -> &'static str {
                match self {
                    $(Self::$name => $label,)+
                }
            }
        }
    };
}

kinds! {
    /// A session started.
    SignedIn = "signed_in", "Signed in";
    /// A sign-in to an existing account failed.
    SignInFailed = "sign_in_failed", "Sign-in failed";
    /// Attempts to sign in to an account were refused without checking the password.
    SignInThrottled = "sign_in_throttled", "Sign-in refused after too many attempts";
    /// Sign-ins failed whose address names no account: their number since the last such event.
    UnknownSignInsFailed = "unknown_sign_ins_failed", "Sign-ins with unknown addresses failed";
    /// So many sign-ins failed in a row that only known browsers may try.
    AccountLocked = "account_locked", "Locked for unknown browsers";
    /// The failed sign-ins of an account were forgotten.
    AccountUnlocked = "account_unlocked", "Unlocked for unknown browsers";
    /// The session of another application was added.
    SessionAdopted = "session_adopted", "Signed in through another application";
    /// A session got a new sid.
    SessionRotated = "session_rotated", "Session identifier renewed";
    /// The owner of a session gave it another name: `detail.name`.
    SessionRenamed = "session_renamed", "Session renamed";
    /// A session ended: `detail.reason` says why.
    SessionEnded = "session_ended", "Session ended";
    /// A browser became known to an account.
    BrowserRemembered = "browser_remembered", "Browser remembered";
    /// An account was created.
    AccountCreated = "account_created", "Account created";
    /// An account was deleted from the table.
    AccountDeleted = "account_deleted", "Account deleted";
    /// An account was disabled.
    AccountDisabled = "account_disabled", "Account disabled";
    /// A disabled account was enabled.
    AccountEnabled = "account_enabled", "Account enabled";
    /// The role of an account was changed.
    RoleChanged = "role_changed", "Role changed";
    /// A password was changed, or set.
    PasswordChanged = "password_changed", "Password changed";
    /// A page required its user to prove again who they are.
    ProofRequested = "proof_requested", "Asked to confirm it’s you";
    /// A user proved again who they are.
    ProofGiven = "proof_given", "Confirmed it’s you";
    /// A user tried to prove again who they are, and failed.
    ProofFailed = "proof_failed", "Failed to confirm it’s you";
    /// A form was refused: `detail.cause` says why.
    FormRefused = "form_refused", "Form refused";
    /// A user requested a session that is not theirs: `detail.requested_session`.
    AccessRefused = "access_refused", "Request refused: not one of your sessions";
    /// A setting was changed that is kept in the database: `detail.setting`, `from` and `to`.
    SettingChanged = "setting_changed", "Setting changed";
    /// An operator ran a command that changes more than one account or session.
    CommandRun = "command_run", "Command run";
}

impl EventKind {
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
