//! Valid settings: their sources and effects

use std::collections::HashMap;

use crate::support::{EngineKind, PASSWORD, Program, SECRETS, TestDatabase, on_both_engines};

const EMAIL: &str = "rajat.verma@example.com";

on_both_engines!(
    flag_overrides_variable_overrides_file_overrides_default,
    public_url_determines_cookie_name_and_secure,
    timeouts_are_settings,
    keep_ended_data_is_a_setting,
    settings_file_accepts_lists,
);

/// The cost of the only user's password hash shows which source was used.
fn flag_overrides_variable_overrides_file_overrides_default(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::without_settings(&database).with("DATABASE_URL", database.url());
    let cost_of_a_new_user = |program: &Program<'_>, flags: &[&str]| {
        let arguments = [&["user", "add", EMAIL], flags].concat();
        let added = program.run_with_input(&arguments, &format!("{PASSWORD}\n"));
        assert_eq!(added.status, 0, "{added:?}");
        let hash = database.text("SELECT password_hash AS v FROM users");
        database.execute("DELETE FROM users");
        hash.split('$').nth(3).unwrap().to_owned()
    };
    assert_eq!(cost_of_a_new_user(&program, &[]), "m=19456,t=2,p=1");
    let program =
        program.with_file("keyrack.toml", "hash_cost = 'm=11,t=1,p=1'\nworkers = 2\nkeep_ended_data = true\n");
    assert_eq!(cost_of_a_new_user(&program, &[]), "m=11,t=1,p=1");
    let program = program.with_file("other.toml", "hash_cost = 'm=12,t=1,p=1'\n");
    assert_eq!(cost_of_a_new_user(&program.clone().with("KEYRACK_CONFIG", "other.toml"), &[]), "m=12,t=1,p=1");
    assert_eq!(cost_of_a_new_user(&program, &["--config", "other.toml"]), "m=12,t=1,p=1");
    assert_eq!(cost_of_a_new_user(&program, &["--config=other.toml"]), "m=12,t=1,p=1");
    let program = program.with("KEYRACK_HASH_COST", "m=13,t=1,p=1");
    assert_eq!(cost_of_a_new_user(&program, &[]), "m=13,t=1,p=1");
    assert_eq!(cost_of_a_new_user(&program, &["--hash-cost", "m=14,t=1,p=1"]), "m=14,t=1,p=1");
}

fn public_url_determines_cookie_name_and_secure(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database);
    program.add_user(EMAIL);
    let session_cookie = |program: &Program<'_>| {
        let serving = program.serve();
        let cookies = serving.browser().sign_in(EMAIL, PASSWORD).set_cookies();
        cookies.into_iter().find(|cookie| cookie.contains("s%3A")).unwrap()
    };
    let plain = session_cookie(&program);
    assert!(plain.starts_with("keyrack.sid=") && !plain.contains("Secure"), "{plain}");
    let program = program.with("KEYRACK_PUBLIC_URL", "https://keys.example.com");
    let secure = session_cookie(&program);
    assert!(secure.starts_with("__Host-keyrack.sid=") && secure.contains("; Secure"), "{secure}");
    let named = session_cookie(&program.with("KEYRACK_COOKIE_NAME", "connect.sid"));
    assert!(named.starts_with("connect.sid=") && named.contains("; Secure"), "{named}");
}

fn timeouts_are_settings(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database)
        .with("KEYRACK_IDLE_TIMEOUT", "90m")
        .with("KEYRACK_ABSOLUTE_TIMEOUT", "2h")
        .with("KEYRACK_REMEMBER_IDLE_TIMEOUT", "2d")
        .with_file("keyrack.toml", "remember_absolute_timeout = '3d'\n");
    program.add_user(EMAIL);
    let serving = program.serve();
    serving.signed_in(EMAIL);
    let mut browser = serving.browser();
    let fields = [("email", EMAIL), ("password", PASSWORD), ("remember", "on")];
    assert_eq!(browser.post_from("/login", "/login", &fields).status, 303);

    let lengths = |remembered: bool| {
        let session = &database.rows("sessions", &format!("WHERE remembered = {remembered}"))[0];
        let sid = session["sid"].as_str().unwrap();
        let data = &database.rows("user_sessions", &format!("WHERE sid = '{sid}'"))[0];
        let time = |value: &serde_json::Value| keyrack::clock::Timestamp::parse(value.as_str().unwrap()).unwrap();
        let begun = time(&session["created_at"]);
        [time(&data["expire"]), time(&session["expires_at"])].map(|end| end.since(begun).as_secs() / 60)
    };
    assert_eq!(lengths(false), [90, 120]);
    assert_eq!(lengths(true), [2 * 24 * 60, 3 * 24 * 60]);
}

