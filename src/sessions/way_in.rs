//! How sessions are let in.

/// What was checked at a sign-in besides the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SecondFactor {
    /// A code of the user's authenticator app (RFC 6238).
    Totp,
    /// A recovery code, which is used up by it.
    RecoveryCode,
    /// A passkey of the user.
    Passkey,
    /// That the user has told Keyrack at an earlier sign-in, with a code, to ask for none on this browser.
    TrustedBrowser,
}

/// What let a session in: the column `authorised_by`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WayIn {
    /// The account's password, and what was checked besides.
    Password(Option<SecondFactor>),
    /// A password that is good for one sign-in, and what was checked besides. The user has to change it before the session
    /// is good for anything else.
    OneTimePassword(Option<SecondFactor>),
    /// A link with which the user has set a new password, and what was checked besides.
    Reset(Option<SecondFactor>),
    /// A link with which the user of a new account has set its first password, and what was checked besides.
    Invitation(Option<SecondFactor>),
    /// A link with which a visitor has created the account, and what was checked besides.
    Registration(Option<SecondFactor>),
    /// A passkey, whose device has verified its user: two factors.
    Passkey,
    /// The application that embeds Keyrack named the user.
    Application,
    /// Another program wrote the session into the table, such as an Express application.
    Peer,
    /// It was not recorded: the session is older than the record.
    Unknown,
}

impl WayIn {
    const ALL: [Self; 25] = [
        Self::Password(None),
        Self::Password(Some(SecondFactor::Totp)),
        Self::Password(Some(SecondFactor::RecoveryCode)),
        Self::Password(Some(SecondFactor::Passkey)),
        Self::Password(Some(SecondFactor::TrustedBrowser)),
        Self::OneTimePassword(None),
        Self::OneTimePassword(Some(SecondFactor::Totp)),
        Self::OneTimePassword(Some(SecondFactor::RecoveryCode)),
        Self::OneTimePassword(Some(SecondFactor::Passkey)),
        Self::Reset(None),
        Self::Reset(Some(SecondFactor::Totp)),
        Self::Reset(Some(SecondFactor::RecoveryCode)),
        Self::Reset(Some(SecondFactor::Passkey)),
        Self::Invitation(None),
        Self::Invitation(Some(SecondFactor::Totp)),
        Self::Invitation(Some(SecondFactor::RecoveryCode)),
        Self::Invitation(Some(SecondFactor::Passkey)),
        Self::Registration(None),
        Self::Registration(Some(SecondFactor::Totp)),
        Self::Registration(Some(SecondFactor::RecoveryCode)),
        Self::Registration(Some(SecondFactor::Passkey)),
        Self::Passkey,
        Self::Application,
        Self::Peer,
        Self::Unknown,
    ];

    /// The word in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password(None) => "password",
            Self::Password(Some(SecondFactor::Totp)) => "password+totp",
            Self::Password(Some(SecondFactor::RecoveryCode)) => "password+recovery_code",
            Self::Password(Some(SecondFactor::Passkey)) => "password+passkey",
            Self::Password(Some(SecondFactor::TrustedBrowser)) => "password+trusted_browser",
            // A new password ends the trust in every browser, so the last case of each of these does not occur.
            Self::OneTimePassword(None | Some(SecondFactor::TrustedBrowser)) => "one_time_password",
            Self::OneTimePassword(Some(SecondFactor::Totp)) => "one_time_password+totp",
            Self::OneTimePassword(Some(SecondFactor::RecoveryCode)) => "one_time_password+recovery_code",
            Self::OneTimePassword(Some(SecondFactor::Passkey)) => "one_time_password+passkey",
            Self::Reset(None | Some(SecondFactor::TrustedBrowser)) => "reset",
            Self::Reset(Some(SecondFactor::Totp)) => "reset+totp",
            Self::Reset(Some(SecondFactor::RecoveryCode)) => "reset+recovery_code",
            Self::Reset(Some(SecondFactor::Passkey)) => "reset+passkey",
            Self::Invitation(None | Some(SecondFactor::TrustedBrowser)) => "invitation",
            Self::Invitation(Some(SecondFactor::Totp)) => "invitation+totp",
            Self::Invitation(Some(SecondFactor::RecoveryCode)) => "invitation+recovery_code",
            Self::Invitation(Some(SecondFactor::Passkey)) => "invitation+passkey",
            Self::Registration(None | Some(SecondFactor::TrustedBrowser)) => "registration",
            Self::Registration(Some(SecondFactor::Totp)) => "registration+totp",
            Self::Registration(Some(SecondFactor::RecoveryCode)) => "registration+recovery_code",
            Self::Registration(Some(SecondFactor::Passkey)) => "registration+passkey",
            Self::Passkey => "passkey",
            Self::Application => "application",
            Self::Peer => "peer",
            Self::Unknown => "unknown",
        }
    }

    /// Whether the password is good for this sign-in only.
    pub const fn is_one_time(self) -> bool {
        matches!(self, Self::OneTimePassword(_))
    }

    /// What was checked besides the password or the link.
    pub const fn second_factor(self) -> Option<SecondFactor> {
        match self {
            Self::Password(factor)
            | Self::OneTimePassword(factor)
            | Self::Reset(factor)
            | Self::Invitation(factor)
            | Self::Registration(factor) => factor,
            Self::Passkey | Self::Application | Self::Peer | Self::Unknown => None,
        }
    }

    /// The same way in with this second factor; those without a password have none.
    #[must_use]
    pub const fn with_second_factor(self, factor: SecondFactor) -> Self {
        match self {
            Self::Password(_) => Self::Password(Some(factor)),
            Self::OneTimePassword(_) => Self::OneTimePassword(Some(factor)),
            Self::Reset(_) => Self::Reset(Some(factor)),
            Self::Invitation(_) => Self::Invitation(Some(factor)),
            Self::Registration(_) => Self::Registration(Some(factor)),
            Self::Passkey | Self::Application | Self::Peer | Self::Unknown => self,
        }
    }

    /// Whether it begins with the account's password, or one that was set at the same time.
    const fn is_by_password(self) -> bool {
        matches!(
            self,
            Self::Password(_) | Self::OneTimePassword(_) | Self::Reset(_) | Self::Invitation(_) | Self::Registration(_)
        )
    }

    /// The ways in that begin so.
    pub(super) fn by_password() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|way| way.is_by_password())
    }

    /// Parses the word in the table; `None` for one that only another version or program uses.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_in_parse_from_their_words() {
        for way in WayIn::ALL {
            assert_eq!(WayIn::parse(way.as_str()), Some(way));
        }
        assert_eq!(WayIn::parse("window"), None);
    }

    #[test]
    fn asvs_6_1_3_each_way_in_is_documented() {
        const DOCUMENT: &str = include_str!("../../docs/authentication.md");
        let (_, section) = DOCUMENT.split_once("\n## Ways in\n").unwrap();
        let rows = section.split("\n## ").next().unwrap().lines().filter(|line| line.starts_with("| ")).skip(1);
        let documented: Vec<&str> = rows.map(|row| row.split('|').nth(2).unwrap().trim().trim_matches('`')).collect();
        for way in WayIn::ALL {
            assert!(documented.contains(&way.as_str()), "{way:?}: {documented:?}");
        }
        let unknown = documented.iter().find(|word| WayIn::parse(word).is_none());
        assert_eq!(unknown, None);
    }
}
