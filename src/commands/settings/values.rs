//! Parses the values of settings. The errors say what to write instead.

use std::{fmt::Display, net::IpAddr, ops::RangeInclusive, path::PathBuf, str::FromStr, time::Duration};

use ipnet::{IpNet, Ipv4Net};

use crate::{config::AppOrigin, events::MIN_RETENTION as MIN_EVENTS_RETENTION, words::Language};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A default as `--help` shows it, such as 24h or 14d. Defaults are whole hours, and whole days from two days on.
pub(super) fn days_or_hours(default: Duration) -> String {
    let seconds = default.as_secs();
    if default > DAY { format!("{}d", seconds / DAY.as_secs()) } else { format!("{}h", seconds / HOUR.as_secs()) }
}

/// A default of whole minutes as `--help` shows it.
pub(super) fn minutes(default: Duration) -> String {
    format!("{}m", default.as_secs() / 60)
}

pub(super) fn parse_timeout(text: &str) -> Result<Duration, String> {
    parse_duration(text, DAY * 400, "at most 400d (browsers keep cookies no longer)")
}

pub(super) fn parse_retention(text: &str) -> Result<Duration, String> {
    parse_duration(text, DAY * 36_525, "at most 100 years")
}

pub(super) fn parse_events_retention(text: &str) -> Result<Duration, String> {
    let length = parse_retention(text)?;
    if length < MIN_EVENTS_RETENTION {
        return Err("out of range; use at least 1d and at most 100 years".to_owned());
    }
    Ok(length)
}

fn parse_duration(text: &str, max: Duration, limit: &str) -> Result<Duration, String> {
    let hint = "use a number with a unit, such as 90s, 30m, 24h or 14d";
    let length = humantime::parse_duration(text.trim()).map_err(|_| format!("not a duration; {hint}"))?;
    if length.is_zero() || length > max {
        return Err(format!("out of range; use more than 0 and {limit}"));
    }
    Ok(length)
}

pub(super) fn parse_number<T>(text: &str, range: RangeInclusive<T>) -> Result<T, String>
where
    T: FromStr + PartialOrd + Display,
{
    let number = text.trim().parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("use a whole number from {} to {}", range.start(), range.end()))
}

pub(super) fn parse_limit(text: &str) -> Result<u32, String> {
    text.trim().parse().map_err(|_| format!("use a whole number from 1 to {}, or 0 for no limit", u32::MAX))
}

/// A comma-separated list of networks, as one value of a flag.
#[derive(Debug, Clone)]
pub(super) struct Networks(pub Vec<IpNet>);

/// Parses a list, in which blanks around a comma and a comma at the end mean nothing.
///
/// All addresses of the Internet (`0.0.0.0/0`, `::/0`, or two halves) are refused: if every hop is trusted, the
/// client's address is the leftmost one, which any client can invent, and throttling by address means nothing.
pub(super) fn parse_networks(text: &str) -> Result<Networks, String> {
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    let networks = items.map(parse_network).collect::<Result<Vec<_>, _>>()?;
    if IpNet::aggregate(&networks).iter().any(|network| network.prefix_len() == 0) {
        return Err("these networks contain every address, so that any client could claim any address; use those of \
                    your proxies, such as 10.0.0.0/8"
            .to_owned());
    }
    Ok(Networks(networks))
}

/// Parses a network or an address. An IPv4 network in IPv6 notation becomes IPv4, as addresses of clients do.
fn parse_network(item: &str) -> Result<IpNet, String> {
    let address = || item.parse().ok().map(|address: IpAddr| IpNet::from(address));
    let network = item.parse().ok().or_else(address);
    let network = network.ok_or_else(|| format!("{item:?} is not a CIDR network such as 10.0.0.0/8, or an address"))?;
    let IpNet::V6(mapped) = network else { return Ok(network) };
    let as_ipv4 = |length| Ipv4Net::new(mapped.addr().to_ipv4_mapped()?, length).ok();
    Ok(mapped.prefix_len().checked_sub(96).and_then(as_ipv4).map_or(network, IpNet::V4))
}

/// A list of files, as one value of a flag.
#[derive(Debug, Clone)]
pub(super) struct FileList(pub Vec<PathBuf>);

/// Parses a list, in which blanks around a comma and a comma at the end mean nothing.
pub(super) fn parse_files(text: &str) -> Result<FileList, String> {
    let files: Vec<PathBuf> =
        text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(PathBuf::from).collect();
    if files.is_empty() { Err("name at least one file".to_owned()) } else { Ok(FileList(files)) }
}

/// A comma-separated list of origins, as one value of a flag.
#[derive(Debug, Clone)]
pub(super) struct AppOrigins(pub Vec<AppOrigin>);

/// Parses a list, in which blanks around a comma and a comma at the end mean nothing.
pub(super) fn parse_app_origins(text: &str) -> Result<AppOrigins, String> {
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    let parse = |item: &str| item.parse().map_err(|error| format!("{item:?} is {error}"));
    items.map(parse).collect::<Result<_, _>>().map(AppOrigins)
}

/// A list of languages, as one value of a flag.
#[derive(Debug, Clone)]
pub(super) struct LanguageList(pub Vec<Language>);

/// Parses a list of tags, in which blanks around a comma and a comma at the end mean nothing.
pub(super) fn parse_languages(text: &str) -> Result<LanguageList, String> {
    let known = || Language::for_people().iter().map(|language| language.code()).collect::<Vec<_>>().join(", ");
    let mut languages = Vec::new();
    for tag in text.split(',').map(str::trim).filter(|tag| !tag.is_empty()) {
        match Language::parse(tag) {
            Some(language) if languages.contains(&language) => return Err(format!("{tag} is named twice")),
            Some(language) => languages.push(language),
            None => return Err(format!("there is no language {tag:?}; use some of {}", known())),
        }
    }
    if languages.is_empty() {
        return Err(format!("name at least one language; use some of {}", known()));
    }
    Ok(LanguageList(languages))
}

/// A filter for the log without its blanks and empty items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::commands) struct LogFilter(pub String);

impl From<&str> for LogFilter {
    fn from(text: &str) -> Self {
        Self(text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect::<Vec<_>>().join(","))
    }
}

pub(super) fn parse_cookie_name(text: &str) -> Result<String, String> {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if !text.is_empty() && text.chars().all(is_token) {
        Ok(text.to_owned())
    } else {
        Err("use letters, digits and any of !#$%&'*+-.^_`|~".to_owned())
    }
}

pub(super) fn parse_cookie_domain(text: &str) -> Result<String, String> {
    let domain = text.strip_prefix('.').unwrap_or(text).to_ascii_lowercase();
    let is_label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if domain.split('.').all(is_label) {
        Ok(domain)
    } else {
        Err("use a host name such as example.org, without scheme, port or path".to_owned())
    }
}
