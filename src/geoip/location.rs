//! Makes a place of what the files say about an address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{countries, record::Record};
use crate::text::is_unsafe;

/// The longest name that pages show. The longest real ones of cities have 60 characters or so.
const MAX_NAME_CHARS: usize = 80;

/// What the files say about an address, in one language.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Location {
    pub city: Option<String>,
    pub country: Option<String>,
    /// The owner of the network.
    pub network: Option<String>,
}

impl Location {
    /// Adds what a record says that another file has not said already.
    pub(super) fn add(&mut self, record: &Record<'_>, language: &str) {
        if self.city.is_none() {
            let named = || record.city.in_language(language).or_else(|| record.city.in_language("en"));
            self.city = record.city.text().or_else(named).and_then(clean);
        }
        if self.country.is_none() {
            self.country = country(record, language);
        }
        if self.network.is_none() {
            self.network = record.network().and_then(|name| clean(&name));
        }
    }
}

/// The country: by its name in the file if that is in the language, else by its code, else by any name.
fn country(record: &Record<'_>, language: &str) -> Option<String> {
    let Record { country, country_code, country_name, .. } = record;
    // IPinfo has the code under `country` in some files, and the name in others.
    let is_code = |text: &&str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    let code = country.code().or_else(|| country_code.text()).or_else(|| country.text().filter(is_code));
    let by_code = || countries::name_of(code?, language);
    let in_language = country.in_language(language).or_else(by_code);
    let any = || country.in_language("en").or_else(|| country_name.text()).or_else(|| country.text()).or(code);
    in_language.or_else(any).and_then(clean)
}

/// A name of the file, as a page can show it: on one line, without characters that change the direction of text, and not
/// endless. `None` if nothing is left.
fn clean(name: &str) -> Option<String> {
    let safe: String = name.chars().take(4 * MAX_NAME_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let safe: String = safe.chars().filter(|c| !is_unsafe(*c)).collect();
    let mut text = safe.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = text.char_indices().nth(MAX_NAME_CHARS) {
        text.truncate(end);
        text.push('…');
    }
    Some(text).filter(|text| !text.is_empty())
}

/// Which addresses the files can say something about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AddressKind {
    /// One of the Internet, under this address in the files.
    Public(IpAddr),
    /// One of a home or a company (RFC 1918, RFC 4193).
    Private,
    /// No place belongs to it: this machine, a link, a carrier's own network, a tunnel.
    Placeless,
}

impl AddressKind {
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self::of_v4(v4),
            IpAddr::V6(v6) => Self::of_v6(v6),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        let [first, second, ..] = address.octets();
        let is_shared = first == 100 && second & 0xC0 == 64;
        if address.is_private() {
            Self::Private
        } else if is_shared || address.is_loopback() || address.is_link_local() || first == 0 || first >= 224 {
            Self::Placeless
        } else {
            Self::Public(address.into())
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        let [first, second, third, ..] = address.segments();
        match (first, second) {
            // 6to4: the address of the client's router is in it.
            (0x2002, _) => Self::of_v4(Ipv4Addr::from((u32::from(second) << 16) | u32::from(third))),
            // Teredo: files have it under the address of the tunnel's server, which is anywhere.
            (0x2001, 0) => Self::Placeless,
            _ if address.is_unique_local() => Self::Private,
            // Only this eighth of all addresses is assigned to networks of the Internet.
            _ if first & 0xE000 == 0x2000 => Self::Public(address.into()),
            _ => Self::Placeless,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_internet_have_a_place() {
        let kind = |address: &str| AddressKind::of(address.parse().unwrap());
        let public = |address: &str| AddressKind::Public(address.parse().unwrap());
        assert_eq!(kind("192.0.2.1"), public("192.0.2.1"));
        assert_eq!(kind("::ffff:192.0.2.1"), public("192.0.2.1"));
        assert_eq!(kind("2001:db8::1"), public("2001:db8::1"));
        assert_eq!(kind("2002:c000:201::1"), public("192.0.2.1"), "6to4");
        for address in ["10.1.2.3", "172.31.0.1", "192.168.0.1", "fd00::1", "::ffff:10.0.0.1", "2002:a00:1::"] {
            assert_eq!(kind(address), AddressKind::Private, "{address}");
        }
        for address in
            ["127.0.0.1", "::1", "::", "0.0.0.0", "169.254.1.1", "fe80::1", "100.64.0.1", "2001::1", "255.255.255.255"]
        {
            assert_eq!(kind(address), AddressKind::Placeless, "{address}");
        }
    }

    #[test]
    fn names_are_cleaned_and_cut() {
        assert_eq!(clean(" Bad\u{202e} Homburg\nv.d.H.\u{0} ").as_deref(), Some("Bad Homburg v.d.H."));
        assert_eq!(clean("\u{202e}\n "), None);
        assert_eq!(clean(&"ü".repeat(81)), Some("ü".repeat(80) + "…"));
    }
}
