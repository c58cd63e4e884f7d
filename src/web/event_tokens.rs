//! Names the latest event of an account to its pages, which compare it with the one that their content is based on.
//!
//! The ids of events grow with those of all accounts: a user who saw them could count the sign-ins of everyone.

use super::signing::Signer;
use crate::{config::Secrets, sessions::UserId};

/// As many characters as make two events of an account unlikely to have the same token: 96 bits.
const TOKEN_CHARS: usize = 16;

/// Makes tokens from ids. They are the same on every instance and after a restart. Once the secrets change, pages find
/// another token than theirs, and ask for their content again.
pub(crate) struct EventTokens(Signer);

impl EventTokens {
    pub fn new(secrets: &Secrets) -> Self {
        Self(Signer::derived(secrets, "event"))
    }

    /// The token of an event of this user.
    pub(super) fn token(&self, user: UserId, event: i64) -> String {
        let mut token = self.0.sign(format!("{user} {event}").as_bytes());
        token.truncate(TOKEN_CHARS);
        token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_tells_events_and_users_apart_and_hides_the_id() {
        let tokens = EventTokens::new(&"the newest secret of all".parse().unwrap());
        let [user, other] = [UserId::random(), UserId::random()];
        let token = tokens.token(user, 1234);
        assert_eq!((token.len(), &token), (TOKEN_CHARS, &tokens.token(user, 1234)));
        assert_ne!(token, tokens.token(user, 1235));
        assert_ne!(token, tokens.token(other, 1234));
        let renewed = EventTokens::new(&"another secret than that one".parse().unwrap());
        assert_ne!(token, renewed.token(user, 1234));
    }
}
