//! Names a session's device by its `User-Agent`.
//!
//! Users decide by these names which session to end, so a name rather leaves a detail out than shows a wrong one:
//! browsers freeze parts of the string on purpose, and a frozen version is left out. `woothee` recognises the common
//! browsers and systems. This module corrects what has changed since, and adds programs, bots, tablets and in-app
//! browsers.

use woothee::parser::{Parser, WootheeResult};

/// The longest string that is parsed, in bytes; the rest is cut, so that a hostile header costs no more than a real
/// one.
const MAX_INPUT: usize = 512;

/// The longest product name. With a space and a version of six digits, a name has at most 40 characters.
const MAX_PRODUCT: usize = 32;

/// The value of `woothee`'s fields that it could not fill.
const UNKNOWN: &str = "UNKNOWN";

/// Apps with a built-in browser, whose version means nothing to users.
const APPS: &[(&str, &str)] = &[
    ("FBAN/Messenger", "Messenger"),
    ("FB_IAB/MESSENGER", "Messenger"),
    ("FBAN/", "Facebook"),
    ("FB_IAB/", "Facebook"),
    ("Instagram ", "Instagram"),
];

/// Browsers that `woothee` mistakes for the browser they are built on.
const BROWSERS: &[(&str, &str)] = &[
    ("HeadlessChrome/", "Headless Chrome"),
    ("OPT/", "Opera"),
    ("DuckDuckGo/", "DuckDuckGo"),
    ("Ddg/", "DuckDuckGo"),
    ("Focus/", "Firefox Focus"),
    ("Thunderbird/", "Thunderbird"),
    ("HuaweiBrowser/", "Huawei Browser"),
    ("Silk/", "Amazon Silk"),
];

/// Systems that `woothee` does not recognise, by a text in the string.
const SYSTEMS: &[(&str, &str)] = &[("Windows", "Windows"), ("OpenBSD", "OpenBSD"), ("linux-gnu", "Linux")];

/// Texts of televisions, which would otherwise count as computers or tablets. They have no kind of their own.
const TELEVISIONS: &[&str] = &["SMART-TV", "SmartTV", "AppleTV", " TV", "BRAVIA", "AFT", "Web0S", "CrKey"];

/// The kind of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceKind {
    /// A desktop or laptop computer.
    Computer,
    /// A phone.
    Phone,
    /// A tablet.
    Tablet,
    /// A command-line tool, a script or an app that is not a browser.
    Program,
    /// A crawler that identifies itself.
    Bot,
    /// The string does not tell.
    Unknown,
}

impl DeviceKind {
    /// The word in logs, JSON and style classes. It never changes.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Computer => "computer",
            Self::Phone => "phone",
            Self::Tablet => "tablet",
            Self::Program => "program",
            Self::Bot => "bot",
            Self::Unknown => "unknown",
        }
    }
}

/// A device. Its names have at most 40 printable ASCII characters each, whatever was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Browser, program or bot with its major version: "Firefox 140".
    pub browser: Option<String>,
    /// "Android 15"; without a version that the string may not tell truthfully.
    pub system: Option<String>,
    /// The kind of device.
    pub kind: DeviceKind,
}

impl Device {
    /// The name of the browser within an app that is not known.
    pub(crate) const IN_APP_BROWSER: &str = "In-app browser";

    /// Recognises a device. It never fails: what it does not recognise is left out. The client can send any string, so
    /// show the result, but decide nothing by it.
    #[must_use]
    pub fn from_user_agent(user_agent: &str) -> Self {
        let ua = cut(user_agent).trim();
        let unrecognised = WootheeResult::new();
        let found = Parser::new().parse(ua).unwrap_or(unrecognised);
        let (system, kind) = platform(ua, &found);
        let bot = bot_name(ua);
        let is_browser = found.name != UNKNOWN && found.category != "misc";
        let (browser, system, kind) = if bot.is_some() || found.category == "crawler" {
            // Crawlers pretend to be on a platform to be sent its pages.
            (bot.or_else(|| crawler_name(ua, &found)), None, DeviceKind::Bot)
        } else if let Some((name, version)) = own_name(ua).filter(|_| !is_browser) {
            // Wget names no system since 1.21, and mostly runs on Linux.
            let usual_system = || (name == "Wget").then(|| "Linux".to_owned());
            let python = name.strip_prefix("python-").map(|library| format!("Python {library}"));
            let name = versioned(python.as_deref().unwrap_or(name), version);
            (Some(name), system.or_else(usual_system), DeviceKind::Program)
        } else {
            (browser(ua, &found), system, kind)
        };
        Self { browser, system, kind }
    }

