//! Browsers. A browser is named by its own name in the string: most are built on Chrome, Firefox or Safari, and say that
//! they are these as well.

use super::{
    apps,
    browser_names::{BROWSERS, OTHER_PRODUCTS, Origin},
    systems,
    user_agent::{UserAgent, Word, look_up, safe_name, versioned},
};

/// The name of the browser within an app that is not known.
pub(crate) const IN_APP_BROWSER: &str = "In-app browser";

/// Browsers whose names are several words, in lower case.
const PHRASES: &[(&str, &str)] = &[
    ("(ecosia ", "Ecosia"),
    ("lg browser/", "LG Browser"),
    ("microsoft outlook ", "Microsoft Outlook"),
    ("mint browser/", "Mint Browser"),
    ("opera mini/", "Opera Mini"),
    ("opera tablet/", "Opera"),
    ("tv bro/", "TV Bro"),
    ("valve steam", "Steam"),
];

/// The browser of a string.
pub(super) struct Browser {
    pub name: String,
    /// Where it runs, as its name tells; desktop modes hide that in the rest of the string.
    pub origin: Origin,
    /// Whether it says to be plain Chrome, as browsers do that name themselves in client hints only.
    pub is_plain_chrome: bool,
}

impl Browser {
    fn new(name: String) -> Self {
        Self { name, origin: Origin::Any, is_plain_chrome: false }
    }
}

/// Finds the browser. An app with a built-in browser counts as one.
pub(super) fn find(ua: &UserAgent<'_>) -> Option<Browser> {
    if let Some(app) = apps::find(ua) {
        return Some(Browser::new(app.to_owned()));
    }
    // The other versions are those of its server.
    if ua.lower.starts_with("opera/")
        && let Some(version) = ua.after("opera mini/")
    {
        return Some(Browser::new(versioned("Opera Mini", super::user_agent::major(version))));
    }
    let words = ua.words.iter().skip(1).chain(ua.words.first());
    // Sony's browser has had the same name as Amazon's.
    let is_sonys = |word: &Word<'_>| ua.lower_name(word) == "silk" && ua.contains("playstation");
    if let Some((name, origin, word)) = words.filter(|word| !is_sonys(word)).find_map(known) {
        // Presto's versions stand after "Version", and those of its phones after the name.
        let version = match ua.lower_name(&word) {
            "opera" => opera_version(ua),
            // That of Safari or Chrome, and the model of the processor.
            "ddg" | "tenfourfox" => None,
            _ => word.major(),
        };
        return Some(Browser { origin, ..Browser::new(versioned(name, version)) });
    }
    if let Some((text, name)) = PHRASES.iter().find(|(text, _)| ua.contains(text)) {
        let version = ua.after(text).and_then(super::user_agent::major);
        return Some(Browser::new(versioned(name, version)));
    }
    if ua.has("electron") {
        let app = ua.words.iter().take_while(|word| !word.name.eq_ignore_ascii_case("chrome")).find_map(other_name);
        let electron = || versioned("Electron", ua.major_of("electron"));
        return Some(Browser::new(app.unwrap_or_else(electron)));
    }
    base(ua)
}

/// A browser that has a name of its own.
fn known<'a>(word: &Word<'a>) -> Option<(&'static str, Origin, Word<'a>)> {
    let (name, origin) = look_up(BROWSERS, word.name)?;
    // These have said their name in brackets.
    if !word.is_product() && !matches!(name, "360 Browser" | "Brave" | "LieBao" | "Sogou Browser") {
        return None;
    }
    Some((name, origin, *word))
}

/// The major version of an Opera with an engine of its own, or of a phone.
fn opera_version<'a>(ua: &UserAgent<'a>) -> Option<&'a str> {
    // The name is followed by 9.80 in all later versions.
    ua.major_of("version").or_else(|| ua.major_of("opera").filter(|major| !ua.contains("opera/9.80") || *major != "9"))
}

