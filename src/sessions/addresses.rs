//! The addresses that a session was used from: the column `sessions.addresses`.
//!
//! The column is empty as long as there is only one. All of them stand in one text, because nothing is searched or decided
//! by them: an owner reads them on the page of the session.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{clock::Timestamp, text::into_printable};

/// The most addresses that are kept of a session; beyond it, the one is dropped that was left first. A phone has a new one
/// each time that it comes back to its carrier's network.
const MAX_ADDRESSES: usize = 20;

/// An address that a session was used from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedAddress {
    /// The address. Of an IPv6 /64, within which a device changes its address by itself, the first one.
    pub ip_address: String,
    /// When it was used first.
    pub first_seen_at: Timestamp,
    /// When it was used last, to the minute.
    pub last_seen_at: Timestamp,
}

/// The addresses of a session, the latest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct UsedAddresses(pub Vec<UsedAddress>);

/// As the column has it. The times are texts, since JSON has no others.
#[derive(Serialize, Deserialize)]
struct Stored {
    ip_address: String,
    first_seen_at: String,
    last_seen_at: String,
}

impl UsedAddresses {
    /// Reads the column. What can't be read, which another program must have written, is left out.
    pub fn parse(text: &str) -> Self {
        let stored: Vec<Stored> = serde_json::from_str(text).unwrap_or_default();
        let used = |stored: Stored| {
            Some(UsedAddress {
                ip_address: into_printable(stored.ip_address),
                first_seen_at: Timestamp::parse(&stored.first_seen_at)?,
                last_seen_at: Timestamp::parse(&stored.last_seen_at)?,
            })
        };
        Self(stored.into_iter().filter_map(used).take(MAX_ADDRESSES).collect())
    }

    /// The text for the column.
    pub fn to_text(&self) -> String {
        let stored = |used: &UsedAddress| Stored {
            ip_address: used.ip_address.clone(),
            first_seen_at: used.first_seen_at.to_iso_micros(),
            last_seen_at: used.last_seen_at.to_iso_micros(),
        };
        // Texts can always be written.
        serde_json::to_string(&self.0.iter().map(stored).collect::<Vec<_>>()).unwrap_or_default()
    }

    /// Notes that the session is used from another address now. The one before was used until `left_at`.
    pub fn move_to(&mut self, address: IpAddr, left_at: Timestamp, now: Timestamp) {
        if let Some(former) = self.0.first_mut() {
            former.last_seen_at = former.last_seen_at.max(left_at);
        }
        let known = self.0.iter().position(|used| is_in_network(&used.ip_address, address));
        let mut used = match known {
            Some(index) => self.0.remove(index),
            None => UsedAddress { ip_address: address.to_string(), first_seen_at: now, last_seen_at: now },
        };
        used.last_seen_at = used.last_seen_at.max(now);
        self.0.insert(0, used);
        self.0.truncate(MAX_ADDRESSES);
    }
}

/// Whether a stored address is in the network of another one.
pub(super) fn is_in_network(stored: &str, address: IpAddr) -> bool {
    stored.parse().is_ok_and(|stored| network_of(stored) == network_of(address))
}

/// The network that counts as one client: an IPv4 address, or an IPv6 /64, within which a client can change its address at
/// will.
pub(crate) fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_micros(1_769_601_014_000_000 + minute * 60_000_000)
    }

    fn first() -> UsedAddresses {
        UsedAddresses(vec![UsedAddress { ip_address: "192.0.2.1".into(), first_seen_at: at(0), last_seen_at: at(0) }])
    }

    fn shown(addresses: &UsedAddresses) -> Vec<(&str, i64, i64)> {
        let minute = |time: Timestamp| (time.as_micros() - at(0).as_micros()) / 60_000_000;
        let shown = |used: &'_ UsedAddress| (minute(used.first_seen_at), minute(used.last_seen_at));
        addresses.0.iter().map(|used| (used.ip_address.as_str(), shown(used).0, shown(used).1)).collect()
    }

    #[test]
    fn way_there_and_back_leaves_two_addresses() {
        let mut addresses = first();
        addresses.move_to("2001:db8::1".parse().unwrap(), at(5), at(9));
        assert_eq!(shown(&addresses), [("2001:db8::1", 9, 9), ("192.0.2.1", 0, 5)]);
        addresses.move_to("192.0.2.1".parse().unwrap(), at(12), at(20));
        assert_eq!(shown(&addresses), [("192.0.2.1", 0, 20), ("2001:db8::1", 9, 12)]);
        addresses.move_to("2001:db8::2".parse().unwrap(), at(20), at(30));
        assert_eq!(shown(&addresses), [("2001:db8::1", 9, 30), ("192.0.2.1", 0, 20)], "the same /64");
        assert_eq!(UsedAddresses::parse(&addresses.to_text()), addresses);
    }

    #[test]
    fn twenty_addresses_are_kept_in_less_than_4_kb() {
        let mut addresses = first();
        for number in 0_u16..30 {
            let address = IpAddr::from([0x2001, 0xdb8, 0xffff, number, 0xffff, 0xffff, 0xffff, 0xffff]);
            addresses.move_to(address, at(i64::from(number)), at(i64::from(number)));
        }
        assert_eq!(addresses.0.len(), MAX_ADDRESSES);
        assert!(addresses.0[0].ip_address.starts_with("2001:db8:ffff:1d:"), "{:?}", addresses.0[0]);
        let text = addresses.to_text();
        assert!(text.len() < 4096, "{}", text.len());
    }

    #[test]
    fn unreadable_text_is_left_out() {
        for text in ["", "null", "[1]", "{}", r#"[{"ip_address":"192.0.2.1"}]"#] {
            assert_eq!(UsedAddresses::parse(text), UsedAddresses::default(), "{text}");
        }
        let partly = r#"[{"ip_address":"a","first_seen_at":"x","last_seen_at":"x"}]"#;
        assert_eq!(UsedAddresses::parse(partly), UsedAddresses::default());
    }
}