    /// One line for lists and mails: "Firefox 140 on Linux", "Linux computer".
    #[must_use]
    pub fn title(&self) -> String {
        let noun = if self.kind == DeviceKind::Unknown { "device" } else { self.kind.as_str() };
        match (&self.browser, &self.system) {
            (Some(browser), Some(system)) => format!("{browser} on {system}"),
            (Some(browser), None) => browser.clone(),
            (None, Some(system)) => format!("{system} {noun}"),
            (None, None) => format!("Unknown {noun}"),
        }
    }
}

fn cut(text: &str) -> &str {
    (0..=text.len().min(MAX_INPUT)).rev().find_map(|end| text.get(..end)).unwrap_or_default()
}

/// Splits into words, so that "OutOfFocus/2" does not match "Focus/2".
fn words(ua: &str) -> impl Iterator<Item = &str> {
    ua.split([' ', ';', ',', '(', ')', '[', ']']).filter(|word| !word.is_empty())
}

fn version_of<'a>(ua: &'a str, token: &str) -> Option<&'a str> {
    words(ua).find_map(|word| word.strip_prefix(token)).and_then(major)
}

/// The major version. A number that is too long for a version is dropped.
fn major(version: &str) -> Option<&str> {
    let digits = version.split(|c: char| !c.is_ascii_digit()).next()?;
    (1..=6).contains(&digits.len()).then_some(digits)
}

fn versioned(name: &str, version: &str) -> String {
    format!("{name} {version}")
}

/// Splits "curl/8.5.0". Only here does text from the string become a name, so only characters that are safe to show
/// pass.
fn product(word: &str) -> Option<(&str, &str)> {
    let (name, version) = word.split_once('/')?;
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+');
    let shown =
        name.len() <= MAX_PRODUCT && name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(safe);
    shown.then_some((name, major(version)?))
}

/// The name of a crawler that identifies itself anywhere in the string.
fn bot_name(ua: &str) -> Option<String> {
    let is_bot = |name: &str| {
        let name = name.to_ascii_lowercase();
        let ends = ["bot", "spider", "crawler"].iter().any(|end| name.ends_with(end));
        // Cubot is a manufacturer of phones.
        (ends || name.contains("bot-")) && !name.starts_with("cubot")
    };
    let (name, version) = words(ua).filter_map(product).find(|(name, _)| is_bot(name))?;
    Some(versioned(name, version))
}

/// The name of a program. Programs begin with their own name, all browsers with "Mozilla" or "Opera".
fn own_name(ua: &str) -> Option<(&str, &str)> {
    words(ua).next().and_then(product).filter(|(name, _)| !["Mozilla", "Opera"].contains(name))
}

/// The name of a crawler that `woothee` knows and that does not call itself a bot.
fn crawler_name(ua: &str, found: &WootheeResult<'_>) -> Option<String> {
    let known = || (found.name != "misc crawler").then(|| found.name.to_owned());
    own_name(ua).map(|(name, version)| versioned(name, version)).or_else(known)
}

fn browser(ua: &str, found: &WootheeResult<'_>) -> Option<String> {
    let app = APPS.iter().find(|(mark, _)| ua.contains(mark)).map(|(_, app)| (*app).to_owned());
    let own = |(token, name): &(&str, &str)| Some(versioned(name, version_of(ua, token)?));
    let known = || match found.name {
        UNKNOWN => None,
        // These names are kinds of programs and network operators, not browsers.
        _ if matches!(found.category, "misc" | "mobilephone") => None,
        // Its version is that of the system's web view, which means nothing to users.
        "Webview" => Some(Device::IN_APP_BROWSER.to_owned()),
        name => {
            let name = if name == "SamsungBrowser" { "Samsung Internet" } else { name };
            Some(major(found.version).map_or_else(|| name.to_owned(), |version| versioned(name, version)))
        }
    };
    app.or_else(|| BROWSERS.iter().find_map(own)).or_else(known)
}

