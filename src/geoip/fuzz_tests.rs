//! Mutated files of places. See `crate::fuzz`.

use std::{net::IpAddr, path::Path};

use super::{Location, file::GeoFile};
use crate::{file_stamp::FileStamp, fuzz::fuzz, text::is_unsafe};

#[test]
fn any_file_is_read_without_panic() {
    let tokens = ["names", "en", "city", "country", "iso_code", "\u{202e}", "\u{1}", "\u{7f}", "\u{20}", "<b>"];
    let stamp = FileStamp::at(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    let addresses: Vec<IpAddr> =
        ["192.0.2.1", "198.51.100.7", "2001:db8::1", "0.0.0.0", "::"].map(|address| address.parse().unwrap()).into();
    fuzz("geoip", &tokens, |input| {
        let Ok(file) = GeoFile::of_bytes(Path::new("places.mmdb"), stamp, input.to_vec()) else { return };
        for (address, language) in addresses.iter().zip(["en", "de"].into_iter().cycle()) {
            let mut location = Location::default();
            let _ = file.look_up(*address, language, &mut location);
            for name in [location.city, location.country, location.network].into_iter().flatten() {
                assert!(!name.is_empty() && name.chars().count() <= 81 && !name.contains(is_unsafe), "{name:?}");
            }
        }
        let _ = (file.verify(), file.built_at());
    });
}
