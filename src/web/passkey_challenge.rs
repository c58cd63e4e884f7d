//! The challenge of a passkey, as a form carries it to the server: what webauthn-rs needs to check the answer, signed.
//!
//! So no instance has to remember it. It is bound to where it was given, and good for five minutes. That it is answered only
//! once stands in the row of the passkey.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

use super::signing::Signer;
use crate::{accounts::PasskeyChallenge, clock::Timestamp, config::Secrets, sessions::SessionId};

/// How long a user has to answer. Browsers wait as long.
const LIFETIME: Duration = Duration::from_secs(5 * 60);

/// How far the clocks of two instances may differ.
const MAX_CLOCK_SKEW: Duration = Duration::from_secs(60);

/// Separates the parts. Neither numbers nor base64url contain it.
const SEPARATOR: char = '.';

/// Longer values are ignored. Those of a new passkey have up to 3 kB, if its user has many already.
const MAX_BYTES: usize = 6 * 1024;

/// What a challenge was given for. It is good for nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChallengePlace<'a> {
    /// A sign-in in the browser with this cookie.
    SignIn(&'a str),
    /// A proof in this session.
    Proof(SessionId),
    /// A new passkey, added in this session.
    Add(SessionId),
}

impl ChallengePlace<'_> {
    fn text(self) -> String {
        match self {
            Self::SignIn(browser) => format!("sign in {browser}"),
            Self::Proof(session) => format!("prove {session}"),
            Self::Add(session) => format!("add {session}"),
        }
    }
}

/// Signs and verifies challenges.
#[derive(Clone)]
pub(crate) struct PasskeyChallenges(Signer);

impl PasskeyChallenges {
    pub fn new(secrets: &Secrets) -> Self {
        Self(Signer::derived(secrets, "passkey challenge"))
    }

    /// The text for the form.
    pub(super) fn seal(&self, challenge: &PasskeyChallenge, place: ChallengePlace<'_>) -> String {
        let state = BASE64_URL_SAFE_NO_PAD.encode(&challenge.state);
        let text = format!("{}{SEPARATOR}{state}", challenge.made_at.as_micros());
        let signature = self.0.sign(message(&text, place).as_bytes());
        format!("{text}{SEPARATOR}{signature}")
    }

    /// The challenge in such a text; `None` if it is not genuine, was given elsewhere, or is too old.
    pub(super) fn open(&self, text: &str, place: ChallengePlace<'_>, now: Timestamp) -> Option<PasskeyChallenge> {
        if text.len() > MAX_BYTES {
            return None;
        }
        let (text, signature) = text.rsplit_once(SEPARATOR)?;
        self.0.verify(message(text, place).as_bytes(), signature)?;
        let (made_at, state) = text.split_once(SEPARATOR)?;
        let made_at = Timestamp::parse_micros(made_at)?;
        if now >= made_at + LIFETIME || made_at > now + MAX_CLOCK_SKEW {
            return None;
        }
        let state = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(state).ok()?).ok()?;
        Some(PasskeyChallenge { state, made_at })
    }
}

fn message(text: &str, place: ChallengePlace<'_>) -> String {
    format!("{text} {}", place.text())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_769_600_000_000_000);

    fn challenges(secrets: &str) -> PasskeyChallenges {
        PasskeyChallenges::new(&secrets.parse().unwrap())
    }

    #[test]
    fn challenge_is_read_for_five_minutes_where_it_was_given() {
        let (challenges, session) = (challenges("new 7Qm2xV9rTb4K, old 7Qm2xV9rTb4K"), SessionId::random());
        let challenge = PasskeyChallenge { state: "{}".to_owned(), made_at: NOW };
        let places = [ChallengePlace::SignIn("browser"), ChallengePlace::Proof(session), ChallengePlace::Add(session)];
        for place in places {
            let text = challenges.seal(&challenge, place);
            assert_eq!(
                challenges.open(&text, place, NOW + LIFETIME - Duration::from_micros(1)),
                Some(challenge.clone())
            );
            assert_eq!(challenges.open(&text, place, NOW + LIFETIME), None);
            assert_eq!(challenges.open(&text, place, NOW - MAX_CLOCK_SKEW * 2), None);
            let others = places.into_iter().filter(|other| *other != place);
            let others = others.chain([ChallengePlace::SignIn("other"), ChallengePlace::Proof(SessionId::random())]);
            for other in others {
                assert_eq!(challenges.open(&text, other, NOW), None, "{place:?} as {other:?}");
            }
        }
    }

    #[test]
    fn challenge_survives_a_new_secret_and_no_change() {
        let (place, challenge) =
            (ChallengePlace::SignIn("browser"), PasskeyChallenge { state: "{\"a\":1}".to_owned(), made_at: NOW });
        let text = challenges("old 7Qm2xV9rTb4K").seal(&challenge, place);
        assert_eq!(challenges("new 7Qm2xV9rTb4K, old 7Qm2xV9rTb4K").open(&text, place, NOW), Some(challenge));
        assert_eq!(challenges("new 7Qm2xV9rTb4K").open(&text, place, NOW), None);
        for position in 0..text.len() - 1 {
            let mut bytes = text.clone().into_bytes();
            bytes[position] ^= 1;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            assert_eq!(challenges("old 7Qm2xV9rTb4K").open(&changed, place, NOW), None, "byte {position}");
        }
    }
}
