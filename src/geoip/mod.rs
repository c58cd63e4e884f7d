//! Where an address is, and whose network it belongs to, from files of the operator in the format `.mmdb`.
//!
//! A place is computed when a page shows it and stored nowhere: it is a guess of a provider, which the next file may
//! correct. Nothing is decided by it. docs/geoip.md tells which files there are.
//!
//! A file is input: whatever is in it, a lookup ends with a place or with none, and names have neither control characters
//! nor such as change the direction of text. The crate `maxminddb` bounds what decoding a record may cost.

mod attribution;
mod countries;
mod file;
mod follow;
mod location;
mod record;

#[cfg(test)]
mod fuzz_tests;

pub(crate) use attribution::Attribution;
pub(crate) use countries::name_of as country_name;
pub use file::InvalidGeoFile;
pub(crate) use follow::GeoFiles;
pub use follow::GeoIp;
pub(crate) use location::Location;
