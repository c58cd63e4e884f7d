//! What pages show of a passkey.

use std::collections::HashMap;

use crate::{
    accounts::PasskeyOverview,
    clock::Timestamp,
    db::UserId,
    sessions::{SessionId, SessionRecord},
    web::{AppState, errors::WebError, labels::title_with_device, time_text::TimeText},
    words::Words,
};

pub(super) struct PasskeyRow {
    pub id: String,
    pub name: String,
    /// "Google Password Manager, on several devices"
    pub kind: String,
    /// "Added 5 days ago on Firefox on Linux"
    pub added: String,
    /// "Last used 3 hours ago"
    pub used: String,
    /// Warnings: a copy, or another host.
    pub warnings: Vec<String>,
}

impl PasskeyRow {
    /// Rows of these passkeys of a user.
    pub async fn all(
        state: &AppState,
        words: Words,
        user: UserId,
        passkeys: &[PasskeyOverview],
    ) -> Result<Vec<Self>, WebError> {
        let ids = passkeys.iter().map(|passkey| passkey.added_in).collect();
        let records = state.sessions.find_all_own(user, ids).await?;
        let records: HashMap<SessionId, SessionRecord> =
            records.into_iter().map(|record| (record.id, record)).collect();
        Ok(passkeys.iter().map(|passkey| Self::new(words, passkey, &records, state.clock.now())).collect())
    }

    fn new(
        words: Words,
        passkey: &PasskeyOverview,
        records: &HashMap<SessionId, SessionRecord>,
        now: Timestamp,
    ) -> Self {
        let ago = |at| TimeText::ago(words, at, now).text;
        let device = records.get(&passkey.added_in).map(|record| title_with_device(words, record));
        let state = if passkey.is_synced { words.passkey_synced() } else { words.passkey_on_one_device() };
        let other_host = passkey.other_host.as_ref().map(|host| words.passkey_of_other_host(host));
        let copied = passkey.copied_at.map(|at| words.passkey_copied(ago(at)));
        Self {
            id: passkey.id.to_string(),
            name: passkey.name.clone(),
            kind: match passkey.provider.filter(|provider| *provider != passkey.name) {
                Some(provider) => words.passkey_of_provider(provider, state),
                None => state.to_owned(),
            },
            added: match device {
                Some(device) => words.passkey_added_on(ago(passkey.added_at), device),
                None => words.passkey_added(ago(passkey.added_at)),
            },
            used: match passkey.last_used_at {
                Some(at) => words.passkey_used(ago(at)),
                None => words.passkey_unused().to_owned(),
            },
            warnings: other_host.into_iter().chain(copied).collect(),
        }
    }
}
