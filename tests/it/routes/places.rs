//! Where addresses are: what the pages show of the operator's files.

use std::{fs, path::Path};

use keyrack::geoip::GeoIp;
use serde_json::{Value, json};

use crate::support::{
    Browser, EngineKind, Mmdb, PASSWORD, TestApp,
    log::{capture, captured},
    on_both_engines, wait_until,
};

on_both_engines!(
    pages_show_place_and_network_of_addresses,
    records_with_plain_texts_are_read,
    addresses_without_a_place_show_none,
    names_of_a_file_can_not_change_the_page,
    without_files_pages_show_addresses_only,
    replaced_file_is_used_without_a_restart,
    damaged_file_leaves_the_places_of_before,
);

const EMAIL: &str = "rajat.verma@example.com";
const LIST: &str = "/account/sessions";

/// A city in the form of `MaxMind` and DB-IP.
fn berlin() -> Value {
    json!({
        "city": { "geoname_id": 2_950_159, "names": { "en": "Berlin", "ja": "ベルリン" } },
        "country": { "iso_code": "DE", "names": { "en": "Germany", "fr": "Allemagne" } },
        "subdivisions": [{ "iso_code": "BE", "names": { "en": "Land Berlin" } }],
    })
}

fn cities() -> Mmdb {
    let owner = json!({ "autonomous_system_number": 64_496, "autonomous_system_organization": "Example Net" });
    Mmdb::new("DBIP-City-Lite")
        .network("192.0.2.0/24", &berlin())
        .network(
            "2001:db8::/32",
            &json!({ "country": { "iso_code": "SG" }, "city": { "names": { "en": "Singapore" } } }),
        )
        .network("198.51.100.0/24", &owner)
}

/// A server behind a proxy, with these files.
fn app(engine: EngineKind, files: &[(&str, &Mmdb)]) -> (TestApp, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let paths = files.iter().map(|(name, file)| {
        fs::write(folder.path().join(name), file.to_bytes()).unwrap();
        folder.path().join(name)
    });
    let app = TestApp::with(engine, |config| {
        config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        config.geoip = GeoIp::open(paths).unwrap();
    });
    app.add_user(EMAIL);
    (app, folder)
}

fn signed_in_from(app: &TestApp, address: &str) -> Browser {
    let mut browser = app.browser().with_header("x-forwarded-for", address);
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 303);
    browser
}

/// The place of this device in the list, in this language.
fn place(browser: &mut Browser, language: &str) -> String {
    browser.headers.retain(|(name, _)| name != "accept-language");
    browser.headers.push(("accept-language".to_owned(), language.to_owned()));
    let row = browser.get(LIST).between("id=\"this-device\"", "</p>\n          <details");
    let place = row.split("<bdi>").nth(1).and_then(|rest| rest.split_once("</bdi>"));
    place.map(|(place, _)| place.to_owned()).unwrap_or_default()
}

fn pages_show_place_and_network_of_addresses(engine: EngineKind) {
    let owner = json!({ "autonomous_system_number": 64_497, "autonomous_system_organization": "Beispiel & Co" });
    let networks = Mmdb::new("GeoLite2-ASN").network("192.0.2.0/24", &owner);
    let (app, _folder) = app(engine, &[("city.mmdb", &cities()), ("asn.mmdb", &networks)]);
    let mut browser = signed_in_from(&app, "192.0.2.7");
    assert_eq!(place(&mut browser, "en"), "Berlin, Germany");
    assert_eq!(place(&mut browser, "de"), "Berlin, Deutschland");
    let id = browser.session_id();
    for path in [LIST, "/account/activity", &format!("{LIST}/{id}")] {
        let page = browser.get(path);
        assert!(page.body.contains("<bdi>Berlin, Deutschland</bdi>"), "{path}");
        assert!(page.body.contains("<a href=\"https://db-ip.com\""), "{path}");
        assert!(page.body.contains("GeoLite Data created by MaxMind"), "{path}");
        assert_eq!(page.body.contains("<bdi>Beispiel &#38; Co</bdi>"), path != "/account/activity", "{path}");
    }
    let listed = &browser.get("/api/sessions").json()["sessions"][0];
    assert_eq!((&listed["place"], &listed["network"]), (&json!("Berlin, Germany"), &json!("Beispiel & Co")));
    browser.sign_out();
    let mut other = signed_in_from(&app, "2001:db8::9");
    assert_eq!(place(&mut other, "de"), "Singapore, Singapur");
    assert_eq!(place(&mut other, "en"), "Singapore", "a city state is named once");
    let history = other.get(&format!("{LIST}?show=ended"));
    assert!(history.body.contains("Berlin, Germany") && history.body.contains("db-ip.com"), "{}", history.body);
}