fn keep_ended_data_is_a_setting(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database);
    program.add_user(EMAIL);
    let kept_after = |program: &Program<'_>, flags: &[&str]| {
        let serving = program.serve_as(&[&["serve"], flags].concat());
        let mut browser = serving.signed_in(EMAIL);
        assert_eq!(browser.sign_out().status, 303);
        let kept = database.count("user_sessions", "");
        database.execute("DELETE FROM user_sessions");
        kept == 1
    };
    assert!(!kept_after(&program, &[]));
    assert!(kept_after(&program, &["--keep-ended-data"]));
    assert!(!kept_after(&program, &["--keep-ended-data=false"]));
    assert!(kept_after(&program.clone().with("KEYRACK_KEEP_ENDED_DATA", "true"), &[]));
    let program = program.with_file("keyrack.toml", "keep_ended_data = true\n");
    assert!(kept_after(&program, &[]));
    assert!(!kept_after(&program, &["--keep-ended-data=false"]));
}

fn settings_file_accepts_lists(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let secrets = format!("secrets = ['{SECRETS}', 'an older secret than that']\n");
    let file = format!("{secrets}trusted_proxies = ['127.0.0.1', '10.0.0.0/8']\n");
    let program = Program::new(&database).with_file("keyrack.toml", &file);
    program.add_user(EMAIL);
    let serving = program.serve();
    let mut browser = serving.browser().with_header("x-forwarded-for", "198.51.100.66, 203.0.113.9, 10.1.2.3");
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 303);
    assert_eq!(database.text("SELECT ip_address AS v FROM sessions"), "203.0.113.9");
    assert!(!database.folder().join("keyrack.secrets").exists());
    let other = Program::new(&database).with("KEYRACK_SECRETS", "an older secret than that").serve();
    assert!(!browser.at(other.address).is_signed_in(), "the first secret signs");
}

#[test]
fn help_lists_every_setting_with_its_default() {
    let database = TestDatabase::blank(EngineKind::Sqlite);
    let help = Program::without_settings(&database).done(&["--help"]);
    // Undo line breaks, which depend on the terminal's width.
    let help = help.split_once("Settings:").unwrap().1.split_whitespace().collect::<Vec<_>>().join(" ");
    let settings = [
        ("config", "KEYRACK_CONFIG", "keyrack.toml if it exists"),
        ("database-url", "DATABASE_URL", "sqlite:keyrack.db"),
        ("bind", "KEYRACK_BIND", "127.0.0.1:8080"),
        ("public-url", "KEYRACK_PUBLIC_URL", "http and the address that Keyrack listens on"),
        ("secrets", "KEYRACK_SECRETS", "from the secrets file"),
        ("secrets-file", "KEYRACK_SECRETS_FILE", "beside the SQLite database, else keyrack.secrets"),
        ("cookie-name", "KEYRACK_COOKIE_NAME", "keyrack.sid, over https __Host-keyrack.sid"),
        ("cookie-domain", "KEYRACK_COOKIE_DOMAIN", "this host only"),
        ("idle-timeout", "KEYRACK_IDLE_TIMEOUT", "24h"),
        ("absolute-timeout", "KEYRACK_ABSOLUTE_TIMEOUT", "24h"),
        ("remember-idle-timeout", "KEYRACK_REMEMBER_IDLE_TIMEOUT", "14d"),
        ("remember-absolute-timeout", "KEYRACK_REMEMBER_ABSOLUTE_TIMEOUT", "30d"),
        ("max-sessions", "KEYRACK_MAX_SESSIONS", "100"),
        ("history-retention", "KEYRACK_HISTORY_RETENTION", "90d"),
        ("events-retention", "KEYRACK_EVENTS_RETENTION", "180d"),
        ("peers", "KEYRACK_PEERS", "none, or express once an Express application was imported"),
        ("keep-ended-data", "KEYRACK_KEEP_ENDED_DATA", "false"),
        ("trusted-proxies", "KEYRACK_TRUSTED_PROXIES", "none"),
        ("hsts", "KEYRACK_HSTS", "on"),
        ("app-origins", "KEYRACK_APP_ORIGINS", "none"),
        ("languages", "KEYRACK_LANGUAGES", "en, de"),
        ("name", "KEYRACK_NAME", "Keyrack"),
        ("logo", "KEYRACK_LOGO", "Keyrack's key"),
        ("accent", "KEYRACK_ACCENT", "Keyrack's green"),
        ("workers", "KEYRACK_WORKERS", "one per core"),
        ("max-connections", "KEYRACK_MAX_CONNECTIONS", "what the limit of open files allows, at most 16384"),
        ("db-pool-size", "KEYRACK_DB_POOL_SIZE", "10"),
        ("metrics-bind", "KEYRACK_METRICS_BIND", "none"),
        ("journal", "KEYRACK_JOURNAL", "beside the SQLite database or the secrets file, with the extension ends"),
        ("require-sync", "KEYRACK_REQUIRE_SYNC", "false"),
        ("hash-cost", "KEYRACK_HASH_COST", "m=19456,t=2,p=1"),
        ("bcrypt-pepper", "KEYRACK_BCRYPT_PEPPER", "none"),
        ("firebase-signer-key", "KEYRACK_FIREBASE_SIGNER_KEY", "none"),
        ("breached-passwords", "KEYRACK_BREACHED_PASSWORDS", "none"),
        ("geoip", "KEYRACK_GEOIP", "none"),
        ("smtp-url", "KEYRACK_SMTP_URL", "none"),
        ("mail-from", "KEYRACK_MAIL_FROM", "none"),
        ("sign-in-pace", "KEYRACK_SIGN_IN_PACE", "10/5s"),
        ("reauth-window", "KEYRACK_REAUTH_WINDOW", "10m"),
        ("second-factor", "KEYRACK_SECOND_FACTOR", "optional"),
        ("registration", "KEYRACK_REGISTRATION", "off"),
        ("new-address-mails", "KEYRACK_NEW_ADDRESS_MAILS", "1000"),
        ("bound-sessions", "KEYRACK_BOUND_SESSIONS", "off"),
        ("log", "KEYRACK_LOG", "info"),
    ];
    assert_eq!(help.matches("[env: ").count(), settings.len());
    for (flag, variable, default) in settings {
        let own = help.split("--").find(|part| part.split([' ', '[']).next() == Some(flag)).unwrap();
        assert!(own.contains(&format!("[env: {variable}")), "{flag}: {own}");
        assert!(own.contains(&format!("[default: {default}]")), "{flag}: {own}");
    }
}

