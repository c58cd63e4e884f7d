//! Who did something, and from where.

use std::{net::IpAddr, sync::Arc};

use crate::db::SessionId;

/// Who did something: the column `actor`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Actor {
    /// The user of the account, or a visitor who tries to sign in to it.
    User,
    /// An administrator, on a page.
    Admin,
    /// An operator, by a command.
    Command,
    /// Another program, or an administrator by plain SQL.
    Peer,
    /// Keyrack itself.
    System,
}

impl Actor {
    const ALL: [Self; 5] = [Self::User, Self::Admin, Self::Command, Self::Peer, Self::System];

    /// The word in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
            Self::Command => "command",
            Self::Peer => "peer",
            Self::System => "system",
        }
    }

    /// Parses the word in the table.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|actor| actor.as_str() == word)
    }
}

/// Who did something, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    actor: Actor,
    ip_address: Option<IpAddr>,
    /// The session that did it, or the operating-system user.
    name: Option<Arc<str>>,
}

impl Source {
    /// A user or a visitor, from this address.
    pub fn user(ip_address: Option<IpAddr>) -> Self {
        Self { actor: Actor::User, ip_address, name: None }
    }

    /// An administrator, from this address.
    pub fn admin(ip_address: Option<IpAddr>) -> Self {
        Self { actor: Actor::Admin, ..Self::user(ip_address) }
    }

    /// An operator, by the name that the operating system knows.
    pub fn command(os_user: &str) -> Self {
        const MAX_CHARS: usize = 64;
        let name: String = os_user.chars().take(MAX_CHARS).collect();
        Self { actor: Actor::Command, ip_address: None, name: Some(name.into()) }
    }

    /// Keyrack itself.
    pub fn system() -> Self {
        Self { actor: Actor::System, ..Self::user(None) }
    }

    /// Names the session that does it.
    #[must_use]
    pub fn in_session(self, id: SessionId) -> Self {
        Self { name: Some(id.to_string().into()), ..self }
    }

    /// Who it is.
    pub fn actor(&self) -> Actor {
        self.actor
    }

    /// The address.
    pub fn ip_address(&self) -> Option<IpAddr> {
        self.ip_address
    }

    /// The session that does it, or the operating-system user of a command.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The session that does it.
    pub fn session(&self) -> Option<SessionId> {
        if self.actor == Actor::Command { None } else { self.name()?.parse().ok() }
    }

    /// The key of the name in an event's detail.
    pub(super) fn name_key(&self) -> &'static str {
        if self.actor == Actor::Command { "os_user" } else { "by_session" }
    }
}
