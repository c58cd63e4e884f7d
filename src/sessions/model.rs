//! The values that the verbs take and give.

use std::{fmt, net::IpAddr, sync::Arc};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

use super::device::Device;
use crate::{
    clock::Timestamp,
    db::{SessionId, UserId},
    error::{Error, Result},
};

/// The secret session identifier that the cookie carries. Never shown, logged or put into a URL; its `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Sid(Arc<str>);

impl Sid {
    /// A new one: 24 bytes (192 bits) from the system's CSPRNG, base64url, as express-session makes them.
    /// ASVS 7.2.3 asks for 128 bits.
    pub fn random() -> Result<Self> {
        let mut bytes = [0; 24];
        getrandom::fill(&mut bytes).map_err(Error::internal)?;
        Ok(Self(BASE64_URL_SAFE_NO_PAD.encode(bytes).into()))
    }

    /// A sid that came in a cookie whose signature has been verified.
    pub fn from_verified(sid: &str) -> Self {
        Self(sid.into())
    }

    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sid(…)")
    }
}

/// Why a session ended: the column `end_reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// By its own user, on this device.
    SignedOut,
    /// By its own user, from another device.
    Revoked,
    /// By an administrator.
    RevokedByAdmin,
    /// Its user's password was changed elsewhere.
    PasswordChanged,
    /// Nobody used it for too long.
    IdleTimeout,
    /// It reached the longest life that a session may have.
    AbsoluteTimeout,
    /// A newer sign-in took its place.
    Replaced,
    /// Its user was disabled.
    AccountDisabled,
}

impl EndReason {
    const ALL: [Self; 8] = [
        Self::SignedOut,
        Self::Revoked,
        Self::RevokedByAdmin,
        Self::PasswordChanged,
        Self::IdleTimeout,
        Self::AbsoluteTimeout,
        Self::Replaced,
        Self::AccountDisabled,
    ];

    /// The word in the table and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignedOut => "signed_out",
            Self::Revoked => "revoked",
            Self::RevokedByAdmin => "revoked_by_admin",
            Self::PasswordChanged => "password_changed",
            Self::IdleTimeout => "idle_timeout",
            Self::AbsoluteTimeout => "absolute_timeout",
            Self::Replaced => "replaced",
            Self::AccountDisabled => "account_disabled",
        }
    }

    /// The sentence for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::SignedOut => "Signed out",
            Self::Revoked => "Revoked from another device",
            Self::RevokedByAdmin => "Revoked by an administrator",
            Self::PasswordChanged => "Password changed",
            Self::IdleTimeout => "Timed out after inactivity",
            Self::AbsoluteTimeout => "Reached its time limit",
            Self::Replaced => "Replaced by a newer sign-in",
            Self::AccountDisabled => "Account disabled",
        }
    }

    /// Reads the table's word; `None` for one that another program wrote.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }
}

/// What is known of the device at the other end of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Client {
    /// Its address, as far as the trusted proxies vouch for it.
    pub ip_address: Option<IpAddr>,
    /// Its `User-Agent`, cleaned by [`Client::new`].
    pub user_agent: Option<String>,
}

impl Client {
    /// The longest user agent that is kept, in characters. Real ones stay below 300.
    const USER_AGENT_LIMIT: usize = 512;

    /// Keeps of the user agent what is fit to be stored and shown: no control characters, none that turn the direction of
    /// text, and no more than 512 characters.
    pub fn new(ip_address: Option<IpAddr>, user_agent: Option<&str>) -> Self {
        let user_agent = user_agent
            .map(|text| text.chars().filter(|c| !is_disruptive(*c)).take(Self::USER_AGENT_LIMIT).collect::<String>());
        Self {
            ip_address: ip_address.map(|ip| ip.to_canonical()),
            user_agent: user_agent.filter(|text| !text.trim().is_empty()),
        }
    }
}

/// Control characters, and those that change the direction of the text around them or hide in it.
fn is_disruptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{061C}' | '\u{FEFF}')
}

/// The user that a session belongs to, as a request needs them.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct User {
    /// `users.id`
    pub id: UserId,
    /// The e-mail address.
    pub email: String,
    /// The name to show, if there is one.
    pub user_name: Option<String>,
    /// The first name, if known.
    pub first_name: Option<String>,
    /// The last name, if known.
    pub last_name: Option<String>,
    /// `user` or `admin`.
    pub role: String,
}

impl User {
    /// What a page calls them: the first name with the last, the user name, or the e-mail address.
    pub fn display_name(&self) -> String {
        match (&self.first_name, &self.last_name, &self.user_name) {
            (Some(first), Some(last), _) => format!("{first} {last}"),
            (_, _, Some(name)) => name.clone(),
            (Some(first), _, _) => first.clone(),
            _ => self.email.clone(),
        }
    }
}

/// A session as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    /// Names the session.
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// Their e-mail address.
    pub email: String,
    /// Where it was signed in from.
    pub ip_address: Option<String>,
    /// The browser's own words.
    pub user_agent: Option<String>,
    /// When it was started.
    pub created_at: Timestamp,
    /// When its device was last active, to the minute.
    pub last_seen_at: Timestamp,
    /// Its absolute end; of a session that an Express peer started, which has none, when it runs out unless it is used.
    pub expires_at: Timestamp,
    /// Whether it has an absolute expiry; sessions that an Express application started have none.
    pub has_absolute_expiry: bool,
    /// "Keep me signed in".
    pub remembered: bool,
    /// When it ended; `None` while it is active.
    pub logged_out_at: Option<Timestamp>,
    /// Why it ended, in the table's word.
    pub end_reason: Option<String>,
}

impl SessionRecord {
    /// What kind of device it is, as far as the user agent tells.
    pub fn device(&self) -> Device {
        Device::from_user_agent(self.user_agent.as_deref().unwrap_or_default())
    }

    /// Why it ended, for people.
    pub fn reason_label(&self) -> &str {
        let word = self.end_reason.as_deref().unwrap_or_default();
        EndReason::parse(word).map_or("Ended", EndReason::label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sid_hides_itself() {
        let sid = Sid::random().unwrap();
        assert_eq!(sid.expose().len(), 32);
        assert!(!format!("{sid:?}").contains(sid.expose()));
    }

    #[test]
    fn reasons_survive_their_words() {
        for reason in EndReason::ALL {
            assert_eq!(EndReason::parse(reason.as_str()), Some(reason));
        }
        assert_eq!(EndReason::parse("vanished"), None);
    }

    #[test]
    fn a_user_agent_is_cleaned_and_cut() {
        let client = Client::new(None, Some("Evil\r\n\u{202E}agent\u{0}"));
        assert_eq!(client.user_agent.as_deref(), Some("Evilagent"));
        let long = Client::new(None, Some(&"ü".repeat(100_000)));
        assert_eq!(long.user_agent.unwrap().chars().count(), 512);
        assert_eq!(Client::new(None, Some(" \n ")).user_agent, None);
    }

    #[test]
    fn an_ipv4_address_in_ipv6_clothes_is_shown_as_itself() {
        let client = Client::new(Some("::ffff:192.168.1.100".parse().unwrap()), None);
        assert_eq!(client.ip_address.unwrap().to_string(), "192.168.1.100");
    }
}