/// A browser without a name of its own in the tables.
fn base(ua: &UserAgent<'_>) -> Option<Browser> {
    if ua.contains("msie ") || ua.has("trident") {
        return Some(Browser::new(internet_explorer(ua)));
    }
    let (chrome, version) = (ua.has("chrome") || ua.has("chromium"), ua.has("version"));
    let is_apple_mobile = ua.has("iphone") || ua.has("ipad") || ua.has("ipod");
    let is_android = ua.has("android");
    // The version is that of the system's web view, which means nothing to users.
    let is_web_view = if chrome { ua.has("wv") || is_android && version } else { is_apple_mobile && !ua.has("safari") };
    if is_web_view {
        return (!ua.has("openharmony")).then(|| Browser::new(IN_APP_BROWSER.to_owned()));
    }
    if (chrome || ua.has("firefox") || ua.has("safari"))
        && let Some(name) = ua.words.iter().find_map(other_name)
    {
        return Some(Browser::new(name));
    }
    // The web view of HarmonyOS, and the browser of Ubuntu Touch.
    if ua.has("arkweb") || systems::is_ubuntu_touch(ua) {
        return None;
    }
    if let Some(firefox) = ua.find("firefox") {
        return Some(Browser::new(versioned("Firefox", firefox.major())));
    }
    // Browsers of televisions that say nothing but the name of Chrome.
    if chrome && ua.contains_any(&["omi/", "smarttv/", "smarttva", "tivoos"]) && !ua.has("crkey") {
        return None;
    }
    if chrome {
        let major = ua.major_of("chrome");
        let name = if major.is_some() { "Chrome" } else { "Chromium" };
        let name = versioned(name, major.or_else(|| ua.major_of("chromium")));
        return Some(Browser { is_plain_chrome: true, ..Browser::new(name) });
    }
    if ua.has("safari") && version {
        return safari(ua, is_apple_mobile, is_android).map(Browser::new);
    }
    None
}

/// Browsers on other systems say that they are Safari as well.
fn safari(ua: &UserAgent<'_>, is_apple_mobile: bool, is_android: bool) -> Option<String> {
    let version = ua.major_of("version");
    let ran_on_windows = ua.has("windows") && ua.contains("windows nt") && matches!(version, Some("3" | "4" | "5"));
    if is_apple_mobile || ua.has("macintosh") || ran_on_windows {
        return Some(versioned("Safari", version));
    }
    (is_android && !ua.contains("kobo")).then(|| "Android Browser".to_owned())
}

/// In its compatibility view, it says to be version 7, but names its engine.
fn internet_explorer(ua: &UserAgent<'_>) -> String {
    let engine = match ua.major_of("trident") {
        Some("4") => Some("8"),
        Some("5") => Some("9"),
        Some("6") => Some("10"),
        Some("7" | "8") => Some("11"),
        _ => None,
    };
    let told = || ua.after("msie ").or_else(|| ua.after("rv:")).and_then(super::user_agent::major);
    let version = engine.or_else(told);
    versioned("Internet Explorer", version)
}

/// The name of a product that is in no table, such as "NewBrowser/1.0" after the names of Chrome and Safari: it is the
/// browser's own, so the browser is not the one that it is built on.
fn other_name(word: &Word<'_>) -> Option<String> {
    if word.in_comment() || word.major().is_none() || !is_other(word.name) {
        return None;
    }
    let letters = word.name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    let is_name = |name: &str| name.starts_with(char::is_alphabetic) || name == "1Password";
    let name = safe_name(word.name).filter(|name| letters && name.len() >= 3 && is_name(name))?;
    Some(versioned(name, word.major()))
}

/// Whether a browser is known by this name.
pub(super) fn is_known(name: &str) -> bool {
    look_up(BROWSERS, name).is_some()
}

/// Whether a product is neither a browser nor a part of one.
pub(super) fn is_other(name: &str) -> bool {
    !is_known(name) && OTHER_PRODUCTS.binary_search(&name.to_ascii_lowercase().as_str()).is_err()
}
