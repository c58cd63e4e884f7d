//! The keys under which failed sign-ins are counted.

use std::{fmt, num::NonZeroU32, time::Duration};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{
    accounts::{
        browser_id::BrowserIdHash,
        client_network::{ClientNetwork, NetworkSize},
        failures::FORGET_ONE_AFTER,
    },
    db::{SessionId, UserId},
};

/// Buckets for what was typed where no user has that address. So many that a hundred thousand such texts rarely share
/// one, and few enough for a table.
pub(super) const UNKNOWN_BUCKETS: u64 = 1 << 20;
/// Buckets for the networks of one size.
pub(super) const NETWORK_BUCKETS: u64 = 1 << 16;
/// A network's failures count for this long: it may fail as often as its limit at once, and as often again evenly
/// spread over this time.
pub(super) const NETWORK_WINDOW: Duration = Duration::from_secs(15 * 60);

/// The time within which mails to addresses that have no account are limited.
pub(super) const NEW_ADDRESS_WINDOW: Duration = Duration::from_secs(60 * 60);

impl NetworkSize {
    /// How often strangers in one network of this size may fail, over all accounts, in [`NETWORK_WINDOW`]. The larger
    /// the network, the more people share it, and the fewer of them a limit should affect.
    pub fn limit(self) -> u32 {
        match self {
            Self::V4Prefix32 | Self::V6Prefix64 => 50,
            Self::V6Prefix56 => 100,
            Self::V4Prefix24 | Self::V6Prefix48 => 200,
        }
    }

    /// How many mails strangers in one network of this size may ask for, for all accounts, in [`NETWORK_WINDOW`].
    pub fn mail_limit(self) -> u32 {
        match self {
            Self::V4Prefix32 | Self::V6Prefix64 => 20,
            Self::V6Prefix56 => 40,
            Self::V4Prefix24 | Self::V6Prefix48 => 80,
        }
    }

    /// The time after which one failure no longer counts.
    pub fn step(self) -> Duration {
        NETWORK_WINDOW / self.limit()
    }
}

/// Wrong recovery codes that may be given within [`NETWORK_WINDOW`], on browsers that an account does not know and on each
/// that it knows.
pub(super) const MAX_RECOVERY_CODES_PER_WINDOW: u32 = 10;

/// The key of a row of `sign_in_failures`, and of a count of attempts in flight.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct FailureKey {
    text: String,
    step: Duration,
}

impl FailureKey {
    pub fn account(user: UserId) -> Self {
        Self { text: format!("account:{user}"), step: FORGET_ONE_AFTER }
    }

    pub fn browser(hash: &BrowserIdHash) -> Self {
        Self { text: format!("browser:{}", hash.as_str()), step: FORGET_ONE_AFTER }
    }

    /// The key of the wrong passwords that were given in a session, to prove that its user is there.
    pub fn session(id: SessionId) -> Self {
        Self { text: format!("session:{id}"), step: FORGET_ONE_AFTER }
    }

    /// The key of wrong codes of a second factor, on browsers that the account does not know.
    pub fn codes(user: UserId) -> Self {
        Self { text: format!("codes:{user}"), step: FORGET_ONE_AFTER }
    }

    /// The key of those on one that it knows.
    pub fn codes_on_browser(hash: &BrowserIdHash) -> Self {
        Self { text: format!("codes-on:{}", hash.as_str()), step: FORGET_ONE_AFTER }
    }

    /// The key of wrong recovery codes, on browsers that the account does not know.
    pub fn recovery_codes(user: UserId) -> Self {
        Self::of_recovery_codes(format!("recovery:{user}"))
    }

    /// The key of those on one that it knows.
    pub fn recovery_codes_on_browser(hash: &BrowserIdHash) -> Self {
        Self::of_recovery_codes(format!("recovery-on:{}", hash.as_str()))
    }

    fn of_recovery_codes(text: String) -> Self {
        Self { text, step: NETWORK_WINDOW / MAX_RECOVERY_CODES_PER_WINDOW }
    }

