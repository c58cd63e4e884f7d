//! `keyrack config`

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::passwords::with_breached;
use crate::support::{EngineKind, Mmdb, Program, TestDatabase, on_both_engines};

on_both_engines!(config_shows_what_the_database_has_of_other_programs);

/// Of 64 zero bytes.
const SIGNER_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==";

const SVG: &str = r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"></svg>"#;

/// Each setting with a value that is not its default, and how it is shown. A new setting is added here.
const SET: [(&str, &str, &str); 40] = [
    ("KEYRACK_CONFIG", "other.toml", "other.toml"),
    ("DATABASE_URL", "postgres://app:pass-phrase@db.example.com/app", "postgres://db.example.com/app"),
    ("KEYRACK_BIND", "127.0.0.1:8081", "127.0.0.1:8081"),
    ("KEYRACK_PUBLIC_URL", "https://keys.example.com", "https://keys.example.com"),
    ("KEYRACK_SECRETS", r#"["7Qm2xV9rTb4KzW81", "an older one, with a comma"]"#, "2 secrets (hidden)"),
    ("KEYRACK_SECRETS_FILE", "other.secrets", "other.secrets"),
    ("KEYRACK_COOKIE_NAME", "connect.sid", "connect.sid"),
    ("KEYRACK_COOKIE_DOMAIN", "example.com", "example.com"),
    ("KEYRACK_IDLE_TIMEOUT", "90m", "90m"),
    ("KEYRACK_ABSOLUTE_TIMEOUT", "12h", "12h"),
    ("KEYRACK_REMEMBER_IDLE_TIMEOUT", "7d", "7d"),
    ("KEYRACK_REMEMBER_ABSOLUTE_TIMEOUT", "8d", "8d"),
    ("KEYRACK_MAX_SESSIONS", "5", "5"),
    ("KEYRACK_HISTORY_RETENTION", "30d", "30d"),
    ("KEYRACK_EVENTS_RETENTION", "31d", "31d"),
    ("KEYRACK_KEEP_ENDED_DATA", "true", "true"),
    ("KEYRACK_PEERS", "express", "express"),
    ("KEYRACK_SECOND_FACTOR", "admins", "admins"),
    ("KEYRACK_REGISTRATION", "open", "open"),
    ("KEYRACK_NEW_ADDRESS_MAILS", "50", "50"),
    ("KEYRACK_BOUND_SESSIONS", "auto", "auto"),
    ("KEYRACK_TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.1", "10.0.0.0/8, 192.0.2.1"),
    ("KEYRACK_HSTS", "subdomains", "subdomains"),
    ("KEYRACK_APP_ORIGINS", "https://app.example.com", "https://app.example.com"),
    ("KEYRACK_LANGUAGES", "de,en", "de,en"),
    ("KEYRACK_NAME", "Northwind", "Northwind"),
    ("KEYRACK_LOGO", "logo.svg", "logo.svg"),
    ("KEYRACK_ACCENT", "teal", "teal"),
    ("KEYRACK_WORKERS", "3", "3"),
    ("KEYRACK_MAX_CONNECTIONS", "500", "500"),
    ("KEYRACK_DB_POOL_SIZE", "4", "4"),
    ("KEYRACK_METRICS_BIND", "127.0.0.1:9090", "127.0.0.1:9090"),
    ("KEYRACK_HASH_COST", "m=8,t=1,p=1", "m=8,t=1,p=1"),
    ("KEYRACK_BCRYPT_PEPPER", "a pepper", "(hidden)"),
    ("KEYRACK_FIREBASE_SIGNER_KEY", SIGNER_KEY, "(hidden)"),
    ("KEYRACK_SMTP_URL", "smtps://app:pass-phrase@mail.example.com", "(hidden)"),
    ("KEYRACK_MAIL_FROM", "keyrack@example.com", "keyrack@example.com"),
    ("KEYRACK_SIGN_IN_PACE", "off", "off"),
    ("KEYRACK_REAUTH_WINDOW", "5m", "5m"),
    ("KEYRACK_REQUIRE_SYNC", "true", "true"),
];

/// Those that name files which the test has to make.
const FILES: [(&str, &str); 4] = [
    ("KEYRACK_BREACHED_PASSWORDS", "list.breached"),
    ("KEYRACK_GEOIP", "places.mmdb"),
    ("KEYRACK_JOURNAL", "other.ends"),
    ("KEYRACK_LOG", "warn"),
];

/// Those that have neither a value nor a default.
const WITHOUT_VALUE: [&str; 14] = [
    "config",
    "cookie_domain",
    "peers",
    "trusted_proxies",
    "app_origins",
    "logo",
    "accent",
    "metrics_bind",
    "bcrypt_pepper",
    "firebase_signer_key",
    "smtp_url",
    "mail_from",
    "breached_passwords",
    "geoip",
];

fn variables(settings: &Value) -> BTreeSet<String> {
    settings.as_array().unwrap().iter().map(|setting| setting["variable"].as_str().unwrap().to_owned()).collect()
}

fn setting<'a>(settings: &'a Value, name: &str) -> &'a Value {
    let named = |setting: &&Value| setting["name"] == name || setting["variable"] == name;
    settings.as_array().unwrap().iter().find(named).unwrap_or_else(|| panic!("{name}: {settings}"))
}

