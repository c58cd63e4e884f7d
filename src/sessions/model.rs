//! Values that the verbs take and return.

use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

use super::{
    binding::Binding,
    browsers::{BrowserIdHash, NEW_BROWSER_PERIOD},
    checked_factor::CheckedFactor,
    device::{ClientHints, Device},
    way_in::WayIn,
};
use crate::{
    clock::Timestamp,
    db::{PasskeyId, SessionId, UserId},
    error::{Error, Result},
    text::is_unsafe,
};

/// The secret session identifier that the cookie carries. Never shown, logged or put into a URL; its `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Sid(Arc<str>);

impl Sid {
    /// Makes a new sid: 24 bytes (192 bits) from the system's CSPRNG, in base64url, as express-session makes them. ASVS
    /// 7.2.3 requires 128 bits.
    pub fn random() -> Result<Self> {
        let mut bytes = [0; 24];
        getrandom::fill(&mut bytes).map_err(Error::internal)?;
        Ok(Self(BASE64_URL_SAFE_NO_PAD.encode(bytes).into()))
    }

    /// Makes a sid from trusted text: of a cookie whose signature has been verified, or of a row.
    pub fn from_trusted(sid: &str) -> Self {
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

/// The reason of a session's end: the column `end_reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// Its user signed out on this device.
    SignedOut,
    /// Its user ended it from another device.
    Revoked,
    /// An administrator ended it.
    RevokedByAdmin,
    /// Its user's password was changed elsewhere.
    PasswordChanged,
    /// It was inactive for the idle timeout.
    IdleTimeout,
    /// It reached the absolute timeout.
    AbsoluteTimeout,
    /// A newer sign-in replaced it, since its user had reached the limit of sessions.
    Replaced,
    /// Its user was disabled.
    AccountDisabled,
}

impl EndReason {
    pub(crate) const ALL: [Self; 8] = [
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

    /// Parses the word in the table; `None` for a word that only another program uses.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }
}

/// A request's device, as the request describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Client {
    /// Its IP address, as the trusted proxies report it.
    pub ip_address: Option<IpAddr>,
    /// Its `User-Agent`, cleaned by [`Client::new`].
    pub user_agent: Option<String>,
    /// Its client hints, as `ClientHints::to_text` writes them.
    pub client_hints: Option<String>,
}

impl Client {
    /// The longest stored user agent, in characters. Real ones stay below 300.
    const MAX_USER_AGENT_CHARS: usize = 512;

    /// Cleans the user agent for storing and showing: removes control characters and those that change the direction of
    /// text, and cuts it after 512 characters.
    pub fn new(ip_address: Option<IpAddr>, user_agent: Option<&str>) -> Self {
        let user_agent = user_agent
            .map(|text| text.chars().filter(|c| !is_unsafe(*c)).take(Self::MAX_USER_AGENT_CHARS).collect::<String>());
        Self {
            ip_address: ip_address.map(|ip| ip.to_canonical()),
            user_agent: user_agent.filter(|text| !text.trim().is_empty()),
            client_hints: None,
        }
    }

    /// Adds the client hints of its request.
    #[must_use]
    pub fn with_hints(self, hints: Option<&ClientHints>) -> Self {
        Self { client_hints: hints.map(ClientHints::to_text), ..self }
    }
}

/// The user of a session.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct User {
    /// `users.id`
    pub id: UserId,
    /// The email address.
    pub email: String,
    /// The name to show, if known.
    pub user_name: Option<String>,
    /// The first name, if known.
    pub first_name: Option<String>,
    /// The last name, if known.
    pub last_name: Option<String>,
    /// `user` or `admin`.
    pub role: String,
}

impl User {
    /// The name for pages: the first and last name, the user name, the first name, or the email address.
    pub fn display_name(&self) -> String {
        match (&self.first_name, &self.last_name, &self.user_name) {
            (Some(first), Some(last), _) => format!("{first} {last}"),
            (_, _, Some(name)) => name.clone(),
            (Some(first), _, _) => first.clone(),
            _ => self.email.clone(),
        }
    }
}

/// A user who has proved their identity by a password. All of it must be unchanged when the session starts.
#[derive(Debug, Clone)]
pub struct Proof {
    /// The user as they were authenticated.
    pub user: User,
    /// When the password was set.
    pub password_changed_at: Timestamp,
    /// Whether the password is good for this sign-in only: the session is good for nothing else before it was changed.
    pub must_change_password: bool,
    /// What proved it: the password, the link with which it was set, or a passkey; and what was checked besides.
    pub way_in: WayIn,
    /// The passkey that was used, alone or as the second factor.
    pub passkey: Option<UsedPasskey>,
    /// What was checked besides, as the database had it; `None` if nothing was.
    pub second_factor: Option<CheckedFactor>,
}

/// A passkey that has proved who a user is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsedPasskey {
    /// Names it.
    pub id: PasskeyId,
    /// When it was added to the account.
    pub added_at: Timestamp,
}

