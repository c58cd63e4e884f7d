//! What makers call their authenticators, by the AAGUID that those send. It is not proved, so only a name depends on it.

use std::fmt;

use serde::Deserialize;
use uuid::Uuid;

/// Where the AAGUID begins in the data of an authenticator: after the hash of the site's id, the flags and the counter.
const AAGUID_OFFSET: usize = 32 + 1 + 4;

/// The model of an authenticator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::accounts) struct Aaguid(Uuid);

impl Aaguid {
    /// That of authenticators that don't say.
    pub const UNKNOWN: Self = Self(Uuid::nil());
}

impl fmt::Display for Aaguid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The password managers and systems that most passkeys are in, from the list of the passkey developers' community
/// (github.com/passkeydeveloper/passkey-authenticator-aaguids). Security keys are left out: they have hundreds of models.
const PROVIDERS: [(&str, &str); 18] = [
    ("ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4", "Google Password Manager"),
    ("fbfc3007-154e-4ecc-8c0b-6e020557d7bd", "Apple Passwords"),
    ("dd4ec289-e01d-41c9-bb89-70fa845d4bf2", "iCloud Keychain"),
    ("08987058-cadc-4b81-b6e1-30de50dcbe96", "Windows Hello"),
    ("9ddd1817-af5a-4672-a2b9-3e3dd95000a9", "Windows Hello"),
    ("6028b017-b1d4-4c02-b4b3-afcdafc96bb2", "Windows Hello"),
    ("adce0002-35bc-c60a-648b-0b25f1f05503", "Chrome on Mac"),
    ("771b48fd-d3d4-4f74-9232-fc157ab0507a", "Edge on Mac"),
    ("53414d53-554e-4700-0000-000000000000", "Samsung Pass"),
    ("bada5566-a7aa-401f-bd96-45619a55120d", "1Password"),
    ("d548826e-79b4-db40-a3d8-11116f7e8349", "Bitwarden"),
    ("531126d6-e717-415c-9320-3d9aa6981239", "Dashlane"),
    ("f3809540-7f14-49c1-a8b3-8f813b225541", "Enpass"),
    ("fdb141b2-5d84-443e-8a35-4698c205a502", "KeePassXC"),
    ("0ea242b4-43c4-4a1b-8b17-dd6d0b6baec6", "Keeper"),
    ("b78a0a55-6ef8-d246-a042-ba0f6d55050c", "LastPass"),
    ("b84e4048-15dc-4dd0-8640-f4f60813c8af", "NordPass"),
    ("50726f74-6f6e-5061-7373-50726f746f6e", "Proton Pass"),
];

/// What the maker calls the authenticator with this AAGUID.
pub(in crate::accounts) fn provider_name(aaguid: &str) -> Option<&'static str> {
    PROVIDERS.into_iter().find(|(known, _)| *known == aaguid).map(|(_, name)| name)
}

/// Finds the AAGUID in the CBOR of an attestation object. webauthn-rs reads it only with an attestation, which is not asked
/// for.
pub(in crate::accounts) fn find_aaguid(attestation_object: &[u8]) -> Option<Aaguid> {
    #[derive(Deserialize)]
    struct Attestation<'a> {
        #[serde(rename = "authData", borrow)]
        auth_data: &'a [u8],
    }

    let attestation: Attestation<'_> = serde_cbor_2::from_slice(attestation_object).ok()?;
    let bytes = attestation.auth_data.get(AAGUID_OFFSET..AAGUID_OFFSET + 16)?;
    Uuid::from_slice(bytes).ok().map(Aaguid)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_cbor_2::Value;

    use super::*;

    #[test]
    fn providers_are_found_by_their_aaguids() {
        for (aaguid, name) in PROVIDERS {
            assert_eq!(aaguid.parse::<Uuid>().unwrap().to_string(), aaguid);
            assert_eq!(provider_name(aaguid), Some(name));
        }
        assert_eq!(provider_name(&Aaguid::UNKNOWN.to_string()), None);
    }

    #[test]
    fn aaguid_is_read_from_an_attestation_object() {
        let aaguid: Uuid = PROVIDERS[0].0.parse().unwrap();
        let object = |auth_data: Vec<u8>| {
            let entries = [("authData", Value::Bytes(auth_data)), ("fmt", Value::Text("none".to_owned()))];
            let map: BTreeMap<_, _> = entries.map(|(key, value)| (Value::Text(key.to_owned()), value)).into();
            serde_cbor_2::to_vec(&Value::Map(map)).unwrap()
        };
        let auth_data = [&[7; AAGUID_OFFSET][..], aaguid.as_bytes(), &[9; 100]].concat();
        assert_eq!(find_aaguid(&object(auth_data.clone())), Some(Aaguid(aaguid)));
        assert_eq!(find_aaguid(&object(auth_data[..AAGUID_OFFSET + 15].to_vec())), None);
        assert_eq!(find_aaguid(b"\xa0"), None);
    }
}