fn assert_is(settings: &Value, name: &str, value: &str, source: &str, derived_from: Option<&str>) {
    let found = setting(settings, name);
    assert_eq!((&found["value"], &found["source"]), (&json!(value), &json!(source)), "{found}");
    assert_eq!(found["derived_from"], json!(derived_from), "{found}");
}

#[test]
fn config_lists_every_setting_of_the_help_by_its_variable() {
    let database = TestDatabase::blank(EngineKind::Sqlite);
    let breached = with_breached(&database, &["eleven geese in the reeds"]);
    std::fs::write(database.folder().join("places.mmdb"), Mmdb::new("City").to_bytes()).unwrap();
    let mut program = breached.with_file("logo.svg", SVG).with_file("other.toml", "");
    for (name, value) in SET.iter().map(|(name, value, _)| (name, value)).chain(FILES.iter().map(|(n, v)| (n, v))) {
        program = program.with(name, value);
    }
    let settings = program.json(&["config", "--json"]);
    let help = program.done(&["--help"]).split_whitespace().collect::<Vec<_>>().join(" ");
    let of_help = help.split("[env: ").skip(1).map(|part| part.split(['=', ']']).next().unwrap().to_owned());
    assert_eq!(variables(&settings), of_help.collect());
    let shown = SET.iter().map(|(name, _, shown)| (*name, *shown)).chain(FILES);
    let mut tested = BTreeSet::new();
    for (name, shown) in shown {
        assert_is(&settings, name, shown, "variable", None);
        tested.insert(name.to_owned());
    }
    assert_eq!(tested, variables(&settings), "each setting is tested");
    assert!(!settings.to_string().contains("pass-phrase") && !settings.to_string().contains("a pepper"));
}

#[test]
fn config_shows_defaults_and_what_they_follow_from() {
    let database = TestDatabase::blank(EngineKind::Sqlite);
    let program = Program::without_settings(&database);
    let settings = program.json(&["config", "--json"]);
    for (name, value, from) in [
        ("database_url", "sqlite:keyrack.db", None),
        ("bind", "127.0.0.1:8080", None),
        ("public_url", "http://127.0.0.1:8080", Some("bind")),
        ("secrets", "(created by the first start)", Some("secrets_file")),
        ("secrets_file", "keyrack.secrets", Some("database_url")),
        ("cookie_name", "keyrack.sid", Some("public_url")),
        ("idle_timeout", "24h", None),
        ("languages", "en,de", Some("all languages")),
        ("journal", "keyrack.ends", Some("database_url")),
    ] {
        assert_is(&settings, name, value, "default", from);
    }
    for (name, from) in [("workers", "the number of cores"), ("max_connections", "the limit of open files")] {
        let found = setting(&settings, name);
        assert!(found["value"].as_str().unwrap().parse::<u32>().unwrap() > 0, "{found}");
        assert_eq!(found["derived_from"], from);
    }
    for found in settings.as_array().unwrap() {
        let name = found["name"].as_str().unwrap();
        assert_eq!(found["source"], "default");
        assert_eq!(found["value"].is_null(), WITHOUT_VALUE.contains(&name), "{found}");
    }
    for file in ["keyrack.db", "keyrack.secrets", "keyrack.ends"] {
        assert!(!database.folder().join(file).exists(), "{file} was created");
    }
    let text = program.with("KEYRACK_PUBLIC_URL", "https://keys.example.com").done(&["config", "--idle-timeout", "2h"]);
    let lines: Vec<String> = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for line in [
        "SETTING VALUE FROM",
        "public_url https://keys.example.com variable KEYRACK_PUBLIC_URL",
        "cookie_name __Host-keyrack.sid default, from public_url",
        "idle_timeout 2h flag --idle-timeout",
        "geoip - default",
    ] {
        assert!(lines.iter().any(|shown| shown == line), "{line}: {text}");
    }
}

