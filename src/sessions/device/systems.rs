//! Operating systems, with the versions that strings tell truthfully: browsers freeze some on purpose.

use super::{
    browser_names::Origin,
    hardware,
    kind::DeviceKind::{self, Computer, Console, EReader, Phone, Tablet, Television, Unknown, Watch},
    user_agent::{UserAgent, Word, versioned},
};

/// A system as the string tells it.
pub(super) struct System {
    pub name: Option<String>,
    pub kind: DeviceKind,
    pub family: Family,
}

/// What client hints call the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// Windows NT.
    Windows,
    /// macOS. iPads in desktop mode say so, too.
    Mac,
    /// Android.
    Android,
    /// Linux with a desktop. Phones and tablets with Android say so in desktop mode.
    Linux,
    /// `ChromeOS`.
    Chrome,
    /// A system whose browsers send no hints.
    Other,
}

/// Versions of Windows NT. Windows 11 sends 10.0 as well, and servers send those of 2003 and later.
const WINDOWS_NT: &[(&str, &str)] = &[
    ("5.0", "Windows 2000"),
    ("5.1", "Windows XP"),
    ("6.0", "Windows Vista"),
    ("6.1", "Windows 7"),
    ("6.2", "Windows 8"),
    ("6.3", "Windows 8.1"),
];

/// Systems by a text at the beginning of a word in lower case, in the order in which they are tried.
const SYSTEMS: &[(&str, &str, DeviceKind)] = &[
    ("playstation 5", "PlayStation 5", Console),
    ("playstation 4", "PlayStation 4", Console),
    ("playstation 3", "PlayStation 3", Console),
    ("playstation vita", "PlayStation Vita", Console),
    ("playstation portable", "PlayStation Portable", Console),
    ("sony_tv;ps5", "PlayStation 5", Console),
    ("sony_tv;ps4", "PlayStation 4", Console),
    ("playstation", "PlayStation", Console),
    ("nintendo switch 2", "Nintendo Switch 2", Console),
    ("nintendo switch", "Nintendo Switch", Console),
    ("nintendo wiiu", "Wii U", Console),
    ("nintendo wii", "Wii", Console),
    ("new nintendo 3ds", "Nintendo 3DS", Console),
    ("nintendo 3ds", "Nintendo 3DS", Console),
    ("nintendo ds", "Nintendo DS", Console),
    (" xbox", "Xbox", Console),
    ("(xbox", "Xbox", Console),
    ("windows phone", "Windows Phone", Phone),
    ("wpdesktop", "Windows Phone", Phone),
    ("; wds ", "Windows Phone", Phone),
    ("windows ce", "Windows CE", Phone),
    ("iemobile", "Windows Phone", Phone),
    ("palmsource", "Palm OS", Phone),
    ("kaios", "KaiOS", Phone),
    ("openharmony", "HarmonyOS", Unknown),
    ("harmonyos", "HarmonyOS", Unknown),
    ("web0s", "webOS", Television),
    ("webos", "webOS", Unknown),
    ("tizen", "Tizen", Unknown),
    ("roku", "Roku OS", Television),
    ("vidaa", "VIDAA", Television),
    ("fuchsia", "Fuchsia", Unknown),
    ("sailfish", "Sailfish OS", Unknown),
    ("cros ", "ChromeOS", Computer),
    ("bb10", "BlackBerry", Phone),
    ("blackberry", "BlackBerry", Phone),
    ("playbook", "BlackBerry", Tablet),
    ("symbian", "Symbian", Phone),
    ("series60", "Symbian", Phone),
    ("haiku", "Haiku", Computer),
    ("freebsd", "FreeBSD", Computer),
    ("openbsd", "OpenBSD", Computer),
    ("netbsd", "NetBSD", Computer),
    ("dragonfly", "DragonFly BSD", Computer),
    ("sunos", "Solaris", Computer),
    ("steam deck", "SteamOS", Computer),
    ("linux", "Linux", Computer),
    ("x11; ubuntu", "Linux", Computer),
    ("midp", "", Phone),
];

