//! Names of devices by a table of real strings.

use super::{apps, bot_names, browser_names, *};

/// Fails unless the keys are sorted, which `binary_search` relies on.
fn assert_sorted<'a>(keys: impl Iterator<Item = &'a str> + Clone) {
    for (first, second) in keys.clone().zip(keys.skip(1)) {
        assert!(first < second, "{first} stands before {second}");
        assert_eq!(first.to_ascii_lowercase(), first);
    }
}

#[test]
fn tables_are_sorted_and_in_lower_case() {
    assert_sorted(apps::TABLE.iter().map(|(key, _)| *key));
    assert_sorted(browser_names::BROWSERS.iter().map(|(key, _)| *key));
    assert_sorted(browser_names::OTHER_PRODUCTS.iter().copied());
    assert_sorted(bot_names::BOTS.iter().copied());
    assert_sorted(bot_names::NOT_BOTS.iter().copied());
}

#[test]
fn user_agents_of_the_table_are_recognised() {
    for row in include_str!("../../../tests/data/user-agents.tsv").lines().filter(|row| !row.starts_with('#')) {
        let columns: Vec<&str> = row.split('\t').collect();
        let [expected @ .., hints, ua] = &columns[..] else { panic!("{row}") };
        let hints = (*hints != "-").then(|| ClientHints::parse(hints).expect("hints can be read"));
        let device = Device::recognise(ua, hints.as_ref());
        let [browser, system] =
            [device.browser.clone(), device.platform()].map(|name| name.unwrap_or_else(|| "-".into()));
        let kind = device.kind;
        assert_eq!([&*browser, &*system, kind.as_str()], *expected, "{ua}");
    }
}

