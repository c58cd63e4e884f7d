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
        let [expected @ .., _hints, ua] = &columns[..] else { panic!("{row}") };
        let Device { browser, system, kind } = Device::from_user_agent(ua);
        let [browser, system] = [browser, system].map(|name| name.unwrap_or_else(|| "-".into()));
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