/// The system of watches with Android below it.
pub(super) const WEAR_OS: &str = "Wear OS";

/// Recognises the system and the kind of device. `browser` runs on phones and tablets only if its origin says so.
pub(super) fn find(ua: &UserAgent<'_>, origin: Origin, browser_major: Option<u32>) -> System {
    let mut system = recognise(ua, origin, browser_major);
    let told = hardware::of_text(ua);
    if let Some(kind) = told {
        system.kind = kind;
        match system.family {
            // Sets run many systems on top of Linux.
            Family::Linux if kind == Television => system.family = Family::Other,
            // Some pretend to be a computer, to be sent its pages.
            Family::Windows | Family::Mac if kind == Television => {
                system = System { name: None, kind, family: Family::Other };
            }
            // These e-readers run on Linux, and use the browser of Android.
            Family::Android if kind == EReader && ua.contains_any(&["kobo", "like android"]) => {
                system = System { name: None, kind, family: Family::Other };
            }
            _ => {}
        }
    }
    // Watches of other makers may run Android itself.
    let is_galaxy = || hardware::model(ua).is_some_and(|model| model.starts_with("sm-"));
    if system.kind == Watch && system.family == Family::Android && (told.is_some() || is_galaxy()) {
        system.name = Some(WEAR_OS.to_owned());
    }
    system
}

fn recognise(ua: &UserAgent<'_>, origin: Origin, browser_major: Option<u32>) -> System {
    let other = |name: String, kind| System { name: Some(name), kind, family: Family::Other };
    if let Some(version) = ["tvos ", "tvos/"].iter().find_map(|name| version_after(ua, name)) {
        return other(format!("tvOS {version}"), Television);
    }
    if let Some(version) = ["watchos ", "watchos/", "watch os,"].iter().find_map(|name| version_after(ua, name)) {
        return other(format!("watchOS {version}"), Watch);
    }
    if let Some((_, name, kind)) = early_systems().find(|(mark, ..)| ua.contains_start(mark)) {
        let kind = if *kind == Unknown { kind_of_other(ua) } else { *kind };
        return System { name: (!name.is_empty()).then(|| (*name).to_owned()), kind, family: Family::Other };
    }
    if is_ubuntu_touch(ua) {
        return other("Linux".to_owned(), hardware::of_android(ua));
    }
    if ua.has("ipad") || ua.has("iphone") || ua.has("ipod") || ua.contains("ipod_touch") {
        return apple_mobile(ua, browser_major);
    }
    if ua.contains("macintosh") || ua.contains("mac os") && !ua.contains("like mac os") || ua.contains("(macos;") {
        return mac(ua, origin);
    }
    if let Some(name) = ios_of_app(ua) {
        return other(name, Unknown);
    }
    if ua.contains("android") || ua.has("adr") {
        let is_java = ua.contains("midp") || ua.contains("ucweb");
        let kind = if is_java { Phone } else { hardware::of_android(ua) };
        // Screens with a speaker name Android without a version, and run another system.
        let name = android(ua);
        let name = Some(name).filter(|name| name != "Android" || !ua.has("crkey"));
        return System { name, kind, family: Family::Android };
    }
    if ua.contains("windows") || ua.contains("win64") || ua.contains("win98") || ua.contains("win32") {
        return System { name: Some(windows(ua)), kind: Computer, family: Family::Windows };
    }
    late_system(ua, origin)
}

/// Ubuntu on phones, which says to be "like Android 9".
pub(super) fn is_ubuntu_touch(ua: &UserAgent<'_>) -> bool {
    ua.contains("ubuntu") && ua.contains("like android")
}

