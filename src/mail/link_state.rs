//! Whether a link is good.

use crate::clock::Timestamp;

/// What decides whether a link is good.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LinkState {
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub used_at: Option<Timestamp>,
    /// When it was made void without a new password.
    pub voided_at: Option<Timestamp>,
    /// When the password was set that the account had when the link was made. `None` if an earlier version made the link.
    pub made_for: Option<Timestamp>,
    /// When the account's password was set.
    pub password_changed_at: Timestamp,
    pub is_disabled: bool,
}

/// Why a link is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LinkProblem {
    Used,
    /// It was made void, or the account has another password since.
    Void,
    /// The account is disabled.
    Disabled,
    Expired,
}

impl LinkState {
    /// Why the link is not good; `None` if it is. The times of passwords are compared with each other only: they may come
    /// from the clock of another machine than the link's own time.
    pub fn problem(&self, now: Timestamp) -> Option<LinkProblem> {
        let is_of_password = match self.made_for {
            Some(changed_at) => changed_at == self.password_changed_at,
            None => self.password_changed_at <= self.created_at,
        };
        match self {
            Self { used_at: Some(_), .. } => Some(LinkProblem::Used),
            Self { is_disabled: true, .. } => Some(LinkProblem::Disabled),
            Self { voided_at: Some(_), .. } => Some(LinkProblem::Void),
            _ if !is_of_password => Some(LinkProblem::Void),
            _ if self.expires_at <= now => Some(LinkProblem::Expired),
            _ => None,
        }
    }
}

impl LinkProblem {
    /// Why a mail with such a link is not sent.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Used => "its link was used",
            Self::Void => "its link was made void",
            Self::Disabled => "its account was disabled",
            Self::Expired => "its link has expired",
        }
    }
}
