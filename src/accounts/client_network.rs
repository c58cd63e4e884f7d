//! Groups addresses into clients and networks.

use std::net::IpAddr;

use crate::sessions::network_of;

/// The network that counts as one client: an IPv4 address, or an IPv6 /64, within which a client can change its address
/// at will.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ClientNetwork(IpAddr);

impl From<IpAddr> for ClientNetwork {
    fn from(address: IpAddr) -> Self {
        Self(network_of(address))
    }
}

/// The size of a network whose failed sign-ins are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum NetworkSize {
    V4Prefix32,
    V4Prefix24,
    V6Prefix64,
    V6Prefix56,
    V6Prefix48,
}

impl NetworkSize {
    /// As the keys of counters spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V4Prefix32 => "ipv4-32",
            Self::V4Prefix24 => "ipv4-24",
            Self::V6Prefix64 => "ipv6-64",
            Self::V6Prefix56 => "ipv6-56",
            Self::V6Prefix48 => "ipv6-48",
        }
    }
}

impl ClientNetwork {
    /// The networks that contain the client, the smallest first, each with the bytes of its prefix.
    pub fn enclosing(self) -> Vec<(NetworkSize, Vec<u8>)> {
        let prefixes = |octets: &[u8], sizes: &[(NetworkSize, usize)]| {
            sizes.iter().map(|(size, bytes)| (*size, octets[..*bytes].to_vec())).collect()
        };
        match self.0 {
            IpAddr::V4(address) => {
                prefixes(&address.octets(), &[(NetworkSize::V4Prefix32, 4), (NetworkSize::V4Prefix24, 3)])
            }
            IpAddr::V6(address) => prefixes(
                &address.octets(),
                &[(NetworkSize::V6Prefix64, 8), (NetworkSize::V6Prefix56, 7), (NetworkSize::V6Prefix48, 6)],
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(address: &str) -> Vec<(NetworkSize, Vec<u8>)> {
        ClientNetwork::from(address.parse::<IpAddr>().unwrap()).enclosing()
    }

    #[test]
    fn addresses_share_exactly_the_networks_that_contain_both() {
        for (one, other, shared) in [
            ("192.0.2.1", "192.0.2.1", 2),
            ("192.0.2.1", "::ffff:192.0.2.1", 2),
            ("192.0.2.1", "192.0.2.255", 1),
            ("192.0.2.1", "192.0.3.1", 0),
            ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", 3),
            ("2001:db8::1", "2001:db8:0:ff::1", 2),
            ("2001:db8::1", "2001:db8:0:100::1", 1),
            ("2001:db8::1", "2001:db8:1::1", 0),
        ] {
            let common = networks(one).into_iter().filter(|network| networks(other).contains(network)).count();
            assert_eq!(common, shared, "{one} and {other}");
        }
    }
}
