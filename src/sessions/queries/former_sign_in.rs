//! What a sign-in differs in from the one before on the same browser.

use diesel::prelude::*;

use crate::{
    db::{
        DbConnection, SessionId,
        schema::{sessions, types::SqlTime},
    },
    error::Result,
    events::NewEvent,
    sessions::{
        addresses::is_in_network,
        device::{ClientHints, Device},
        model::Client,
    },
};

/// The device and the address of a session before its user signs in again.
#[derive(Queryable, Selectable)]
#[diesel(table_name = sessions)]
pub(super) struct FormerSignIn {
    ip_address: Option<String>,
    last_ip_address: Option<String>,
    user_agent: Option<String>,
    client_hints: Option<String>,
    pub last_seen_at: SqlTime,
}

impl FormerSignIn {
    pub fn read(connection: &mut DbConnection, id: SessionId) -> Result<Self> {
        Ok(sessions::table.find(id).select(Self::as_select()).get_result(connection)?)
    }

    /// Adds the device to the event of the new sign-in, which the row names from now on in place of the former one, and in
    /// what it differs. A browser has one system for life, so that another one means that its cookie was copied; another
    /// version means nothing, and a network means little.
    pub fn describe_change(&self, event: NewEvent, client: &Client) -> NewEvent {
        let device = device(client.user_agent.as_deref(), client.client_hints.as_deref());
        let former = self::device(self.user_agent.as_deref(), self.client_hints.as_deref());
        let event = event.detail("device", device.title());
        let latest = self.last_ip_address.as_deref().or(self.ip_address.as_deref());
        let has_moved = latest.zip(client.ip_address).is_some_and(|(latest, now)| !is_in_network(latest, now));
        match family(&device).zip(family(&former)) {
            Some((now, former)) if now != former => event.detail("elsewhere", "device"),
            _ if has_moved => event.detail("elsewhere", "address"),
            _ => event,
        }
    }
}

fn device(user_agent: Option<&str>, hints: Option<&str>) -> Device {
    Device::recognise(user_agent.unwrap_or_default(), hints.and_then(ClientHints::parse).as_ref())
}

/// The system without its version: "Android".
fn family(device: &Device) -> Option<&str> {
    device.system.as_deref()?.split(' ').next()
}
