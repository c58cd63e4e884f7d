//! What client hints add to the name of a device. Hints that contradict the user agent are not believed: one of the two
//! was made up.

use super::{
    browsers::{Browser, IN_APP_BROWSER},
    hardware,
    hints::ClientHints,
    kind::DeviceKind::{self, Car, Computer, EReader, Headset, Phone, Tablet, Watch},
    name::Device,
    systems::{Family, System, WEAR_OS},
    user_agent::{UserAgent, major, safe_name, versioned},
};

/// Browsers that name themselves in the user agent and in their brand: if only one of the two is there, it is made up.
const IN_BOTH: &[(&[&str], &str)] = &[
    (&["edg", "edga", "edge"], "Microsoft Edge"),
    (&["opr", "opx", "oprgx"], "Opera"),
    (&["samsungbrowser"], "Samsung Internet"),
];

/// Brands whose browsers have other names.
const BRANDS: &[(&str, &str)] = &[
    ("Brave Browser", "Brave"),
    ("Google Chrome", "Chrome"),
    ("HuaweiBrowser", "Huawei Browser"),
    ("Miui Browser", "Mi Browser"),
    ("Oculus Browser", "Meta Quest Browser"),
];

/// Kinds by form factor, in the order in which one counts if there are several.
const FORM_FACTORS: &[(&str, DeviceKind)] = &[
    ("XR", Headset),
    ("Automotive", Car),
    ("Watch", Watch),
    ("EInk", EReader),
    ("Tablet", Tablet),
    ("Mobile", Phone),
    ("Desktop", Computer),
];

/// Whether hints agree with the user agent: on the platform and its version, the engine and its version, the brand, and
/// whether it is a phone.
pub(super) fn agree(ua: &UserAgent<'_>, system: &System, hints: &ClientHints) -> bool {
    let platform = match system.family {
        Family::Windows => hints.platform == "Windows",
        Family::Mac => hints.platform == "macOS",
        Family::Android => hints.platform == "Android",
        Family::Linux => hints.platform == "Linux",
        Family::Chrome => matches!(hints.platform.as_str(), "Chrome OS" | "Chromium OS"),
        Family::Other => false,
    };
    let engine = hints.brand("Chromium").and_then(|brand| major(&brand.version));
    let has_engine = engine.is_some() && engine == ua.major_of("chrome").or_else(|| ua.major_of("headlesschrome"));
    let is_mobile = ua.words.iter().any(|word| word.name.eq_ignore_ascii_case("mobile"));
    let brands_agree = IN_BOTH.iter().all(|(tokens, brand)| {
        tokens.iter().any(|token| ua.has(token)) == hints.brands.iter().any(|told| told.name.starts_with(brand))
    });
    let factors_agree = hints.form_factors.iter().all(|factor| match factor.as_str() {
        "Desktop" => !is_mobile,
        "Mobile" => is_mobile,
        _ => true,
    });
    platform
        && has_engine
        && brands_agree
        && factors_agree
        && hints.is_mobile.is_none_or(|told| told == is_mobile)
        && (system.family != Family::Android || agree_on_android(ua, system, hints))
}

/// Chrome leaves the version and the model out of the user agent, others don't.
fn agree_on_android(ua: &UserAgent<'_>, system: &System, hints: &ClientHints) -> bool {
    let name = system.name.as_deref().unwrap_or_default();
    let told = hints.platform_version.as_deref().and_then(major);
    let version = name.strip_prefix("Android ").is_none_or(|version| told.is_none_or(|told| told == version));
    let is_model = |model: &String| model != "k";
    let model = hardware::model(ua).filter(is_model).zip(hints.model.as_deref());
    version && model.is_none_or(|(model, told)| model == told.to_ascii_lowercase())
}

