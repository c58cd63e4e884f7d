//! Records from which addresses sessions are used.

use std::net::IpAddr;

use diesel::{OptionalExtension, prelude::*};

use crate::{
    clock::Timestamp,
    db::{
        DbConnection, SessionId, UserId,
        schema::{sessions, types::SqlTime},
    },
    error::Result,
    sessions::addresses::{UsedAddress, UsedAddresses, is_in_network},
};

/// What a session's row says of its addresses.
#[derive(Queryable, Selectable)]
#[diesel(table_name = sessions)]
struct AddressColumns {
    ip_address: Option<String>,
    last_ip_address: Option<String>,
    addresses: Option<String>,
    created_at: SqlTime,
    last_seen_at: SqlTime,
}

impl AddressColumns {
    /// The address of the latest activity.
    fn latest(&self) -> Option<&str> {
        self.last_ip_address.as_deref().or(self.ip_address.as_deref())
    }

    /// All addresses.
    fn used(&self) -> UsedAddresses {
        let mut used = self.addresses.as_deref().map(UsedAddresses::parse).unwrap_or_default();
        if used.0.is_empty()
            && let Some(address) = &self.ip_address
        {
            let (first_seen_at, last_seen_at) = (self.created_at.into(), self.created_at.into());
            used.0.push(UsedAddress { ip_address: address.clone(), first_seen_at, last_seen_at });
        }
        used
    }
}

/// Records that a session is used from this address now, if that is in another network than before. The session was used
/// from the one before until `left_at`. The caller has locked the row.
pub(super) fn note_address(
    connection: &mut DbConnection,
    id: SessionId,
    address: IpAddr,
    left_at: Timestamp,
    now: Timestamp,
) -> Result<()> {
    let row = sessions::table.find(id).select(AddressColumns::as_select());
    let Some(columns) = row.get_result(connection).optional()? else { return Ok(()) };
    if columns.latest().is_some_and(|latest| is_in_network(latest, address)) {
        return Ok(());
    }
    let mut used = columns.used();
    used.move_to(address, left_at, now);
    diesel::update(sessions::table.find(id))
        .set((sessions::last_ip_address.eq(address.to_string()), sessions::addresses.eq(used.to_text())))
        .execute(connection)?;
    Ok(())
}

/// The addresses that one of the user's sessions was used from, the latest first. The latest one was used until the
/// session's last activity.
pub(in crate::sessions) fn used_addresses(
    connection: &mut DbConnection,
    owner: UserId,
    id: SessionId,
) -> Result<Vec<UsedAddress>> {
    let own = sessions::table.filter(sessions::id.eq(id)).filter(sessions::user_id.eq(owner));
    let columns: Option<AddressColumns> = own.select(AddressColumns::as_select()).get_result(connection).optional()?;
    let Some(columns) = columns else { return Ok(Vec::new()) };
    let mut used = columns.used().0;
    if let Some(latest) = used.first_mut() {
        latest.last_seen_at = latest.last_seen_at.max(columns.last_seen_at.into());
    }
    Ok(used)
}
