//! Why something failed or was refused: the key `cause` in the detail of an event.

use super::kind::EventKind;

/// Defines the causes of each kind with their words.
macro_rules! causes {
    ($($kind:ident { $($(#[$doc:meta])* $name:ident = $word:literal,)+ })+) => {
        /// Why something failed or was refused. Not said to the client.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum EventCause {
            $($($(#[$doc])* $name,)+)+
        }

        impl EventCause {
            /// All causes.
            #[cfg(test)]
            const ALL: &'static [Self] = &[$($(Self::$name,)+)+];

            /// The word in the detail.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $($(Self::$name => $word,)+)+
                }
            }

            /// The kind of its events.
            pub const fn kind(self) -> EventKind {
                match self {
                    $($(Self::$name)|+ => EventKind::$kind,)+
                }
            }
        }
    };
}

causes! {
    SignInFailed {
        /// The password was wrong.
        WrongPassword = "wrong_password",
        /// The account is disabled.
        Disabled = "disabled",
        /// The account has no password.
        NoPassword = "no_password",
        /// The password was right, but good for one sign-in, which has taken place.
        UsedUpPassword = "used_up_password",
        /// The password was right, but the code of the second factor was wrong.
        WrongCode = "wrong_code",
        /// The password was right, and so was the code, but it had been used already.
        UsedCode = "used_code",
        /// The password was right, but no configured secret can read the second factor.
        UnreadableFactor = "unreadable_factor",
        /// The answer was not one of the passkey to the challenge of this page.
        WrongPasskey = "wrong_passkey",
        /// The passkey had answered this challenge, or a later one, before.
        UsedPasskey = "used_passkey",
        /// The passkey's counter was not higher than at its last use: another device may have a copy of it.
        CopiedPasskey = "copied_passkey",
        /// No account has the address. Only in the log: the table counts them, see `unknown_sign_ins_failed`.
        UnknownAccount = "unknown_account",
    }
    SignInThrottled {
        /// The next attempt has to wait.
        Wait = "wait",
        /// Only browsers that are known to the account may try.
        Locked = "locked",
        /// Too many sign-ins have succeeded within a short time.
        Pace = "pace",
    }
    BoundSessionRefused {
        /// The request had no proof of the key.
        NoProof = "no_proof",
        /// Its proof was too old: a copy of both cookies, or a clock that was set.
        OutdatedProof = "outdated_proof",
        /// A proof was signed by another key.
        WrongKey = "wrong_key",
    }
    FormRefused {
        /// Another site has sent the form.
        ForeignOrigin = "foreign_origin",
        /// The page was opened over http, while the public URL has https.
        NotOverHttps = "not_over_https",
        /// No cookie came back with the form.
        NoCookie = "no_cookie",
        /// The cookie of the form was signed with other secrets.
        UnknownCookie = "unknown_cookie",
        /// Two cookies came back, one of them from another site of the domain.
        TwoCookies = "two_cookies",
        /// The token is missing, or belongs to another session or visitor.
        WrongToken = "wrong_token",
        /// The form was opened before the session got a new identifier.
        FormerSid = "former_sid",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The rows of the document's table of kinds: the kinds that a row names, and the rest of it.
    fn documented() -> Vec<(Vec<&'static str>, &'static str)> {
        let table = include_str!("../../docs/events.md").split_once("| kind | what happened | detail |\n").unwrap().1;
        let rows = table.lines().skip(1).take_while(|line| line.starts_with('|'));
        let row = |line: &'static str| {
            let (kinds, rest) = line.trim_start_matches('|').split_once('|').unwrap();
            (kinds.split(',').map(|kind| kind.trim().trim_matches('`')).collect(), rest)
        };
        rows.map(row).collect()
    }

    /// The words in backticks after `cause` and before the next key.
    fn documented_causes(row: &str) -> BTreeSet<&str> {
        let Some((_, causes)) = row.split_once("`cause`:") else { return BTreeSet::new() };
        let causes = causes.split(';').next().unwrap();
        causes.split('`').skip(1).step_by(2).collect()
    }

    #[test]
    fn document_names_every_kind_and_its_causes() {
        let documented = documented();
        let kinds: Vec<&str> = documented.iter().flat_map(|(kinds, _)| kinds.clone()).collect();
        assert_eq!(
            kinds.iter().copied().collect::<BTreeSet<_>>(),
            EventKind::ALL.iter().map(|kind| kind.as_str()).collect()
        );
        assert_eq!(kinds.len(), EventKind::ALL.len(), "a kind has two rows: {kinds:?}");
        for kind in EventKind::ALL {
            let (_, row) = documented.iter().find(|(kinds, _)| kinds.contains(&kind.as_str())).unwrap();
            let causes = EventCause::ALL.iter().filter(|cause| cause.kind() == *kind).map(|cause| cause.as_str());
            let expected: BTreeSet<&str> = causes.filter(|cause| *cause != "unknown_account").collect();
            assert_eq!(documented_causes(row), expected, "{}", kind.as_str());
        }
    }
}