#[test]
fn readme_lists_every_setting_with_its_default() {
    let database = TestDatabase::blank(EngineKind::Sqlite);
    let help = Program::without_settings(&database).done(&["--help"]).split_whitespace().collect::<Vec<_>>().join(" ");
    let readme = include_str!("../../../README.md");
    let table = readme.split_once("\n| variable | default |").unwrap().1;
    let mut defaults = HashMap::new();
    for row in table.lines().skip(1).take_while(|line| line.starts_with('|')) {
        let cells: Vec<String> = row.split('|').map(|cell| cell.trim().replace('`', "")).collect();
        let names: Vec<&str> = cells[1].split(", ").collect();
        let values: Vec<&str> = if names.len() > 1 { cells[2].split(", ").collect() } else { vec![&cells[2]] };
        assert_eq!(names.len(), values.len(), "{row}");
        defaults.extend(names.iter().map(|&name| name.to_owned()).zip(values.iter().map(|&value| value.to_owned())));
    }
    let settings: Vec<&str> = help.split("[env: ").skip(1).collect();
    assert!(settings.len() > 25, "{help}");
    let mut compared = 0;
    for setting in settings {
        let name = setting.split(['=', ']']).next().unwrap();
        if name == "KEYRACK_CONFIG" {
            assert!(readme.contains(name), "the text above the table names it");
            continue;
        }
        let stated = defaults.get(name).unwrap_or_else(|| panic!("the README has no row for {name}"));
        // A default that depends on something is a sentence, which a table words differently.
        let default = setting.split_once(']').unwrap().1.trim_start().strip_prefix("[default: ");
        if let Some(default) = default.map(|rest| rest.split(']').next().unwrap()) {
            assert_eq!(stated, default, "{name}");
            compared += 1;
        }
    }
    assert!(compared > 12, "{compared} defaults were compared");
}

#[test]
fn help_hides_secrets_of_variables_and_file() {
    let database = TestDatabase::blank(EngineKind::Sqlite);
    let file = "secrets = 'hidden-in-the-file-a'\ndatabase_url = 'postgres://app:hidden-in-the-file-b@h/d'\n";
    let program = Program::without_settings(&database).with_file("keyrack.toml", file);
    let by_file = program.done(&["--help"]);
    assert!(!by_file.contains("hidden-in"), "{by_file}");
    let program = program.with("KEYRACK_SECRETS", "hidden-in-a-variable");
    let by_variable = program.with("DATABASE_URL", "postgres://app:hidden-in-a-variable@h/d").done(&["--help"]);
    assert!(!by_variable.contains("hidden-in"), "{by_variable}");
}
