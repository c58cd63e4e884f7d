//! Records changes of the settings that are kept in the database.

use super::{event::NewEvent, kind::EventKind, record::record, source::Source};
use crate::{
    clock::Clock,
    db::{DatabaseUrl, Peers, change_peers},
    error::Result,
};

/// Decides whether peers' sessions are adopted, see [`set_peers`](crate::db::set_peers), and records who changed it.
pub(crate) fn set_peers(url: &DatabaseUrl, peers: Peers, source: &Source) -> Result<()> {
    change_peers(url, peers, |connection, before| {
        record(connection, peers_changed(source, before, peers), Clock::System.now())
    })
}

/// The event of such a change.
pub(crate) fn peers_changed(source: &Source, before: Peers, after: Peers) -> NewEvent {
    let event = NewEvent::new(EventKind::SettingChanged, source).detail("setting", "peers");
    event.detail("from", before.as_str()).detail("to", after.as_str())
}