fn records_with_plain_texts_are_read(engine: EngineKind) {
    let file = Mmdb::new("country ipvAll")
        .network("192.0.2.0/24", &json!({ "country_code": "CH" }))
        .network(
            "198.51.100.0/24",
            &json!({ "city": "Lyon", "country_code": "FR", "country": "France", "asn": "AS64496" }),
        )
        .network("203.0.113.0/24", &json!({ "country": "AT", "autonomous_system_number": 64_499 }));
    let (app, _folder) = app(engine, &[("dbip-country.mmdb", &file)]);
    let mut browser = signed_in_from(&app, "192.0.2.7");
    assert_eq!((place(&mut browser, "en"), place(&mut browser, "de")), ("Switzerland".into(), "Schweiz".into()));
    assert!(browser.get(LIST).body.contains("https://db-ip.com"), "only the file's name tells whose it is");
    let mut browser = signed_in_from(&app, "198.51.100.7");
    assert_eq!(
        (place(&mut browser, "en"), place(&mut browser, "de")),
        ("Lyon, France".into(), "Lyon, Frankreich".into())
    );
    assert!(browser.get(LIST).body.contains("<bdi>AS64496</bdi>"));
    let mut browser = signed_in_from(&app, "203.0.113.7");
    assert_eq!(place(&mut browser, "en"), "Austria");
    assert!(browser.get(LIST).body.contains("<bdi>AS64499</bdi>"));
}

fn addresses_without_a_place_show_none(engine: EngineKind) {
    let everything = Mmdb::new("Everything").network("::/1", &berlin()).network("8000::/1", &berlin());
    let (app, _folder) = app(engine, &[("city.mmdb", &everything)]);
    for (address, expected) in [
        ("192.0.2.1", "Berlin, Germany"),
        ("10.1.2.3", "Private network"),
        ("fd00::1", "Private network"),
        ("100.64.0.1", ""),
        ("169.254.0.1", ""),
        ("fe80::1", ""),
        ("2001:0:1::1", ""),
    ] {
        assert_eq!(place(&mut signed_in_from(&app, address), "en"), expected, "{address}");
    }
    assert!(!signed_in_from(&app, "192.0.2.1").get(LIST).body.contains("rel=\"external"), "the file asks for no line");
}

fn names_of_a_file_can_not_change_the_page(engine: EngineKind) {
    let names = json!({ "en": "<script>alert(1)</script>\u{202e}\n" });
    let record = json!({ "city": { "names": names }, "country": "\u{2066}X\u{0}Y", "as_name": "n".repeat(500) });
    let (app, _folder) = app(engine, &[("city.mmdb", &Mmdb::new("Odd").network("192.0.2.0/24", &record))]);
    let mut browser = signed_in_from(&app, "192.0.2.7");
    assert_eq!(place(&mut browser, "en"), "&#60;script&#62;alert(1)&#60;/script&#62;, X Y");
    assert!(browser.get(LIST).body.contains(&format!("<bdi>{}…</bdi>", "n".repeat(80))));
}

fn without_files_pages_show_addresses_only(engine: EngineKind) {
    let (app, _folder) = app(engine, &[]);
    let mut browser = signed_in_from(&app, "10.1.2.3");
    let page = browser.get(LIST);
    assert!(page.body.contains("10.1.2.3") && !page.body.contains("Private network"), "{}", page.body);
    assert!(page.body.contains("Times are in UTC.") && !page.body.contains("Places are"), "{}", page.body);
    assert_eq!(browser.get("/api/sessions").json()["sessions"][0]["place"], Value::Null);
}

/// Puts a file in another one's place, as programs that update such files do.
fn replace(folder: &Path, bytes: &[u8]) {
    fs::write(folder.join("new"), bytes).unwrap();
    fs::rename(folder.join("new"), folder.join("city.mmdb")).unwrap();
}

fn replaced_file_is_used_without_a_restart(engine: EngineKind) {
    let (app, folder) = app(engine, &[("city.mmdb", &cities())]);
    let mut browser = signed_in_from(&app, "192.0.2.7");
    assert_eq!(place(&mut browser, "en"), "Berlin, Germany");
    let moved = Mmdb::new("Later").network("192.0.2.0/24", &json!({ "city": "Bern", "country_code": "CH" }));
    replace(folder.path(), &moved.to_bytes());
    wait_until(|| place(&mut browser, "en") == "Bern, Switzerland");
    assert!(!browser.get(LIST).body.contains("db-ip.com"), "the line goes with the file");
}

fn damaged_file_leaves_the_places_of_before(engine: EngineKind) {
    capture();
    let (app, folder) = app(engine, &[("city.mmdb", &cities())]);
    let mut browser = signed_in_from(&app, "192.0.2.7");
    let path = folder.path().join("city.mmdb").display().to_string();
    let warnings = || captured().lines().filter(|line| line.contains(&path) && line.contains("WARN")).count();
    replace(folder.path(), &cities().to_bytes()[..500]);
    wait_until(|| {
        assert_eq!(place(&mut browser, "en"), "Berlin, Germany");
        warnings() == 1
    });
    fs::remove_file(&path).unwrap();
    assert_eq!(place(&mut browser, "en"), "Berlin, Germany");
    let moved = Mmdb::new("Later").network("192.0.2.0/24", &json!({ "city": "Bern", "country_code": "CH" }));
    replace(folder.path(), &moved.to_bytes());
    wait_until(|| place(&mut browser, "en") == "Bern, Switzerland");
    assert_eq!(warnings(), 1, "one warning until the file is whole again");
}
