//! The addresses that a session was used from, as its pages show them.

use crate::{
    clock::Timestamp,
    sessions::{SessionId, UsedAddress},
    web::{
        SignedIn,
        errors::WebError,
        places::{AddressText, Places},
        time_text::TimeText,
    },
};

/// An address and the time between its first and its last use.
pub(super) struct AddressUse {
    pub address: AddressText,
    pub first: TimeText,
    pub last: TimeText,
}

impl AddressUse {
    /// Reads the addresses of one of the user's sessions, the latest first.
    pub async fn all(session: &SignedIn, places: &Places, id: SessionId) -> Result<Vec<Self>, WebError> {
        let now = session.state().clock.now();
        let found = session.sessions().addresses_of(session.user.id, id).await?;
        Ok(found.iter().map(|used| Self::new(places, used, now)).collect())
    }

    pub fn new(places: &Places, used: &UsedAddress, now: Timestamp) -> Self {
        Self {
            address: places.find(Some(&used.ip_address)),
            first: TimeText::ago(places.words, used.first_seen_at, now),
            last: TimeText::ago(places.words, used.last_seen_at, now),
        }
    }
}