/// The system that an app for iOS names.
fn ios_of_app(ua: &UserAgent<'_>) -> Option<String> {
    // In "Outlook-iOS/711.4", it is the version of the app, and so is one that iOS never had.
    let names_app = ua.contains("-ios/");
    let version = version_after(ua, "ios ").or_else(|| version_after(ua, "ios/").filter(|_| !names_app));
    let major = version.as_deref().and_then(|version| version.split('.').next()?.parse::<u16>().ok());
    let version = version.filter(|_| major.is_some_and(|major| (4..100).contains(&major)));
    version.map(|version| format!("iOS {version}")).or_else(|| names_app.then(|| "iOS".to_owned()))
}

/// The systems whose strings also name Android, Windows or iOS.
fn early_systems() -> impl Iterator<Item = &'static (&'static str, &'static str, DeviceKind)> {
    SYSTEMS.iter().take_while(|(mark, ..)| *mark != "sailfish")
}

fn late_system(ua: &UserAgent<'_>, origin: Origin) -> System {
    // "ArchLinux" is one, too.
    let is_marked = |mark: &str| if mark == "linux" { ua.contains(mark) } else { ua.contains_start(mark) };
    let Some((mark, name, kind)) = SYSTEMS.iter().find(|(mark, ..)| is_marked(mark)) else {
        return System { name: None, kind: Unknown, family: Family::Other };
    };
    let is_phone = ua.words.iter().any(|word| word.name.eq_ignore_ascii_case("mobile"));
    match *mark {
        // The desktop mode of a browser for Android.
        "linux" if origin == Origin::Android || origin == Origin::NotLinux && ua.has("x11") => {
            System { name: Some("Android".to_owned()), kind: Unknown, family: Family::Other }
        }
        "linux" if origin == Origin::Hidden => System { name: None, kind: Unknown, family: Family::Other },
        "linux" => {
            // Sets and boxes name neither a desktop nor a processor of computers.
            let is_computer = ua.contains_any(&["x11", "wayland", "x86_64", "i686", "ubuntu"]) && !is_phone;
            let kind = if is_computer { *kind } else { Unknown };
            System { name: Some("Linux".to_owned()), kind, family: Family::Linux }
        }
        "cros " => System { name: Some((*name).to_owned()), kind: *kind, family: Family::Chrome },
        _ => System { name: (!name.is_empty()).then(|| (*name).to_owned()), kind: *kind, family: Family::Other },
    }
}

/// The kind of a device with `HarmonyOS`, Tizen or webOS, whose strings begin with it.
fn kind_of_other(ua: &UserAgent<'_>) -> DeviceKind {
    let first = ua.words.iter().find(|word| word.in_comment()).map_or("", |word| word.text);
    let is_mobile = ua.words.iter().any(|word| word.name.eq_ignore_ascii_case("mobile"));
    match first {
        "PC" => Computer,
        "Tablet" => Tablet,
        "Phone" => Phone,
        "TV" => Television,
        _ if ua.contains("sm-r") => Watch,
        _ if ua.contains("android") => hardware::of_android(ua),
        _ if is_mobile && hardware::of_text(ua).is_none() => Phone,
        _ => Unknown,
    }
}

/// The version after a text in lower case: `18_5_1` becomes 18.5.
fn version_after(ua: &UserAgent<'_>, name: &str) -> Option<String> {
    let rest = ua.after(name)?;
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_').unwrap_or(rest.len());
    let version = rest[..end].replace('_', ".");
    let mut parts = version.split('.').take_while(|part| (1..=4).contains(&part.len()));
    let first = parts.next()?;
    Some(parts.next().map_or_else(|| first.to_owned(), |second| format!("{first}.{second}")))
}

fn windows(ua: &UserAgent<'_>) -> String {
    let version = ua.after("windows nt ").unwrap_or_default();
    let known = WINDOWS_NT.iter().find(|(number, _)| version.starts_with(number));
    known.map_or("Windows", |(_, name)| name).to_owned()
}

