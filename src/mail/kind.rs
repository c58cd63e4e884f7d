//! The kinds of mails that wait in the queue.

use std::time::Duration;

use super::{
    content::{Content, ContentLink},
    link_tokens::LinkToken,
};
use crate::words::Words;

/// What a mail is about: the column `kind`. A new kind needs a word here, and its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum MailKind {
    /// A link that sets a new password.
    Reset,
    /// A link with which the user of a new account sets its first password.
    Invitation,
    /// A notice of a sign-in on a browser that the account did not know.
    NewBrowser,
    /// A notice of a new password.
    PasswordChanged,
    /// A notice of another change of the ways in.
    WaysInChanged,
    /// A notice of many sign-ins that failed because of the password.
    ManyFailures,
    /// A notice of sign-ins whose password was right, and whose code was wrong.
    WrongCodes,
    /// A link that proves a new address.
    EmailChange,
    /// A notice to the former address of an account, with a link that puts it back.
    EmailChanged,
    /// Tells the owner of an account that another person wanted to use its address.
    AddressTaken,
    /// A link that creates an account.
    Registration,
    /// Tells the owner of an account that a visitor wanted to create one with its address.
    AccountExists,
}

impl MailKind {
    const ALL: [Self; 12] = [
        Self::Reset,
        Self::Invitation,
        Self::NewBrowser,
        Self::PasswordChanged,
        Self::WaysInChanged,
        Self::ManyFailures,
        Self::WrongCodes,
        Self::EmailChange,
        Self::EmailChanged,
        Self::AddressTaken,
        Self::Registration,
        Self::AccountExists,
    ];

    /// The word in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Invitation => "invitation",
            Self::NewBrowser => "new_browser",
            Self::PasswordChanged => "password_changed",
            Self::WaysInChanged => "ways_in_changed",
            Self::ManyFailures => "many_failures",
            Self::WrongCodes => "wrong_codes",
            Self::EmailChange => "email_change",
            Self::EmailChanged => "email_changed",
            Self::AddressTaken => "address_taken",
            Self::Registration => "registration",
            Self::AccountExists => "account_exists",
        }
    }

    /// Whether it tells the owner of an account what happened to it, and queued by what the security events tell.
    pub const fn is_notice(self) -> bool {
        matches!(
            self,
            Self::NewBrowser | Self::PasswordChanged | Self::WaysInChanged | Self::ManyFailures | Self::WrongCodes
        )
    }

    /// Whether a new password leaves its link good: the person of whom the mail tells may have set it.
    pub const fn outlives_password(self) -> bool {
        self.is_notice() || matches!(self, Self::EmailChanged)
    }

    /// The words of all notices.
    pub fn notices() -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().filter(|kind| kind.is_notice()).map(Self::as_str)
    }

    /// Parses the word in the table; `None` for one that only another version knows.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// The path and the query of its link.
    pub fn path_with(self, token: &LinkToken) -> String {
        let path = match self {
            Self::Reset => "/reset",
            Self::Invitation => "/invite",
            Self::NewBrowser | Self::PasswordChanged | Self::WaysInChanged | Self::ManyFailures | Self::WrongCodes => {
                "/not-me"
            }
            Self::EmailChange | Self::EmailChanged | Self::AddressTaken | Self::Registration | Self::AccountExists => {
                "/verify"
            }
        };
        format!("{path}?token={}", token.expose())
    }

    /// The mail that sets a password, or proves an address, by this link, which is good for so long. Notices have words of
    /// their own.
    pub fn content(self, words: Words, url: String, lifetime: Duration) -> Content {
        let hours = usize::try_from(lifetime.as_secs() / 3600).unwrap_or(usize::MAX);
        let good_for = if hours < 48 { words.mail_link_hours(hours) } else { words.mail_link_days(hours / 24) };
        let (subject, text, label, note) = match self {
            Self::Reset => {
                (words.mail_reset_subject(), words.mail_reset_text(), words.mail_reset_link(), words.mail_reset_note())
            }
            Self::EmailChange => (
                words.mail_email_change_subject(),
                words.mail_email_change_text(),
                words.mail_email_change_link(),
                words.mail_email_change_note(),
            ),
            Self::Registration => (
                words.mail_registration_subject(),
                words.mail_registration_text(),
                words.mail_registration_link(),
                words.mail_registration_note(),
            ),
            _ => (
                words.mail_invitation_subject(),
                words.mail_invitation_text(),
                words.mail_invitation_link(),
                words.mail_invitation_note(),
            ),
        };
        Content {
            words,
            subject,
            paragraphs: vec![text],
            facts: Vec::new(),
            link: Some(ContentLink { label: label.to_owned(), url }),
            notes: vec![good_for, note.to_owned()],
        }
    }
}
