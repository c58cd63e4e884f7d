//! Opens the files of the operator that a server follows while it runs.

use super::Settings;
use crate::{
    accounts::{BreachedPasswords, InvalidBreachFile},
    commands::Failure,
    geoip::{GeoIp, InvalidGeoFile},
};

impl Settings {
    /// Opens the list of leaked passwords, if one is set.
    pub(super) fn breached_passwords(&self) -> Result<Option<BreachedPasswords>, Failure> {
        self.open_breached_passwords().map_err(|error| {
            Failure::usage(format!("invalid value for --breached-passwords (KEYRACK_BREACHED_PASSWORDS): {error}"))
        })
    }

    /// The same, with the reason if it can't be used.
    pub(in crate::commands) fn open_breached_passwords(&self) -> Result<Option<BreachedPasswords>, InvalidBreachFile> {
        self.breached_passwords.as_deref().map(BreachedPasswords::open).transpose()
    }

    /// Reads the files of places.
    pub(super) fn geoip(&self) -> Result<GeoIp, Failure> {
        self.open_geoip().map_err(|error| Failure::usage(format!("invalid value for --geoip (KEYRACK_GEOIP): {error}")))
    }

    /// The same, with the reason if one can't be used.
    pub(in crate::commands) fn open_geoip(&self) -> Result<GeoIp, InvalidGeoFile> {
        GeoIp::open(self.geoip.iter().flat_map(|files| &files.0))
    }
}
