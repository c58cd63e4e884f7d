//! Challenges that no instance has to remember: the time, the mark of the one that was answered last, and a signature that is
//! good for one session and one use.
//!
//! That a challenge is answered only once stands in the row of the session, by that mark (`sessions/bind/`).

use std::time::Duration;

use crate::{clock::Timestamp, config::Secrets, sessions::SessionId, web::signing::Signer};

/// How long a challenge is good. A browser answers within a second, except for the one that it gets with a proof, which it
/// keeps for the next: that is ten minutes later.
const LIFETIME: Duration = Duration::from_secs(15 * 60);

/// How far the clocks of two instances may differ.
const MAX_CLOCK_SKEW: Duration = Duration::from_secs(60);

/// Longer ones are not read.
const MAX_BYTES: usize = 128;

/// Separates the parts. Neither numbers nor base64url contain it.
const SEPARATOR: char = '.';

/// What a challenge is for. It is good for nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::web) enum ChallengeUse {
    /// A new key, after a sign-in.
    Bind,
    /// Another proof of the key.
    Refresh,
}

/// A challenge, as it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::web) struct Challenge {
    pub made_at: Timestamp,
    /// The mark of the challenge that the key had answered last.
    pub after: Timestamp,
}

/// Makes and reads challenges.
pub(super) struct Challenges(Signer);

impl Challenges {
    pub fn new(secrets: &Secrets) -> Self {
        Self(Signer::derived(secrets, "bound session challenge"))
    }

    /// The text of a challenge. All of its characters may stand in a quoted string of a header.
    pub fn issue(&self, session: SessionId, purpose: ChallengeUse, challenge: Challenge) -> String {
        let Challenge { made_at, after } = challenge;
        let text = format!("{}{SEPARATOR}{}", made_at.as_micros(), after.as_micros());
        let signature = self.0.sign(message(&text, session, purpose).as_bytes());
        format!("{text}{SEPARATOR}{signature}")
    }

    /// The challenge in such a text; `None` if it is not genuine, was made for another session or use, or is too old.
    pub fn open(&self, text: &str, session: SessionId, purpose: ChallengeUse, now: Timestamp) -> Option<Challenge> {
        let (text, signature) = Some(text).filter(|text| text.len() <= MAX_BYTES)?.rsplit_once(SEPARATOR)?;
        self.0.verify(message(text, session, purpose).as_bytes(), signature)?;
        let (made_at, after) = text.split_once(SEPARATOR)?;
        let (made_at, after) = (Timestamp::parse_micros(made_at)?, Timestamp::parse_micros(after)?);
        (now < made_at + LIFETIME && made_at <= now + MAX_CLOCK_SKEW).then_some(Challenge { made_at, after })
    }
}

fn message(text: &str, session: SessionId, purpose: ChallengeUse) -> String {
    let purpose = match purpose {
        ChallengeUse::Bind => "bind",
        ChallengeUse::Refresh => "refresh",
    };
    format!("{purpose} {session} {text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_769_600_000_000_000);

    fn challenges(secrets: &str) -> Challenges {
        Challenges::new(&secrets.parse().unwrap())
    }

    #[test]
    fn challenge_is_good_for_its_session_and_use_and_time() {
        let (challenges, session) = (challenges("new 7Qm2xV9rTb4K"), SessionId::random());
        let challenge = Challenge { made_at: NOW, after: NOW - MAX_CLOCK_SKEW };
        let text = challenges.issue(session, ChallengeUse::Refresh, challenge);
        let open = |session, purpose, now| challenges.open(&text, session, purpose, now);
        assert_eq!(open(session, ChallengeUse::Refresh, NOW), Some(challenge));
        assert_eq!(open(session, ChallengeUse::Refresh, NOW + LIFETIME - Duration::from_micros(1)), Some(challenge));
        assert_eq!(open(session, ChallengeUse::Refresh, NOW + LIFETIME), None);
        assert_eq!(open(session, ChallengeUse::Refresh, NOW - MAX_CLOCK_SKEW * 2), None);
        assert_eq!(open(session, ChallengeUse::Bind, NOW), None);
        assert_eq!(open(SessionId::random(), ChallengeUse::Refresh, NOW), None);
    }

    #[test]
    fn challenge_survives_a_new_secret_and_no_change() {
        let session = SessionId::random();
        let challenge = Challenge { made_at: NOW, after: NOW };
        let text = challenges("old 7Qm2xV9rTb4K").issue(session, ChallengeUse::Bind, challenge);
        let open = |secrets: &str, text: &str| challenges(secrets).open(text, session, ChallengeUse::Bind, NOW);
        assert_eq!(open("new 7Qm2xV9rTb4K, old 7Qm2xV9rTb4K", &text), Some(challenge));
        assert_eq!(open("new 7Qm2xV9rTb4K", &text), None);
        for position in 0..text.len() - 1 {
            let mut bytes = text.clone().into_bytes();
            bytes[position] ^= 1;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            assert_eq!(open("old 7Qm2xV9rTb4K", &changed), None, "byte {position}");
        }
    }
}
