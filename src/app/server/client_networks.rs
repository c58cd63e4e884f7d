//! The networks that a client belongs to, and which part of a resource each of them may have.

use std::net::IpAddr;

use ipnet::IpNet;

/// Prefix lengths whose connections are counted together, the smallest networks first.
const V4_PREFIXES: [u8; 2] = [32, 24];
const V6_PREFIXES: [u8; 3] = [64, 56, 48];

/// A client: an IPv4 address or an IPv6 /64, which one subscriber has at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Client(IpNet);

impl From<IpAddr> for Client {
    fn from(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self(network(address, prefixes(address)[0]))
    }
}

impl Client {
    /// The networks that it belongs to, beginning with the client itself.
    pub fn networks(self) -> impl Iterator<Item = IpNet> {
        let address = self.0.addr();
        prefixes(address).iter().map(move |prefix| network(address, *prefix))
    }

    /// The smallest of its networks.
    pub fn network(self) -> IpNet {
        self.0
    }
}

/// The part of `whole` that a network may have: a client a quarter, an IPv6 /56 three eighths, an IPv6 /48 and an IPv4
/// /24 half. One subscriber easily has a /56 or a few neighbouring addresses; but more than half is never left to what
/// one person can rent.
pub(super) fn share_of(whole: usize, network: IpNet) -> usize {
    let eighths = match (network, network.prefix_len()) {
        (IpNet::V4(_), 24) | (IpNet::V6(_), 48) => 4,
        (IpNet::V6(_), 56) => 3,
        _ => 2,
    };
    (whole * eighths / 8).max(1)
}

fn prefixes(address: IpAddr) -> &'static [u8] {
    if address.is_ipv4() { &V4_PREFIXES } else { &V6_PREFIXES }
}

/// The network of this size that contains the address.
fn network(address: IpAddr, prefix: u8) -> IpNet {
    IpNet::new_assert(address, prefix).trunc()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(address: &str) -> Client {
        Client::from(address.parse::<IpAddr>().unwrap())
    }

    #[test]
    fn networks_of_a_client_grow_and_so_do_their_shares() {
        for (address, networks, shares) in [
            ("192.0.2.77", &["192.0.2.77/32", "192.0.2.0/24"][..], &[250, 500][..]),
            ("::ffff:192.0.2.77", &["192.0.2.77/32", "192.0.2.0/24"], &[250, 500]),
            ("2001:db8:1:2:3::4", &["2001:db8:1:2::/64", "2001:db8:1::/56", "2001:db8:1::/48"], &[250, 375, 500]),
        ] {
            let found: Vec<IpNet> = client(address).networks().collect();
            assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), networks);
            assert_eq!(found.iter().map(|network| share_of(1000, *network)).collect::<Vec<_>>(), shares);
            assert_eq!(client(address).network(), found[0]);
        }
        assert_eq!(share_of(1, client("::1").network()), 1, "never nothing");
    }
}