#[test]
fn config_tells_which_source_wins() {
    let database = TestDatabase::blank(EngineKind::Sqlite);
    let file = "workers = 2\nidle_timeout = '3h'\ntrusted_proxies = ['10.0.0.0/8', '192.0.2.1']\naccent = ''\n";
    let program = Program::without_settings(&database).with_file("keyrack.toml", file);
    let program = program.with("KEYRACK_IDLE_TIMEOUT", "4h").with("KEYRACK_NAME", " ");
    let settings = program.json(&["--hash-cost", "m=9,t=1,p=1", "config", "--json", "--idle-timeout=5h"]);
    assert_is(&settings, "idle_timeout", "5h", "flag", None);
    assert_is(&settings, "hash_cost", "m=9,t=1,p=1", "flag", None);
    assert_is(&settings, "workers", "2", "file", None);
    assert_is(&settings, "trusted_proxies", "10.0.0.0/8,192.0.2.1", "file", None);
    assert_eq!(setting(&settings, "workers")["file"], "keyrack.toml");
    assert_is(&settings, "name", "Keyrack", "default", None);
    assert_is(&settings, "config", "keyrack.toml", "default", Some("the current folder"));
    assert_eq!(setting(&settings, "accent")["source"], "default", "an empty value is an unset one");
    assert_is(&program.json(&["config", "--json"]), "idle_timeout", "4h", "variable", None);
    let text = program.done(&["config"]);
    assert!(text.lines().any(|line| line.starts_with("workers ") && line.ends_with(" file keyrack.toml")), "{text}");
}

#[test]
fn config_refuses_what_a_start_would_refuse() {
    let database = TestDatabase::blank(EngineKind::Sqlite);
    let program = Program::without_settings(&database);
    for (variable, value) in [
        ("DATABASE_URL", "mysql://app:hidden-in-vain@db/app"),
        ("KEYRACK_BIND", "nowhere"),
        ("KEYRACK_METRICS_BIND", "nowhere"),
        ("KEYRACK_SECRETS", "hidden-in-vain"),
        ("KEYRACK_COOKIE_NAME", "__Host-sid"),
        ("KEYRACK_COOKIE_DOMAIN", "example.com"),
        ("KEYRACK_APP_ORIGINS", "https://app.example.com"),
        ("KEYRACK_FIREBASE_SIGNER_KEY", "hidden in vain"),
        ("KEYRACK_LOGO", "missing.svg"),
        ("KEYRACK_GEOIP", "missing.mmdb"),
        ("KEYRACK_BREACHED_PASSWORDS", "missing.breached"),
        ("KEYRACK_IDLE_TIMEOUT", "soon"),
    ] {
        let refused = program.clone().with(variable, value).run(&["config"]);
        refused.assert_refused(2, &[variable]);
        assert!(!refused.err.contains("in-vain") && !refused.err.contains("in vain"), "{refused:?}");
    }
    std::fs::write(database.folder().join("keyrack.secrets"), "short\n").unwrap();
    assert_eq!(program.run(&["config"]).status, 2, "the secrets file is checked");
}

fn config_shows_what_the_database_has_of_other_programs(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::without_settings(&database).with("DATABASE_URL", database.url());
    assert_is(&program.json(&["config", "--json"]), "peers", "none", "default", Some("the database"));
    database.adopt_peers();
    assert_is(&program.json(&["config", "--json"]), "peers", "express", "default", Some("the database"));
    let set = program.json(&["config", "--json", "--peers", "none"]);
    assert_is(&set, "peers", "none", "flag", None);
    assert_is(&program.json(&["config", "--json"]), "peers", "express", "default", Some("the database"));
}

#[test]
fn config_hides_secrets_from_every_source() {
    let database = TestDatabase::blank(EngineKind::Sqlite);
    let words = ["words-in-file-7Qm2xV9r", "words-in-variable-7Qm2xV9r", "words-in-flag-7Qm2xV9r"];
    let file = format!(
        "secrets = ['{0}']\nbcrypt_pepper = '{0}'\ndatabase_url = 'postgres://app:{0}@127.0.0.1:1/d'\n",
        words[0]
    );
    let program = Program::without_settings(&database).with_file("keyrack.toml", &file);
    let by_variable = program.clone().with("KEYRACK_SECRETS", words[1]).with("KEYRACK_BCRYPT_PEPPER", words[1]);
    let url = format!("postgres://app@127.0.0.1:1/d?password={}", words[2]);
    let flags = ["--secrets", words[2], "--bcrypt-pepper", words[2], "--database-url", &url];
    for (program, flags) in [(&program, &[][..]), (&by_variable, &[]), (&program, &flags[..])] {
        for format in [&["config"][..], &["config", "--json"]] {
            let out = program.done(&[format, flags].concat());
            assert!(out.contains("1 secret (hidden)") && out.contains("127.0.0.1:1"), "{out}");
            assert!(words.iter().all(|word| !out.contains(word)), "{out}");
        }
    }
}