fn platform(ua: &str, found: &WootheeResult<'_>) -> (Option<String>, DeviceKind) {
    let kind = match (found.os, found.category) {
        _ if TELEVISIONS.iter().any(|mark| ua.contains(mark)) => DeviceKind::Unknown,
        ("iPad", _) => DeviceKind::Tablet,
        // Android browsers say "Mobile" on phones only.
        ("Android", _) if !words(ua).any(|word| word == "Mobile") => DeviceKind::Tablet,
        (_, "smartphone" | "mobilephone") => DeviceKind::Phone,
        (_, "pc") => DeviceKind::Computer,
        _ => DeviceKind::Unknown,
    };
    let system = match found.os {
        UNKNOWN => {
            let known = SYSTEMS.iter().find(|(mark, _)| ua.contains(mark));
            return known.map_or((None, kind), |(_, name)| (Some((*name).to_owned()), DeviceKind::Computer));
        }
        // Windows 11 sends "NT 10.0" as well.
        "Windows 10" | "Windows UNKNOWN Ver" => "Windows".to_owned(),
        // Frozen at 10.15 in every browser; iPads send it too.
        "Mac OSX" => "macOS".to_owned(),
        "iPhone" | "iPod" | "iPad" => apple(ua, found),
        "Android" => android(ua, found),
        "Windows Phone OS" => "Windows Phone".to_owned(),
        "BSD" => "FreeBSD".to_owned(),
        // Only the network library of macOS and iOS is named: it could be either system.
        "iOS" => return (None, DeviceKind::Unknown),
        // For these, `woothee` returns a network operator as the system.
        _ if found.category == "mobilephone" => return (None, kind),
        name => name.to_owned(),
    };
    (Some(system), kind)
}

/// Chrome sends "Android 10; K" on every version.
fn android(ua: &str, found: &WootheeResult<'_>) -> String {
    let frozen = ua.contains("Android 10; K)") || ua.contains("Android 10; K;");
    major(&found.os_version)
        .filter(|_| !frozen)
        .map_or_else(|| "Android".to_owned(), |version| versioned("Android", version))
}

/// Since version 26, Safari and the web view keep sending 18.6 or 18.7.
fn apple(ua: &str, found: &WootheeResult<'_>) -> String {
    let mut parts = found.os_version.split('.').map_while(|part| part.parse::<u16>().ok());
    let (first, second) = (parts.next(), parts.next());
    let name = if found.os == "iPad" && first.is_none_or(|first| first >= 13) { "iPadOS" } else { "iOS" };
    let safari = version_of(ua, "Version/").and_then(|version| version.parse::<u16>().ok());
    let web_view = !ua.contains(" Safari/");
    match (first, second) {
        (Some(18), Some(6 | 7)) if web_view || safari > Some(18) => name.to_owned(),
        (Some(first), Some(second)) => format!("{name} {first}.{second}"),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_agents_of_the_table_are_recognised() {
        for row in include_str!("../../tests/data/user-agents.tsv").lines().skip(1) {
            let (expected, ua) = row.rsplit_once('\t').expect("four columns");
            let Device { browser, system, kind } = Device::from_user_agent(ua);
            let [browser, system] = [browser, system].map(|name| name.unwrap_or_else(|| "-".into()));
            assert_eq!(format!("{browser}\t{system}\t{}", kind.as_str()), expected, "{ua}");
        }
    }

    #[test]
    fn titles_read_well() {
        let title = |ua| Device::from_user_agent(ua).title();
        assert_eq!(title("Firefox/140.0 (X11; Linux x86_64)"), "Firefox 140 on Linux");
        assert_eq!(title("Firefox/140.0"), "Firefox 140");
        assert_eq!(title("Mozilla/5.0 (X11; Linux x86_64)"), "Linux computer");
        assert_eq!(title("Mozilla/5.0 (compatible; thing-bot)"), "Unknown bot");
        assert_eq!(title("\u{202e}\u{7}/1"), "Unknown device");
    }

    #[test]
    fn hostile_user_agents_give_short_safe_names() {
        let parts = "Mozilla/5.0 (|\u{202e}|\0\n|é|9|bot/|Android |/|KDDI-|; |A".split('|');
        for (first, second) in parts.clone().flat_map(|a| parts.clone().map(move |b| (a, b))) {
            for count in [1, 7, 100_000] {
                let device = Device::from_user_agent(&format!("{first}{second}").repeat(count));
                let safe = |name: &String| name.len() <= 40 && name.bytes().all(|b| (b' '..=b'~').contains(&b));
                assert!(device.browser.iter().chain(&device.system).all(safe), "{device:?}");
            }
        }
    }
}