/// Frozen at 10.15 in every browser. Browsers that exist on iPhones and iPads only, and their web views, name a Mac in
/// desktop mode, which is the usual one on iPads.
fn mac(ua: &UserAgent<'_>, origin: Origin) -> System {
    if origin == Origin::Android {
        return System { name: Some("Android".to_owned()), kind: Unknown, family: Family::Other };
    }
    // Web views name a build, such as "Mobile/15E148"; apps for Macs may say "Mobile" as well.
    let is_build = |word: &Word<'_>| word.version.is_some_and(|build| build.starts_with(|c: char| c.is_ascii_digit()));
    if origin == Origin::Apple || ua.find("mobile").is_some_and(is_build) {
        let (name, kind) = if ua.contains("fbdv/ipad") { ("iPadOS", Tablet) } else { ("iOS/iPadOS", Unknown) };
        return System { name: Some(name.to_owned()), kind, family: Family::Other };
    }
    System { name: Some("macOS".to_owned()), kind: Computer, family: Family::Mac }
}

/// Chrome sends "Android 10; K" on every version, and some browsers leave the model out. Firefox sends 10 on older
/// versions.
fn android(ua: &UserAgent<'_>) -> String {
    let frozen = ua.contains_any(&[
        "android 10; k)",
        "android 10; k;",
        "android 10)",
        "android 10; mobile; rv:",
        "android 10; tablet; rv:",
    ]);
    // Apps write "Android (36/16; …": the level of the interface, and the version.
    let in_brackets = || ua.after("android (")?.split([';', ')']).next()?.split_once('/')?.1.split('.').next();
    // In "ownCloud-android/2.0", it is the version of the app.
    let marks = if ua.contains("-android/") { &["android ", "adr "][..] } else { &["android ", "android/", "adr "] };
    let version = marks.iter().find_map(|name| version_after(ua, name));
    let version = version.as_deref().and_then(|version| version.split('.').next()).or_else(in_brackets);
    let version = version.filter(|version| !frozen && (1..=2).contains(&version.len()));
    let version = version.filter(|version| version.chars().all(|c| c.is_ascii_digit()));
    versioned("Android", version)
}

/// Since version 26, Safari and the web view keep sending 18.6 or 18.7, and Firefox sends 18.7 on every version.
fn apple_mobile(ua: &UserAgent<'_>, browser_major: Option<u32>) -> System {
    let system = |name: String, kind| System { name: Some(name), kind, family: Family::Other };
    // Facebook's app for the iPhone also runs on iPads.
    let is_tablet = ua.has("ipad") || ua.contains("fbdv/ipad");
    let marks = ["iphone os ", "cpu os ", "ipad os ", "ios ", "ios/", "ipados "];
    let version = marks.iter().find_map(|mark| version_after(ua, mark));
    let (first, second) = version.as_deref().map_or((None, None), |version| {
        let mut parts = version.split('.').map_while(|part| part.parse::<u16>().ok());
        (parts.next(), parts.next())
    });
    let name = if is_tablet && first.is_none_or(|first| first >= 13) { "iPadOS" } else { "iOS" };
    let kind = if is_tablet {
        Tablet
    } else if ua.has("iphone") {
        Phone
    } else {
        Unknown
    };
    let safari = ua.major_of("version").and_then(|version| version.parse::<u32>().ok());
    let is_frozen = ua.contains_any(&["os 18_6 ", "os 18_7 "]) && !(safari == Some(18) && browser_major == Some(18));
    match (first, second) {
        (Some(_), Some(_)) if is_frozen && safari == browser_major && safari >= Some(26) => {
            system(versioned(name, ua.major_of("version")), kind)
        }
        (Some(_), Some(_)) if is_frozen => system(name.to_owned(), kind),
        (Some(first), Some(second)) => system(format!("{name} {first}.{second}"), kind),
        _ => system(name.to_owned(), kind),
    }
}