/// Adds what hints tell that agree with the user agent.
pub(super) fn add(device: &mut Device, browser: Option<&Browser>, system: &System, hints: &ClientHints) {
    device.model = hints.model.as_deref().and_then(safe_name).map(str::to_owned);
    if system.family == Family::Android {
        device.kind = kind(device.kind, hints);
    }
    // Hints name the Android below it, whose version is not the watch's.
    let is_wear_os = system.family == Family::Android
        && (device.system.as_deref() == Some(WEAR_OS) || is_told_wear_os(device.kind, hints));
    if is_wear_os {
        device.system = Some(WEAR_OS.to_owned());
    } else {
        if let Some(name) = system_name(system.family, hints) {
            device.system = Some(name);
        }
        let shows_version = shows_version(system.family);
        device.system_version = hints.platform_version.as_deref().and_then(dotted).filter(|_| shows_version);
    }
    let own = hints.brands.iter().filter(|brand| brand.name != "Chromium");
    let brand = own.clone().find(|brand| brand.name != "Google Chrome").or_else(|| own.clone().next());
    let brand = brand.or_else(|| hints.brand("Chromium"));
    let Some(brand) = brand else { return };
    if browser.is_some_and(|browser| browser.is_plain_chrome) {
        device.browser = browser_name(&brand.name, &brand.version).or(device.browser.take());
    }
    // Browsers with several brands have several versions.
    let is_shown = |name: &String| major(&brand.version).is_some_and(|major| name.ends_with(&format!(" {major}")));
    device.browser_version = dotted(&brand.version).filter(|_| device.browser.as_ref().is_some_and(is_shown));
}

/// Whether hints tell a watch that runs Wear OS: Samsung's, whose models begin with "SM-R", and Google's. Watches of other
/// makers may run Android itself.
fn is_told_wear_os(kind: DeviceKind, hints: &ClientHints) -> bool {
    let model = hints.model.as_deref().unwrap_or_default();
    kind == Watch && ["SM-R", "SM-L", "Pixel Watch"].iter().any(|start| model.starts_with(start))
}

fn browser_name(brand: &str, version: &str) -> Option<String> {
    if brand.contains("WebView") {
        return Some(IN_APP_BROWSER.to_owned());
    }
    let name = BRANDS.iter().find(|(told, _)| *told == brand).map_or(brand, |(_, name)| name);
    Some(versioned(safe_name(name)?, major(version)))
}

/// The system with its version, where hints tell it.
fn system_name(family: Family, hints: &ClientHints) -> Option<String> {
    let version = hints.platform_version.as_deref()?;
    let mut parts = version.split('.').map(|part| part.parse::<u16>().ok());
    let (first, second) = (parts.next()??, parts.next().flatten());
    match (family, first) {
        // The version of the interface: 1 to 10 on Windows 10, 0 before it.
        (Family::Windows, 13..) => Some("Windows 11".to_owned()),
        (Family::Windows, 1..=10) => Some("Windows 10".to_owned()),
        (Family::Mac, 11..) => Some(format!("macOS {first}")),
        (Family::Mac, 10) => Some(format!("macOS 10.{}", second?)),
        (Family::Android, 1..) => Some(format!("Android {first}")),
        _ => None,
    }
}

/// Windows tells the version of an interface, which no one knows, and Linux that of its kernel or none.
fn shows_version(family: Family) -> bool {
    matches!(family, Family::Mac | Family::Android | Family::Chrome)
}

/// A version as it was told, if it consists of numbers.
fn dotted(version: &str) -> Option<String> {
    let is_number = |part: &str| (1..=6).contains(&part.len()) && part.chars().all(|c| c.is_ascii_digit());
    (version.len() <= 32 && version.split('.').all(is_number)).then(|| version.to_owned())
}

/// The kind of an Android device: as its form factors say, else as its model does.
fn kind(from_string: DeviceKind, hints: &ClientHints) -> DeviceKind {
    let has = |factor: &str| hints.form_factors.iter().any(|told| told == factor);
    if let Some((_, kind)) = FORM_FACTORS.iter().find(|(factor, _)| has(factor)) {
        return *kind;
    }
    let model = hints.model.as_deref().map(str::to_ascii_lowercase);
    model.as_deref().and_then(hardware::of_told_model).unwrap_or(from_string)
}
