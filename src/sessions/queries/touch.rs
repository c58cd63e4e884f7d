//! Records that devices were active.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
};

use diesel::{
    OptionalExtension, PgConnection, SqliteConnection,
    prelude::*,
    sql_types::{Array, Nullable, Text},
};

use super::{addresses::note_address, status::ACTIVE};
use crate::{
    clock::Timestamp,
    db::{
        DbConnection, SessionId,
        schema::types::{Instant, SqlTime, SqlUuid},
        schema::{sessions, user_sessions},
        sql::{prepared, sql_file},
    },
    error::Result,
    sessions::addresses::is_in_network,
};

/// When a session was last active, and when its data expires by that.
#[derive(Debug, Clone, Copy)]
pub(in crate::sessions) struct Touch {
    pub at: Timestamp,
    pub data_expiry: Timestamp,
    /// From where, if that is known.
    pub ip_address: Option<IpAddr>,
    /// When it was last active before, by the row.
    pub former: Timestamp,
}

/// Records activity. It never moves a time backwards, and touches active sessions only. A session that another
/// transaction is changing is left out: waiting for it while holding others could end in a deadlock, and its next
/// request records the activity.
pub(in crate::sessions) fn touch(connection: &mut DbConnection, touches: &[(SessionId, Touch)]) -> Result<()> {
    let moved = match connection {
        DbConnection::Postgres(connection) => touch_all(connection, touches)?,
        DbConnection::Sqlite(connection) => {
            let mut moved = HashSet::new();
            for (id, touch) in touches {
                if touch_one(connection, *id, *touch)? {
                    moved.insert(*id);
                }
            }
            moved
        }
    };
    for (id, touch) in touches.iter().filter(|(id, _)| moved.contains(id)) {
        if let Some(address) = touch.ip_address {
            note_address(connection, *id, address, touch.former, touch.at)?;
        }
    }
    Ok(())
}

/// Records all of them by one statement. Returns the sessions that are used from another network than before.
fn touch_all(connection: &mut PgConnection, touches: &[(SessionId, Touch)]) -> Result<HashSet<SessionId>> {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        id: SessionId,
        #[diesel(sql_type = Text)]
        former_address: String,
    }

    let ids: Vec<SessionId> = touches.iter().map(|(id, _)| *id).collect();
    let times: Vec<SqlTime> = touches.iter().map(|(_, touch)| touch.at.into()).collect();
    let expires: Vec<SqlTime> = touches.iter().map(|(_, touch)| touch.data_expiry.into()).collect();
    let addresses: Vec<Option<String>> =
        touches.iter().map(|(_, touch)| touch.ip_address.map(|address| address.to_string())).collect();
    let moved: Vec<Row> = sql_file(include_str!("record_activity.sql"))
        .bind::<Array<SqlUuid>, _>(ids)
        .bind::<Array<Instant>, _>(times)
        .bind::<Array<Instant>, _>(expires)
        .bind::<Array<Nullable<Text>>, _>(addresses)
        .load(connection)?;
    let now: HashMap<SessionId, Option<IpAddr>> = touches.iter().map(|(id, touch)| (*id, touch.ip_address)).collect();
    let has_moved = |row: &Row| now.get(&row.id).is_some_and(|now| is_another_network(Some(&row.former_address), *now));
    Ok(moved.into_iter().filter(has_moved).map(|row| row.id).collect())
}

/// Returns whether the session is used from another network than before.
fn touch_one(connection: &mut SqliteConnection, id: SessionId, touch: Touch) -> Result<bool> {
    let (at, expire) = (SqlTime::from(touch.at), SqlTime::from(touch.data_expiry));
    // Returns the sid that the session has now: it may have been rotated since the request.
    let session = diesel::update(sessions::table.find(id))
        .filter(sessions::status.eq(ACTIVE))
        .filter(sessions::last_seen_at.lt(at))
        .set((sessions::last_seen_at.eq(at), sessions::updated_at.eq(at)))
        .returning((sessions::sid, sessions::ip_address, sessions::last_ip_address));
    let touched: Option<(String, Option<String>, Option<String>)> =
        prepared(session).get_result(connection).optional()?;
    let Some((sid, ip_address, last_ip_address)) = touched else { return Ok(false) };
    let data = diesel::update(user_sessions::table.find(sid).filter(user_sessions::expire.lt(expire)))
        .set(user_sessions::expire.eq(expire))
        .returning(user_sessions::sid);
    let _: Option<String> = prepared(data).get_result(connection).optional()?;
    Ok(is_another_network(last_ip_address.or(ip_address).as_deref(), touch.ip_address))
}

/// Whether a session is used from another network than before. Within an IPv6 /64, a device changes its address by itself
/// all the time, and nothing has to be read or written for it.
fn is_another_network(former: Option<&str>, now: Option<IpAddr>) -> bool {
    now.is_some_and(|now| former.is_none_or(|former| !is_in_network(former, now)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temporary_ipv6_address_is_in_the_network_of_before() {
        let moved = |former, now: &str| is_another_network(former, Some(now.parse().unwrap()));
        assert!(!moved(Some("2001:db8:0:1::1"), "2001:db8:0:1:a9c4:71ff:fe0d:3b52"));
        assert!(!moved(Some("192.0.2.1"), "::ffff:192.0.2.1"));
        assert!(moved(Some("2001:db8:0:1::1"), "2001:db8:0:2::1"));
        assert!(moved(Some("192.0.2.1"), "192.0.2.2"));
        assert!(moved(None, "192.0.2.1") && moved(Some("not an address"), "192.0.2.1"));
        assert!(!is_another_network(Some("192.0.2.1"), None), "the address is not known");
    }
}