    /// The id of the user whose account this is the key of.
    pub fn account_of(key: &str) -> Option<&str> {
        key.strip_prefix("account:")
    }

    /// The browser that this is the key of.
    pub fn browser_of(key: &str) -> Option<BrowserIdHash> {
        key.strip_prefix("browser:").map(|hash| BrowserIdHash(hash.to_owned()))
    }

    fn unknown(bucket: u64) -> Self {
        Self { text: format!("unknown:{bucket}"), step: FORGET_ONE_AFTER }
    }

    /// Counts failures of unknown addresses until they become an event.
    pub fn unreported(bucket: u64) -> Self {
        Self { text: format!("unreported:{bucket}"), step: FORGET_ONE_AFTER }
    }

    fn network(size: NetworkSize, bucket: u64) -> Self {
        Self { text: format!("network-{}:{bucket}", size.as_str()), step: size.step() }
    }

    /// Counts the mails that a browser asks for.
    pub fn mails_of_browser(hash: &BrowserIdHash, limit: u32) -> Self {
        Self { text: format!("mails-browser:{}", hash.as_str()), step: NETWORK_WINDOW / limit }
    }

    /// Counts the requests for new accounts of the whole site: so many in [`NEW_ADDRESS_WINDOW`].
    pub fn mails_to_new_addresses(limit: NonZeroU32) -> Self {
        Self { text: "mails-new-addresses".to_owned(), step: NEW_ADDRESS_WINDOW / limit.get() }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How far one failure moves the time at which it is forgotten.
    pub fn step(&self) -> Duration {
        self.step
    }
}

/// A network of the client, as its failures are counted.
#[derive(Debug, Clone)]
pub(super) struct CountedNetwork {
    pub key: FailureKey,
    pub size: NetworkSize,
}

impl CountedNetwork {
    /// The key under which mails are counted that this network asks for, and their limit.
    pub fn for_mails(&self) -> (FailureKey, u32) {
        let limit = self.size.mail_limit();
        (FailureKey { text: format!("mails-{}", self.key.as_str()), step: NETWORK_WINDOW / limit }, limit)
    }
}

/// Sorts what was typed, and client networks, into buckets. The hash is keyed, so that an attacker can't choose a text
/// or an address that shares a bucket with a victim's.
#[derive(Clone)]
pub(super) struct Buckets(Hmac<Sha256>);

impl fmt::Debug for Buckets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Buckets(…)")
    }
}

impl Buckets {
    /// Derives the key from a secret that all instances have, so that they have the same buckets.
    pub fn new(secret: &str) -> Self {
        Self(key(&key(secret.as_bytes()).chain_update(b"keyrack sign-in failures").finalize().into_bytes()))
    }

    /// Buckets of this process only.
    pub fn random() -> Self {
        Self(key(uuid::Uuid::new_v4().as_bytes()))
    }

    /// A number that depends on what was typed and can't be guessed.
    pub fn number_of(&self, kind: &str, bytes: &[u8]) -> u64 {
        let mac = self.0.clone().chain_update(kind).chain_update([0]).chain_update(bytes).finalize().into_bytes();
        mac.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// The key for a text that names no user.
    pub fn unknown(&self, typed: &str) -> FailureKey {
        FailureKey::unknown(self.number_of("unknown", typed.as_bytes()) % UNKNOWN_BUCKETS)
    }

    pub fn networks(&self, client: ClientNetwork) -> Vec<CountedNetwork> {
        let counted = |(size, prefix): (NetworkSize, Vec<u8>)| {
            let bucket = self.number_of(size.as_str(), &prefix) % NETWORK_BUCKETS;
            CountedNetwork { key: FailureKey::network(size, bucket), size }
        };
        client.enclosing().into_iter().map(counted).collect()
    }
}

/// HMAC takes a key of any length (RFC 2104), so this never fails.
fn key(secret: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(secret).expect("HMAC takes keys of any length")
}
