//! Where a device is, as pages show it.

use std::net::IpAddr;

use super::AppState;
use crate::{
    geoip::{Attribution, GeoFiles, Location},
    words::Words,
};

/// Tells where addresses are, in the language of a page.
pub(super) struct Places {
    pub words: Words,
    source: Source,
}

/// Where places come from.
enum Source {
    Files(GeoFiles),
    /// Made up, for sample data.
    Sample(SamplePlaces),
}

/// Places that are made up.
#[derive(Clone, Copy)]
pub(super) struct SamplePlaces {
    /// Finds a place, with names in a language.
    pub locate: fn(IpAddr, &str) -> Location,
    pub attribution: Option<Attribution>,
}

/// An address with what is known of it, ready to print. What is not known is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct AddressText {
    pub ip: String,
    /// "Berlin, Germany"
    pub place: String,
    /// The owner of the network.
    pub network: String,
}

impl Places {
    /// The files as they are now.
    pub fn new(state: &AppState, words: Words) -> Self {
        Self { words, source: Source::Files(state.geoip.files()) }
    }

    /// Without files, for sample data.
    pub fn unknown(words: Words) -> Self {
        Self { words, source: Source::Files(GeoFiles::default()) }
    }

    /// With places that are made up, for sample data.
    pub fn sample(words: Words, places: SamplePlaces) -> Self {
        Self { words, source: Source::Sample(places) }
    }

    /// The lines that a page with places shows; `None` if there are no files.
    pub fn attributions(&self) -> Option<Vec<Attribution>> {
        match &self.source {
            Source::Files(files) => (!files.is_empty()).then(|| files.attributions()),
            Source::Sample(places) => Some(places.attribution.into_iter().collect()),
        }
    }

    /// What is known of an address. Other programs may have stored something else: that is shown as it is.
    pub fn find(&self, address: Option<&str>) -> AddressText {
        let ip = address.unwrap_or_default().to_owned();
        match ip.parse() {
            Ok(parsed) if !self.is_empty() => self.find_parsed(ip, parsed),
            _ => AddressText { ip, ..AddressText::default() },
        }
    }

    fn is_empty(&self) -> bool {
        matches!(&self.source, Source::Files(files) if files.is_empty())
    }

    fn locate(&self, address: IpAddr) -> Location {
        let language = self.words.language().code();
        match &self.source {
            Source::Files(files) => files.locate(address, language),
            Source::Sample(places) => (places.locate)(address, language),
        }
    }

    fn find_parsed(&self, ip: String, address: IpAddr) -> AddressText {
        if GeoFiles::is_private(address) {
            return AddressText { ip, place: self.words.private_network().to_owned(), network: String::new() };
        }
        let Location { city, country, network } = self.locate(address);
        let place = match (city, country) {
            // A city state.
            (Some(city), Some(country)) if city == country => city,
            (Some(city), Some(country)) => self.words.city_in_country(city, country),
            (city, country) => city.or(country).unwrap_or_default(),
        };
        AddressText { ip, place, network: network.unwrap_or_default() }
    }
}