/// A session and its new sid, as a start or a rotation committed them.
#[derive(Debug, Clone)]
pub struct IssuedSession {
    /// `sessions.id`
    pub id: SessionId,
    /// The new secret for the cookie.
    pub sid: Sid,
    /// The `Max-Age` of the cookie; `None` for a cookie that the browser deletes when it is closed.
    pub max_age: Option<Duration>,
    /// The browser of the sign-in, by the id under which its account knows it now; `None` after a rotation, and if it is
    /// not known.
    pub browser: Option<BrowserIdHash>,
    /// Whether the browser may bind it: a sign-in has issued it, and the browser is not known to have a key for it.
    pub can_be_bound: bool,
}

/// A session as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    /// `sessions.id`
    pub id: SessionId,
    /// Its user.
    pub user_id: UserId,
    /// The user's email address.
    pub email: String,
    /// The IP address of the sign-in.
    pub ip_address: Option<String>,
    /// The `User-Agent` of the sign-in.
    pub user_agent: Option<String>,
    /// The client hints of the sign-in, if they can be read.
    pub client_hints: Option<ClientHints>,
    /// When it was started.
    pub created_at: Timestamp,
    /// When its device was last active, to the minute.
    pub last_seen_at: Timestamp,
    /// When it expires at the latest. A session without an absolute expiry: when it expires unless it is used.
    pub expires_at: Timestamp,
    /// Whether it has an absolute expiry; sessions that an Express application started have none.
    pub has_absolute_expiry: bool,
    /// "Keep me signed in".
    pub remembered: bool,
    /// The word for what let it in; see `WayIn`.
    pub authorised_by: String,
    /// When it ended; `None` while it is active.
    pub logged_out_at: Option<Timestamp>,
    /// The word for the reason of its end; see [`EndReason`].
    pub end_reason: Option<String>,
    /// The name that its owner has given it.
    pub name: Option<String>,
    /// Whether the account, which knew others or had signed in before, did not know the browser of the sign-in.
    pub from_new_browser: bool,
    /// The IP address of its latest activity, if that was in another network than the sign-in.
    pub last_ip_address: Option<String>,
    /// When its user last proved in it who they are.
    pub authenticated_at: Option<Timestamp>,
    /// Whether it is bound to a browser.
    pub binding: Binding,
}

impl SessionRecord {
    /// The device that the user agent and the client hints describe.
    pub fn device(&self) -> Device {
        Device::recognise(self.user_agent.as_deref().unwrap_or_default(), self.client_hints.as_ref())
    }

    /// Whether it was started, within a day, on a browser that the account had known for less than a day then. So a browser
    /// that signs out and in again is new for two days at most.
    pub fn is_new(&self, now: Timestamp) -> bool {
        self.from_new_browser && now.since(self.created_at) < NEW_BROWSER_PERIOD
    }
}

/// The rows that a purge changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Purged {
    /// Sessions that were still active and were ended: expired ones, and those beyond the limit of their user.
    pub ended: usize,
    /// Rows of data deleted that belonged to no active session.
    pub data_removed: usize,
    /// Rows of history deleted past their retention.
    pub history_removed: usize,
}

impl Purged {
    /// Whether the purge changed nothing.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }
}

/// A request that shows that a device is in use.
#[derive(Debug, Clone, Copy, Default)]
pub struct Activity {
    /// From where it came, if that is known.
    pub ip_address: Option<IpAddr>,
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn sid_is_not_in_debug_output() {
        let sid = Sid::random().unwrap();
        assert_eq!(sid.expose().len(), 32);
        assert!(!format!("{sid:?}").contains(sid.expose()));
    }

    /// Each of the 64 characters is expected 156 times at each position. Less than one run in a billion leaves the range
    /// by chance; a character that is never there, or twice as often as others, always does.
    #[test]
    fn asvs_7_2_3_sids_are_unique_and_uniform_at_each_position() {
        const SIDS: usize = 10_000;
        let sids: HashSet<String> = (0..SIDS).map(|_| Sid::random().unwrap().expose().to_owned()).collect();
        assert_eq!(sids.len(), SIDS);
        for position in 0..32 {
            let mut counts = [0; 128];
            for sid in &sids {
                counts[usize::from(sid.as_bytes()[position])] += 1;
            }
            let alphabet = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['-', '_']);
            for character in alphabet {
                let count = counts[character as usize];
                assert!((65..260).contains(&count), "{count} times {character} at position {position}");
            }
        }
    }

    #[test]
    fn reasons_parse_from_their_words() {
        for reason in EndReason::ALL {
            assert_eq!(EndReason::parse(reason.as_str()), Some(reason));
        }
        assert_eq!(EndReason::parse("vanished"), None);
    }

    #[test]
    fn user_agent_is_cleaned_and_cut() {
        let client = Client::new(None, Some("Evil\r\n\u{202E}agent\u{0}"));
        assert_eq!(client.user_agent.as_deref(), Some("Evilagent"));
        let long = Client::new(None, Some(&"ü".repeat(100_000)));
        assert_eq!(long.user_agent.unwrap().chars().count(), 512);
        assert_eq!(Client::new(None, Some(" \n ")).user_agent, None);
    }

    #[test]
    fn ipv4_mapped_ipv6_address_is_shown_as_ipv4() {
        let client = Client::new(Some("::ffff:192.168.1.100".parse().unwrap()), None);
        assert_eq!(client.ip_address.unwrap().to_string(), "192.168.1.100");
    }
}
