//! What a record of a file says, in the forms in which providers write it.
//!
//! `MaxMind` and DB-IP nest maps: `city.names.de`, `country.iso_code`. Files that others have packed anew, and those of
//! `IPinfo`, have texts side by side: `city`, `country_code`. What is missing, or has another type, is no place.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};

/// What is read of a record.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Record<'a> {
    #[serde(borrow)]
    pub city: Name<'a>,
    #[serde(borrow)]
    pub country: Name<'a>,
    #[serde(borrow)]
    pub country_code: Name<'a>,
    #[serde(borrow)]
    pub country_name: Name<'a>,
    #[serde(borrow)]
    pub autonomous_system_organization: Name<'a>,
    #[serde(borrow)]
    pub autonomous_system_number: Name<'a>,
    #[serde(borrow)]
    pub as_name: Name<'a>,
    #[serde(borrow)]
    pub asn: Name<'a>,
}

impl<'a> Record<'a> {
    /// The owner of the network: their name, or their number if that is all there is.
    pub fn network(&self) -> Option<Cow<'a, str>> {
        let Self { autonomous_system_organization, autonomous_system_number, as_name, asn, .. } = self;
        let name = autonomous_system_organization.text.or(as_name.text).or(asn.text);
        let number = || Some(format!("AS{}", autonomous_system_number.number.or(asn.number)?));
        name.map(Cow::Borrowed).or_else(|| number().map(Cow::Owned))
    }
}

/// A name: a text, or a map with one in each of several languages and, for a country, its code.
#[derive(Debug, Default)]
pub(super) struct Name<'a> {
    text: Option<&'a str>,
    number: Option<u64>,
    names: BTreeMap<&'a str, &'a str>,
    code: Option<&'a str>,
}

impl<'a> Name<'a> {
    /// The text that has no language.
    pub fn text(&self) -> Option<&'a str> {
        self.text
    }

    /// The name in this language.
    pub fn in_language(&self, language: &str) -> Option<&'a str> {
        self.names.get(language).copied()
    }

    /// The country's code.
    pub fn code(&self) -> Option<&'a str> {
        self.code
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NameVisitor)
    }
}

struct NameVisitor;

impl<'de> Visitor<'de> for NameVisitor {
    type Value = Name<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a map of names")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Name { text: Some(text), ..Name::default() })
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Name { number: Some(number), ..Name::default() })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut name = Name::default();
        while let Some(key) = map.next_key::<&str>()? {
            match key {
                "names" => name.names = map.next_value::<Names<'de>>()?.0,
                "iso_code" => name.code = map.next_value::<Name<'de>>()?.text,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(name)
    }

    // Other types say nothing.

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Name::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Name::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Name::default())
    }

    fn visit_u128<E>(self, _: u128) -> Result<Self::Value, E> {
        Ok(Name::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Name::default())
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<Self::Value, E> {
        Ok(Name::default())
    }
}

/// Names by their languages. Other entries are left out.
struct Names<'a>(BTreeMap<&'a str, &'a str>);

impl<'de: 'a, 'a> Deserialize<'de> for Names<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NamesVisitor;

        impl<'de> Visitor<'de> for NamesVisitor {
            type Value = Names<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of names")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut names = BTreeMap::new();
                while let Some((language, name)) = map.next_entry::<&str, Name<'de>>()? {
                    names.extend(name.text.map(|text| (language, text)));
                }
                Ok(Names(names))
            }
        }

        deserializer.deserialize_map(NamesVisitor)
    }
}
