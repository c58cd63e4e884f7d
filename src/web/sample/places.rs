//! Places of sample addresses, as files of an operator would have them.

use std::net::IpAddr;

use crate::{
    geoip::{Attribution, Location, country_name},
    web::places::SamplePlaces,
};

/// Addresses, each with a city, the code of a country, and the owner of a network. What is empty is not known.
const PLACES: [(&str, &str, &str, &str); 7] = [
    ("192.0.2.17", "Hamburg", "DE", "Elbe Fibre GmbH"),
    ("203.0.113.24", "Berlin", "DE", "Example Mobile"),
    ("2001:db8:85a3:1319:8a2e:370:7334:9c41", "Zürich", "CH", "Alpine Broadband AG"),
    ("198.51.100.7", "", "SG", "Harbour Telecom"),
    ("203.0.113.77", "San Pedro Garza García", "MX", "Redes de Ejemplo S.A. de C.V."),
    ("192.0.2.200", "", "NL", "AS64496"),
    ("203.0.113.78", "", "", "Example Cable"),
];

/// The places; with `is_long`, names that are as long as they may be.
pub(super) fn places(is_long: bool) -> SamplePlaces {
    let provider = if is_long { "geolite" } else { "db-ip" };
    SamplePlaces {
        locate: if is_long { locate_at_length } else { locate },
        attribution: Attribution::of([provider].into_iter()),
    }
}

fn locate(address: IpAddr, language: &str) -> Location {
    let is_of = |text: &str| text.parse() == Ok(address);
    let Some((_, city, code, network)) = PLACES.iter().find(|(text, ..)| is_of(text)) else {
        return Location::default();
    };
    let known = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    Location { city: known(city), country: country_name(code, language).and_then(known), network: known(network) }
}

/// Each name has the 80 characters that pages show at most, and is cut.
fn locate_at_length(address: IpAddr, language: &str) -> Location {
    let Location { city, country, network } = locate(address, language);
    let long = |name: String| format!("{}…", format!("{name} ").repeat(80).chars().take(80).collect::<String>());
    Location { city: city.map(long), country, network: network.map(long) }
}
