//! Kinds of hardware, by what the string says of it.

use super::{
    kind::DeviceKind::{self, Car, Computer, Console, EReader, Headset, Phone, Tablet, Television, Unknown, Watch},
    user_agent::UserAgent,
};

/// Texts at the beginning of words that name a kind, in lower case and in the order in which they are tried: a car may
/// have the browser of a television, and a console may call itself a television.
const TEXTS: &[(&str, DeviceKind)] = &[
    ("steam deck", Computer),
    ("playstation", Console),
    ("nintendo", Console),
    (" xbox", Console),
    ("(xbox", Console),
    ("sony_tv;ps", Console),
    ("retroid pocket", Console),
    ("gamepad", Console),
    ("ouya", Console),
    ("sega", Console),
    ("tesla/", Car),
    ("qtcarbrowser", Car),
    ("byd auto", Car),
    ("automotive", Car),
    ("polestar", Car),
    ("rivian", Car),
    ("carpad", Car),
    ("aftlft962", Car),
    ("aftlbt962", Car),
    ("8227l_demo", Car),
    ("quad-core t3", Car),
    ("oculusbrowser", Headset),
    ("picobrowser", Headset),
    ("wolvic", Headset),
    ("vr safari", Headset),
    ("; quest)", Headset),
    ("; quest 2", Headset),
    ("; quest 3", Headset),
    ("; quest pro", Headset),
    ("vive focus", Headset),
    ("watchos", Watch),
    ("watch os", Watch),
    ("wear os", Watch),
    ("smartwatch", Watch),
    ("chromebook", Computer),
    ("pixelbook", Computer),
    ("kindle fire", Tablet),
    ("tolino tab", Tablet),
    ("surfpad", Tablet),
    ("pocketbook a", Tablet),
    ("kindle", EReader),
    ("kobo ", EReader),
    ("pocketbook", EReader),
    ("tolino", EReader),
    ("nook browser", EReader),
    ("fuchsia", Unknown),
    ("family hub", Unknown),
    ("subsystem for android", Computer),
    ("hbbtv", Television),
    ("ce-html", Television),
    ("smart-tv", Television),
    ("smarttv", Television),
    ("smart tv", Television),
    ("smart_tv", Television),
    ("appletv", Television),
    ("apple tv", Television),
    ("tvos", Television),
    ("bravia", Television),
    ("web0s", Television),
    ("webos.tv", Television),
    ("webos tv", Television),
    ("netcast", Television),
    ("nettv", Television),
    ("android tv", Television),
    ("androidtv", Television),
    ("googletv", Television),
    ("google tv", Television),
    ("mitv", Television),
    ("mibox", Television),
    ("viera", Television),
    ("aquosbrowser", Television),
    ("aquos-as", Television),
    ("roku", Television),
    ("chromecast", Television),
    // Screens with a speaker say "CrKey" as well.
    ("crkey", Unknown),
    ("vidaa", Television),
    ("vizio", Television),
    ("smartcast", Television),
    ("opera tv", Television),
    ("sraf/", Television),
    (" omi/", Television),
    ("tivoos", Television),
    ("tivo-", Television),
    ("tv box", Television),
    ("tvbox", Television),
    ("set-top", Television),
    ("settop", Television),
    ("_stb", Television),
    (" stb", Television),
    ("large screen", Television),
    ("inettvbrowser", Television),
    ("sky_ott", Television),
    (" wpe ", Television),
    ("espial", Television),
    ("kreatv", Television),
    ("freebox", Television),
    ("dunehd", Television),
    ("whaletv", Television),
    ("antgalio", Television),
    ("amazonwebappplatform", Television),
    ("shield android tv", Television),
];

/// Models of Android devices, by the text at their beginning in lower case.
const MODELS: &[(&str, DeviceKind)] = &[
    ("aeo", Unknown),
    ("aft", Television),
    ("ags", Tablet),
    ("bah", Tablet),
    ("btv-", Tablet),
    ("dby-", Tablet),
    ("dl-", Unknown),
    ("droipad", Tablet),
    ("ek-g", Unknown),
    ("gt-n80", Tablet),
    ("gt-n51", Tablet),
    ("gt-p", Tablet),
    ("huawei ags", Tablet),
    ("jdn2", Tablet),
    ("kob-", Tablet),
    ("kob2", Tablet),
    ("iplay", Tablet),
    ("lenovo tb", Tablet),
    ("mrx-", Tablet),
    ("nexus 10", Tablet),
    ("nexus 7", Tablet),
    ("nexus 9", Tablet),
    ("nexus player", Television),
    ("nw-a", Unknown),
    ("nw-z", Unknown),
    ("mpc-", Car),
    ("opd2", Tablet),
    ("pad", Tablet),
    ("palma", EReader),
    ("pixel c", Tablet),
    ("pixel tablet", Tablet),
    ("rmp2", Tablet),
    ("rg3", Console),
    ("rg4", Console),
    ("rg5", Console),
    ("sch-i800", Tablet),
    ("scm-", Tablet),
    ("shield", Unknown),
    ("sgp", Tablet),
    ("sht-", Tablet),
    ("sm-i6", Headset),
    ("sm-l3", Watch),
    ("sm-l5", Watch),
    ("sm-l7", Watch),
    ("sm-p", Tablet),
    ("sm-r", Watch),
    ("sm-t", Tablet),
    ("sm-x", Tablet),
    ("tb-", Tablet),
    ("tb3", Tablet),
    ("tecno p7", Tablet),
    ("transformer", Tablet),
    ("xoom", Tablet),
    ("lenovo yt", Tablet),
    ("yt-", Tablet),
    ("825x_pro", Car),
    ("yt5", Car),
    ("yt7", Car),
    ("yt9", Car),
];

