//! Whom the pages have to name that show what a file contains.

/// The line that the licence of a provider's free files asks for, with its link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attribution {
    /// In English, as the licence has it.
    pub text: &'static str,
    pub url: &'static str,
}

/// The providers whose free files ask for a line, by what they call them in the metadata. Files that others have packed
/// anew often have only their name left.
const PROVIDERS: [(&[&str], Attribution); 3] = [
    (&["db-ip", "dbip"], Attribution { text: "IP Geolocation by DB-IP", url: "https://db-ip.com" }),
    (
        &["geolite"],
        Attribution {
            text: "This product includes GeoLite Data created by MaxMind, available from https://www.maxmind.com",
            url: "https://www.maxmind.com",
        },
    ),
    (&["ipinfo"], Attribution { text: "IP address data powered by IPinfo", url: "https://ipinfo.io" }),
];

impl Attribution {
    /// The line for a file with these texts: its type, descriptions and name.
    pub fn of<'a>(texts: impl Iterator<Item = &'a str>) -> Option<Self> {
        let texts: Vec<String> = texts.map(str::to_ascii_lowercase).collect();
        let has = |mark: &&str| texts.iter().any(|text| text.contains(*mark));
        PROVIDERS.iter().find(|(marks, _)| marks.iter().any(has)).map(|(_, attribution)| *attribution)
    }
}
