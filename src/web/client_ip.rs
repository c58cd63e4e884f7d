//! The client's address: the peer's, or the one that a trusted proxy reports.

use std::net::{IpAddr, Ipv6Addr};

use actix_web::http::header::HeaderMap;
use ipnet::IpNet;

/// The longest chain of proxies that is followed; real ones have two or three.
const MAX_HOPS: usize = 32;

/// Longer elements are not addresses: an IPv6 address with a zone, brackets and a port stays below.
const MAX_HOP_BYTES: usize = 80;

/// The networks of the proxies whose `X-Forwarded-For` is trusted.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Trusts these networks.
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Reads `X-Forwarded-For` from right to left. Each proxy appends the address that it saw, so the first from the
    /// right that is not a trusted proxy's is the client's. What is left of it may be forged, and is not looked at.
    ///
    /// The value is read as bytes, and empty elements are skipped (RFC 9110 5.6.1). If a trusted proxy reports
    /// something that is not an address, such as `unknown`, the client is the last address that is known.
    pub fn client_ip(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Option<IpAddr> {
        let mut client = peer?.to_canonical();
        if !self.trusts(client) {
            return Some(client);
        }
        let lines = headers.get_all("x-forwarded-for").collect::<Vec<_>>();
        let hops = lines.into_iter().rev().flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        for hop in hops.map(<[u8]>::trim_ascii).filter(|hop| !hop.is_empty()).take(MAX_HOPS) {
            match parse(hop) {
                Some(address) => client = address,
                None => break,
            }
            if !self.trusts(client) {
                break;
            }
        }
        Some(client)
    }

    pub(super) fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// Parses an address as proxies write it: with or without quotes, brackets, a port, or a zone (RFC 4007).
fn parse(hop: &[u8]) -> Option<IpAddr> {
    if hop.len() > MAX_HOP_BYTES {
        return None;
    }
    let text = std::str::from_utf8(hop).ok()?;
    let text = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    let address = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            is_port_or_empty(port).then(|| parse_v6(address)).flatten()
        }
        None => match text.split_once(':') {
            // A single colon separates the port; an IPv6 address has several.
            Some((address, port)) if !port.contains(':') => is_port(port).then(|| address.parse().ok()).flatten(),
            _ => text.parse().ok().or_else(|| parse_v6(text)),
        },
    };
    address.map(|address| address.to_canonical())
}

fn parse_v6(text: &str) -> Option<IpAddr> {
    let address = text.split_once('%').map_or(text, |(address, _zone)| address);
    address.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
}

fn is_port_or_empty(text: &str) -> bool {
    text.is_empty() || text.strip_prefix(':').is_some_and(is_port)
}

/// Whether this is a port, or an obfuscated one as in RFC 7239: `_gateway`.
fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok() || text.starts_with('_')
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn client(peer: &str, lines: &[&str]) -> String {
        client_of_bytes(peer, &lines.iter().map(|line| line.as_bytes()).collect::<Vec<_>>())
    }

    fn client_of_bytes(peer: &str, lines: &[&[u8]]) -> String {
        let proxies = TrustedProxies::new(vec!["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()]);
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(HeaderName::from_static("x-forwarded-for"), HeaderValue::from_bytes(line).unwrap());
        }
        proxies.client_ip(Some(peer.parse().unwrap()), &headers).unwrap().to_string()
    }

    #[test]
    fn untrusted_peer_is_the_client() {
        assert_eq!(client("203.0.113.9", &["192.0.2.1"]), "203.0.113.9");
    }

    #[test]
    fn rightmost_untrusted_address_is_the_client() {
        assert_eq!(client("10.0.0.1", &["6.6.6.6, 192.0.2.1, 10.0.0.2"]), "192.0.2.1");
        assert_eq!(client("10.0.0.1", &["6.6.6.6", "192.0.2.1", "10.0.0.2"]), "192.0.2.1");
        assert_eq!(client("::1", &["192.0.2.1"]), "192.0.2.1");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn ports_brackets_and_zones_are_parsed() {
        for (hop, expected) in [
            ("192.0.2.1:4711", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("\"[2001:db8::1]:443\"", "2001:db8::1"),
            ("fe80::1%eth0", "fe80::1"),
            ("[fe80::1%25eth0]:443", "fe80::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("[::ffff:192.0.2.1]:80", "192.0.2.1"),
        ] {
            assert_eq!(client("::ffff:10.0.0.1", &[hop]), expected, "{hop}");
        }
    }

    #[test]
    fn hop_that_is_no_address_ends_the_walk() {
        for hop in
            ["unknown", "_hidden", "<script>", "1.2.3.4.5", "1.2.3.4:x", "[::1", "[]:80", "[1.2.3.4]:80", "::1::"]
        {
            assert_eq!(client("10.0.0.1", &[hop]), "10.0.0.1", "{hop}");
            assert_eq!(client("10.0.0.1", &["192.0.2.1", hop, "10.0.0.2"]), "10.0.0.2", "{hop}");
        }
        assert_eq!(client("10.0.0.1", &["1".repeat(5000).as_str()]), "10.0.0.1");
    }

    #[test]
    fn empty_elements_are_skipped() {
        for lines in [&["192.0.2.1,"][..], &["192.0.2.1, ,\t, 10.0.0.2,,"], &["192.0.2.1", "", " , "], &[",,192.0.2.1"]]
        {
            assert_eq!(client("10.0.0.1", lines), "192.0.2.1", "{lines:?}");
        }
        assert_eq!(client("10.0.0.1", &["", ",,,"]), "10.0.0.1");
    }

    #[test]
    fn garbage_left_of_the_client_does_not_matter() {
        for garbage in
            [b"\xff, 203.0.113.7".as_slice(), b"\xc3\x28\x80,\xfe,203.0.113.7,10.0.0.2", b"\"a,b\xff\", 203.0.113.7"]
        {
            assert_eq!(client_of_bytes("10.0.0.1", &[garbage]), "203.0.113.7", "{garbage:?}");
            assert_eq!(client_of_bytes("10.0.0.1", &[b"\xff", garbage]), "203.0.113.7", "{garbage:?}");
        }
        assert_eq!(client_of_bytes("10.0.0.1", &[b"203.0.113.7, \xff"]), "10.0.0.1", "reported by a trusted proxy");
    }

    #[test]
    fn number_of_hops_is_bounded() {
        let chain = |length: usize| format!("203.0.113.7, {}", vec!["10.0.0.2"; length].join(", "));
        assert_eq!(client("10.0.0.1", &[&chain(MAX_HOPS - 1)]), "203.0.113.7");
        assert_eq!(client("10.0.0.1", &[&chain(MAX_HOPS)]), "10.0.0.2");
    }
}
