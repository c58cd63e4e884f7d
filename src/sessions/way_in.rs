//! How sessions are let in.

/// What let a session in: the column `authorised_by`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WayIn {
    /// The account's password.
    Password,
    /// A password that is good for one sign-in. The user has to change it before the session is good for anything else.
    OneTimePassword,
    /// A link with which the user has set a new password.
    Reset,
    /// A link with which the user of a new account has set its first password.
    Invitation,
    /// The application that embeds Keyrack named the user.
    Application,
    /// Another program wrote the session into the table, such as an Express application.
    Peer,
    /// It was not recorded: the session is older than the record.
    Unknown,
}

impl WayIn {
    const ALL: [Self; 7] = [
        Self::Password,
        Self::OneTimePassword,
        Self::Reset,
        Self::Invitation,
        Self::Application,
        Self::Peer,
        Self::Unknown,
    ];

    /// Those whose proof is the account's password, or one that was set at the same time.
    pub(super) const BY_PASSWORD: [Self; 4] = [Self::Password, Self::OneTimePassword, Self::Reset, Self::Invitation];

    /// The word in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::OneTimePassword => "one_time_password",
            Self::Reset => "reset",
            Self::Invitation => "invitation",
            Self::Application => "application",
            Self::Peer => "peer",
            Self::Unknown => "unknown",
        }
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