/// Phones whose model has "pad" or "tab" in it.
const PHONES: &[&str] = &[
    "padfone", "fonepad", "techpad", "tech pad", "klipad", "phonepad", "coolpad", "taban", "padm00", "padt00", "padua",
];

/// The kind that a text of the string names.
pub(super) fn of_text(ua: &UserAgent<'_>) -> Option<DeviceKind> {
    let named = TEXTS.iter().find(|(text, _)| ua.contains_start(text)).map(|(_, kind)| *kind);
    // Some phones receive television, and say so.
    let is_phone = || ua.has("android") && ua.has("mobile");
    let has_television = || ua.words.iter().any(|word| is_television(word.text));
    named.or_else(|| has_television().then(|| if is_phone() { Unknown } else { Television }))
}

/// `TV`, `MiTV-AXSO0`, `SHARP_TV_2019`, but no other words.
fn is_television(word: &str) -> bool {
    !word.starts_with("BTV-")
        && word.split(['-', '_', '/', '.']).any(|part| part == "TV" || part.len() > 2 && part.ends_with("TV"))
}

/// The kind of an Android device, by its model.
pub(super) fn of_android(ua: &UserAgent<'_>) -> DeviceKind {
    if let Some(kind) = model(ua).as_deref().and_then(of_model) {
        return kind;
    }
    // Browsers say "Mobile" on phones. Those of tablets don't, but neither do those of boxes for televisions, of
    // screens in cars and of headsets.
    let is_mobile = ua.words.iter().any(|word| word.name.eq_ignore_ascii_case("mobile"));
    if is_mobile {
        Phone
    } else if ua.words.iter().any(|word| word.text == "Tablet") {
        Tablet
    } else {
        Unknown
    }
}

/// The kind of a model that client hints tell, in lower case.
pub(super) fn of_told_model(model: &str) -> Option<DeviceKind> {
    let named = TEXTS.iter().find(|(text, _)| model.contains(text)).map(|(_, kind)| *kind);
    let is_headset = model == "quest" || model.starts_with("quest ");
    named.or_else(|| is_headset.then_some(Headset)).or_else(|| of_model(model))
}

fn of_model(model: &str) -> Option<DeviceKind> {
    let known = MODELS.iter().find(|(start, _)| model.starts_with(start)).map(|(_, kind)| *kind);
    let is_fire = model.strip_prefix("kf").is_some_and(|name| name.len() > 2 && name.chars().all(char::is_alphabetic));
    let is_set = model.split_once("led").is_some_and(|(_, size)| size.starts_with(|c: char| c.is_ascii_digit()));
    let is_phone = PHONES.iter().any(|phone| model.contains(phone));
    let is_tablet = || {
        let mut parts = model.split([' ', '-', '_']);
        let is_pad = |part: &str| {
            part.ends_with("pad")
                || part.strip_prefix("pad").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        };
        parts.any(|part| part.starts_with("tab") || is_pad(part))
    };
    match known {
        _ if is_phone => Some(Phone),
        _ if is_set => Some(Television),
        _ if model.contains("watch") => Some(Watch),
        None if is_fire || is_wifi_only(model) || is_tablet() => Some(Tablet),
        known => known,
    }
}

/// Whether it is a tablet of Huawei or Honor without a modem, such as `KOB2-W09`. Some of them say that they are
/// phones.
fn is_wifi_only(model: &str) -> bool {
    let Some((name, version)) = model.split_once("-w") else { return false };
    (3..=5).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric())
        && version.len() == 2
        && version.chars().all(|c| c.is_ascii_digit())
}

/// The model, in lower case: the part of the comment that follows Android's version, without languages.
pub(super) fn model(ua: &UserAgent<'_>) -> Option<String> {
    let start = ua.lower.find("android")?;
    let comment = ua.lower[start..].split(')').next()?;
    let is_language = |part: &&str| {
        let bytes = part.as_bytes();
        !(part.len() == 2 || part.len() == 5 && matches!(bytes[2], b'-' | b'_'))
    };
    let parts = comment.split(';').skip(1).map(str::trim).filter(is_language);
    let mut models = parts.filter(|part| {
        !matches!(*part, "" | "wv" | "u" | "mobile" | "tablet" | "harmonyos") && !part.starts_with("rv:")
    });
    let model = models.next()?.split(" build/").next()?;
    Some(model.trim_start_matches("samsung ").trim_start_matches("samsung-").to_owned())
}