#[test]
fn titles_read_well() {
    let title = |ua| Device::from_user_agent(ua).title();
    assert_eq!(title("Firefox/140.0 (X11; Linux x86_64)"), "Firefox 140 on Linux");
    assert_eq!(title("Firefox/140.0"), "Firefox 140");
    assert_eq!(title("Mozilla/5.0 (X11; Linux x86_64)"), "Linux computer");
    assert_eq!(title("Mozilla/5.0 (PlayStation 5/SmartTV)"), "PlayStation 5 game console");
    assert_eq!(title("Mozilla/5.0 (compatible; thing-bot)"), "thing-bot");
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

const WINDOWS: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0.0.0 \
                       Safari/537.36";
const WINDOWS_11: &str =
    r#"platform="Windows", platform-version="19.0.0", mobile=?0, brands=("Chromium";v="148.0.7778.96")"#;

fn title(ua: &str, hints: &str) -> String {
    Device::recognise(ua, ClientHints::parse(hints).as_ref()).title()
}

#[test]
fn hints_that_contradict_the_user_agent_are_ignored() {
    assert_eq!(title(WINDOWS, WINDOWS_11), "Chromium 148 on Windows 11");
    for (part, other) in [
        ("\"Windows\"", "\"Linux\""),
        ("148", "147"),
        ("?0", "?1"),
        ("?0", "?0, form-factors=(\"Mobile\")"),
        ("\"Chromium\"", "\"Google Chrome\""),
        (")", " \"Microsoft Edge\";v=\"148.0.1.1\")"),
    ] {
        assert_eq!(title(WINDOWS, &WINDOWS_11.replace(part, other)), "Chrome 148 on Windows", "{other}");
    }
    let firefox = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0";
    assert_eq!(title(firefox, WINDOWS_11), "Firefox 140 on Windows");
    assert_eq!(title("Googlebot/2.1 (+http://www.google.com/bot.html)", WINDOWS_11), "Googlebot 2");
}

#[test]
fn hints_of_another_android_are_ignored() {
    let pixel = r#"platform="Android", platform-version="16.0.0", model="Pixel 9", mobile=?1, brands=("Chromium";v="126.0.1.2")"#;
    let phone = |comment| {
        format!(
            "Mozilla/5.0 (Linux; {comment}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36"
        )
    };
    assert_eq!(title(&phone("Android 10; K"), pixel), "Chromium 126 on Android 16 (Pixel 9)");
    assert_eq!(title(&phone("Android 16; Pixel 9"), pixel), "Chromium 126 on Android 16 (Pixel 9)");
    assert_eq!(title(&phone("Android 16; SM-S928B"), pixel), "Chrome 126 on Android 16");
    assert_eq!(title(&phone("Android 14; Pixel 9"), pixel), "Chrome 126 on Android 14");
}

/// Hints tell the Android below Wear OS, whose version is not the watch's.
#[test]
fn watch_with_wear_os_is_not_called_android() {
    let chrome = |comment: &str| {
        format!(
            "Mozilla/5.0 (Linux; {comment}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36"
        )
    };
    let hints = |model: &str, factors: &str| {
        format!(
            r#"platform="Android", platform-version="14.0.0", model="{model}", mobile=?1, {factors}brands=("Chromium";v="126.0.1.2" "Google Chrome";v="126.0.1.2")"#
        )
    };
    let watch = r#"form-factors=("Watch"), "#;
    for (comment, model, factors, system, version) in [
        ("Android 14; SM-R930", "SM-R930", "", "Wear OS", None),
        ("Android 14; SM-L310", "SM-L310", watch, "Wear OS", None),
        ("Android 10; K", "SM-R930", watch, "Wear OS", None),
        ("Android 10; K", "Pixel Watch 3", "", "Wear OS", None),
        ("Android 10; K", "TicWatch Pro 5", watch, "Android 14", Some("14.0.0")),
    ] {
        let device = Device::recognise(&chrome(comment), ClientHints::parse(&hints(model, factors)).as_ref());
        assert_eq!((device.kind, device.system.as_deref()), (DeviceKind::Watch, Some(system)), "{comment} {model}");
        assert_eq!((device.system_version.as_deref(), device.model.as_deref()), (version, Some(model)));
    }
    let phone = Device::recognise(&chrome("Android 10; K"), ClientHints::parse(&hints("SM-S928B", "")).as_ref());
    assert_eq!((phone.kind, phone.system.as_deref()), (DeviceKind::Phone, Some("Android 14")));
}

#[test]
fn versions_of_windows_are_those_of_its_interface() {
    let system = |version: &str| {
        let hints = WINDOWS_11.replace("19.0.0", version);
        Device::recognise(WINDOWS, ClientHints::parse(&hints).as_ref()).system.unwrap()
    };
    let versions = ["0.3.0", "1.0.0", "10.0.0", "11.0.0", "12.0.0", "13.0.0", "19.0.0", "x", "70000"];
    let names =
        ["Windows", "Windows 10", "Windows 10", "Windows", "Windows", "Windows 11", "Windows 11", "Windows", "Windows"];
    assert_eq!(versions.map(system), names);
}

#[test]
fn headers_are_stored_without_noise_and_within_bounds() {
    let headers = |name: &str| match name {
        "sec-ch-ua-platform" => Some("\"Windows\""),
        "sec-ch-ua-platform-version" => Some("\"19.0.0\""),
        "sec-ch-ua-mobile" => Some("?0"),
        "sec-ch-ua-model" => Some("\"\""),
        "sec-ch-ua-form-factors" => Some("\"Desktop\""),
        "sec-ch-ua" => Some(r#""Not;A=Brand";v="8", "Chromium";v="148", "Brave";v="148""#),
        "sec-ch-ua-full-version-list" => Some("malformed\""),
        _ => None,
    };
    let hints = ClientHints::from_headers(headers).unwrap();
    let text = r#"platform="Windows", platform-version="19.0.0", mobile=?0, form-factors=("Desktop"), brands=("Chromium";v="148" "Brave";v="148")"#;
    assert_eq!(hints.to_text(), text);
    assert_eq!(ClientHints::parse(text), Some(hints));
    assert_eq!(ClientHints::from_headers(|name| headers(name).filter(|_| name != "sec-ch-ua-platform")), None);

    let long = format!("\"{}\"", "\\\"".repeat(64));
    let list = [long.as_str(); 3].map(|brand| format!("{brand};v=\"1\"")).join(", ");
    let hints = ClientHints::from_headers(|name| match name {
        "sec-ch-ua" => Some(list.as_str()),
        "sec-ch-ua-full-version-list" | "sec-ch-ua-mobile" | "sec-ch-ua-form-factors" => None,
        _ => Some(long.as_str()),
    });
    let text = hints.unwrap().to_text();
    assert!(text.len() <= 512 && text.starts_with("platform=") && text.contains("model="), "{text}");
    assert!(ClientHints::parse(&text).is_some());
}
