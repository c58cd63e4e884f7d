//! Invalid settings: one sentence with the setting, the reason and a fix, and without secrets

use crate::support::{EngineKind, Program, TestDatabase};

/// Longer than 60 characters.
const LONG_NAME: &str = "The Northwind Trading Company of London, Reykjavik and Toronto";

fn database() -> TestDatabase {
    TestDatabase::blank(EngineKind::Sqlite)
}

#[test]
fn invalid_value_is_reported_with_its_setting() {
    let database = database();
    for (variable, flag, value, why) in [
        ("KEYRACK_IDLE_TIMEOUT", "--idle-timeout", "soon", "90s, 30m, 24h or 14d"),
        ("KEYRACK_ABSOLUTE_TIMEOUT", "--absolute-timeout", "24", "90s, 30m, 24h or 14d"),
        ("KEYRACK_REMEMBER_IDLE_TIMEOUT", "--remember-idle-timeout", "0s", "more than 0"),
        ("KEYRACK_REMEMBER_ABSOLUTE_TIMEOUT", "--remember-absolute-timeout", "401d", "at most 400d"),
        ("KEYRACK_HISTORY_RETENTION", "--history-retention", "-1d", "90s, 30m, 24h or 14d"),
        ("KEYRACK_EVENTS_RETENTION", "--events-retention", "23h", "use at least 1d and at most 100 years"),
        ("KEYRACK_PUBLIC_URL", "--public-url", "keys.example.com", "https://HOST"),
        ("KEYRACK_PUBLIC_URL", "--public-url", "https://keys.example.com/path", "without a path"),
        ("KEYRACK_COOKIE_NAME", "--cookie-name", "two words", "letters, digits"),
        ("KEYRACK_COOKIE_DOMAIN", "--cookie-domain", "https://example.org", "a host name"),
        ("KEYRACK_TRUSTED_PROXIES", "--trusted-proxies", "10.0.0.0/99", "10.0.0.0/8"),
        ("KEYRACK_APP_ORIGINS", "--app-origins", "app.example.org", "such as https://app.example.org"),
        ("KEYRACK_APP_ORIGINS", "--app-origins", "https://app.example.org/", "not an origin"),
        ("KEYRACK_APP_ORIGINS", "--app-origins", "*", "not an origin"),
        ("KEYRACK_APP_ORIGINS", "--app-origins", "http://127.0.0.1:1,null", "not an origin"),
        ("KEYRACK_LANGUAGES", "--languages", "en,fr", "no language \"fr\"; use some of en, de"),
        ("KEYRACK_LANGUAGES", "--languages", "de, en,de", "de is named twice"),
        ("KEYRACK_LANGUAGES", "--languages", ",", "at least one language"),
        ("KEYRACK_NAME", "--name", LONG_NAME, "use at most 60 characters"),
        ("KEYRACK_ACCENT", "--accent", "greenish", "not an opaque CSS colour, such as #17694a"),
        ("KEYRACK_KEEP_ENDED_DATA", "--keep-ended-data", "perhaps", "true, false"),
        ("KEYRACK_PEERS", "--peers", "django", "none, express"),
        ("KEYRACK_MAX_SESSIONS", "--max-sessions", "-1", "0 for no limit"),
        ("KEYRACK_WORKERS", "--workers", "0", "from 1 to 1024"),
        ("KEYRACK_MAX_CONNECTIONS", "--max-connections", "0", "from 1 to 1000000"),
        ("KEYRACK_DB_POOL_SIZE", "--db-pool-size", "many", "from 1 to 1000"),
        ("KEYRACK_HASH_COST", "--hash-cost", "m=1,t=1,p=1", "m=19456,t=2,p=1"),
        ("KEYRACK_SIGN_IN_PACE", "--sign-in-pace", "fast", "10/5s"),
        ("KEYRACK_REAUTH_WINDOW", "--reauth-window", "0m", "more than 0"),
        ("KEYRACK_SECOND_FACTOR", "--second-factor", "nobody", "optional, admins, everyone"),
        ("KEYRACK_REGISTRATION", "--registration", "friends", "off, open"),
        ("KEYRACK_NEW_ADDRESS_MAILS", "--new-address-mails", "many", "0 for no limit"),
        ("KEYRACK_BOUND_SESSIONS", "--bound-sessions", "always", "off, auto"),
    ] {
        let by_variable = Program::new(&database).with(variable, value).run(&["serve"]);
        let by_flag = Program::new(&database).run(&["serve", &format!("{flag}={value}")]);
        for refused in [by_variable, by_flag] {
            refused.assert_refused(2, &[value, flag, variable, why]);
        }
        let file = format!("# a comment\n{} = \"{value}\"\n", flag[2..].replace('-', "_"));
        let by_file = Program::without_settings(&database).with_file("bad.toml", &file);
        let refused = by_file.with("KEYRACK_CONFIG", "bad.toml").run(&["serve"]);
        refused.assert_refused(2, &["bad.toml", &flag[2..].replace('-', "_"), why]);
    }
    assert!(!database.folder().join("keyrack.db").exists(), "no database was created");
}

#[test]
fn open_registration_without_mail_is_refused() {
    let database = TestDatabase::blank(EngineKind::Sqlite);
    let refused = Program::new(&database).with("KEYRACK_REGISTRATION", "open").run(&["serve"]);
    refused.assert_refused(2, &["KEYRACK_REGISTRATION=open needs a mail server", "KEYRACK_SMTP_URL"]);
}

/// Browsers would silently reject such a cookie.
#[test]
fn cookie_domain_with_host_cookie_name_is_rejected() {
    let database = database();
    let program = Program::new(&database).with("KEYRACK_COOKIE_DOMAIN", "example.com");
    for (variable, value) in
        [("KEYRACK_PUBLIC_URL", "https://keys.example.com"), ("KEYRACK_COOKIE_NAME", "__Host-connect.sid")]
    {
        let refused = program.clone().with(variable, value).run(&["serve"]);
        refused.assert_refused(2, &["KEYRACK_COOKIE_DOMAIN", "__Host-", "KEYRACK_COOKIE_NAME"]);
    }
}

#[test]
fn cookie_name_that_cannot_work_is_rejected() {
    let database = database();
    let serve = |url: &str, name: &str| {
        let program = Program::new(&database).with("KEYRACK_PUBLIC_URL", url).with("KEYRACK_COOKIE_NAME", name);
        program.run(&["serve"])
    };
    for name in ["__Host-sid", "__host-sid", "__Secure-sid", "__SECURE-sid", "__Host-Http-sid", "__Http-sid"] {
        serve("http://keys.example.com", name).assert_refused(2, &["KEYRACK_COOKIE_NAME", name, "https"]);
    }
    for name in ["keyrack.csrf", "keyrack.done", "keyrack.other"] {
        serve("http://keys.example.com", name).assert_refused(2, &["KEYRACK_COOKIE_NAME", name, "keyrack.sid"]);
        for prefix in ["__Host-", "__Secure-", "__host-"] {
            let name = format!("{prefix}{name}");
            serve("https://keys.example.com", &name).assert_refused(2, &["KEYRACK_COOKIE_NAME", &name, "keyrack.sid"]);
        }
    }
    let database = TestDatabase::new(EngineKind::Sqlite);
    for (url, name) in [
        ("http://keys.example.com", "keyrack.sid"),
        ("https://keys.example.com", "keyrack.sid"),
        ("https://keys.example.com", "__Secure-keyrack.sid"),
        ("https://keys.example.com", "__Host-Http-keyrack.sid"),
        ("https://keys.example.com", "__Host-sid"),
        ("http://keys.example.com", "connect.sid"),
    ] {
        Program::new(&database).with("KEYRACK_PUBLIC_URL", url).with("KEYRACK_COOKIE_NAME", name).serve();
    }
}

#[test]
fn cookie_domain_of_another_host_is_rejected() {
    let database = database();
    let serve = |url: &str, domain: &str| {
        let program = Program::new(&database).with("KEYRACK_PUBLIC_URL", url).with("KEYRACK_COOKIE_DOMAIN", domain);
        program.with("KEYRACK_COOKIE_NAME", "connect.sid")
    };
    for (url, domain) in [
        ("https://keys.example.com", "example.org"),
        ("https://keys.example.com", "other.example.com"),
        ("https://keys.example.com", "a.keys.example.com"),
        ("https://keys.example.com", "ample.com"),
        ("https://keys.example.com", "com"),
        ("http://127.0.0.1:8080", "0.0.1"),
        ("http://127.0.0.1:8080", "example.com"),
    ] {
        serve(url, domain).run(&["serve"]).assert_refused(2, &["KEYRACK_COOKIE_DOMAIN", domain, "KEYRACK_PUBLIC_URL"]);
    }
    let database = TestDatabase::new(EngineKind::Sqlite);
    for (url, domain) in [
        ("https://keys.example.com", "example.com"),
        ("https://keys.example.com", ".Example.com"),
        ("https://keys.example.com:8443", "keys.example.com"),
        ("http://localhost:8080", "localhost"),
        ("http://127.0.0.1:8080", "127.0.0.1"),
    ] {
        let program = Program::new(&database).with("KEYRACK_PUBLIC_URL", url).with("KEYRACK_COOKIE_DOMAIN", domain);
        program.with("KEYRACK_COOKIE_NAME", "connect.sid").serve();
    }
}

/// Browsers would send no cookie with the requests of its pages.
#[test]
fn app_origin_of_another_site_is_rejected() {
    let database = database();
    for (url, origin) in [
        ("https://keys.example.com", "https://app.example.org"),
        ("https://keys.example.com", "http://app.example.com"),
        ("http://127.0.0.1:8080", "http://localhost:3000"),
    ] {
        let program = Program::new(&database).with("KEYRACK_PUBLIC_URL", url).with("KEYRACK_APP_ORIGINS", origin);
        program
            .run(&["serve"])
            .assert_refused(2, &["KEYRACK_APP_ORIGINS", origin, "another site", "KEYRACK_PUBLIC_URL"]);
    }
}

#[test]
fn settings_file_with_unknown_key_or_type_is_rejected() {
    let database = database();
    let program = Program::new(&database);
    for (text, parts) in [
        ("idle_time = '1h'\n", ["idle_time", "keyrack --help"]),
        ("config = 'other.toml'\n", ["config", "keyrack --help"]),
        ("json = true\n", ["json", "keyrack --help"]),
        ("[timeouts]\nidle = '1h'\n", ["timeouts", "keyrack --help"]),
        ("idle_timeout = 2026-01-28\n", ["idle_timeout", "must be a string"]),
    ] {
        let program = program.clone().with_file("keyrack.toml", text);
        program.run(&["serve"]).assert_refused(2, &["keyrack.toml", parts[0], parts[1]]);
    }
    let broken = program.clone().with_file("keyrack.toml", "idle_timeout = \n").run(&["serve"]);
    assert_eq!(broken.status, 2);
    broken.assert_stderr_contains(&["keyrack.toml", "line 1"]);
    program.run(&["--config", "missing.toml"]).assert_refused(2, &["missing.toml", "No such file"]);
}

#[test]
fn invalid_variable_is_not_reported_as_file_error() {
    let database = database();
    let program = Program::new(&database).with_file("keyrack.toml", "workers = 2\n");
    let refused = program.with("KEYRACK_IDLE_TIMEOUT", "soon").run(&["serve"]);
    assert_eq!(refused.status, 2);
    refused.assert_stderr_contains(&["--idle-timeout", "soon"]);
    assert!(!refused.err.contains("keyrack.toml") && !refused.err.contains("workers"), "{refused:?}");
}

#[test]
fn overridden_value_in_file_must_be_valid() {
    let database = database();
    let program = Program::new(&database).with_file("keyrack.toml", "idle_timeout = 'soon'\n");
    let refused = program.with("KEYRACK_IDLE_TIMEOUT", "1h").run(&["serve"]);
    refused.assert_refused(2, &["keyrack.toml", "idle_timeout"]);
}

#[test]
fn unsupported_database_scheme_is_rejected_without_url() {
    let database = database();
    let program = |url: &str| Program::new(&database).with("DATABASE_URL", url);
    for url in ["mysql://app:hunter2-hidden@db.example/keyrack", "redis://:hunter2-hidden@db.example"] {
        let scheme = url.split_once(':').unwrap().0;
        for refused in [program(url).run(&["serve"]), Program::new(&database).run(&["migrate", "--database-url", url])]
        {
            refused.assert_refused(2, &["DATABASE_URL", scheme, "sqlite:PATH or postgres://"]);
            assert!(!refused.err.contains("hunter2"), "{refused:?}");
        }
    }
    program("sqlite::memory:").run(&["serve"]).assert_refused(2, &["DATABASE_URL", "needs a file"]);
    program("keyrack.db").run(&["serve"]).assert_refused(2, &["DATABASE_URL", "sqlite:PATH"]);
}

#[test]
fn unreachable_database_is_reported_without_password() {
    let database = database();
    // A port that was free a moment ago, so no server listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("postgres://app:hunter2-hidden@127.0.0.1:{port}/keyrack");
    let program = Program::new(&database).with("DATABASE_URL", &url);
    for command in [&["serve"][..], &["user", "list"], &["migrate"]] {
        let refused = program.run(command);
        refused.assert_refused(1, &["cannot open the database", &format!("127.0.0.1:{port}/keyrack"), "refused"]);
        assert!(!refused.err.contains("hunter2"), "{refused:?}");
    }
    let nowhere = Program::new(&database).with("DATABASE_URL", "sqlite:no/such/folder/keyrack.db");
    nowhere.run(&["migrate"]).assert_refused(1, &["cannot open the database", "no/such/folder/keyrack.db"]);
}

#[test]
fn invalid_bind_address_and_log_filter_are_rejected() {
    let database = database();
    for bind in ["8080", "127.0.0.1", "127.0.0.1:99999"] {
        let refused = Program::new(&database).with("KEYRACK_BIND", bind).run(&["serve"]);
        refused.assert_refused(2, &["KEYRACK_BIND", &format!("{bind:?}"), "HOST:PORT"]);
    }
    let filter = Program::new(&database).with("KEYRACK_LOG", "loud=everything").run(&["serve"]);
    filter.assert_refused(2, &["KEYRACK_LOG", "loud=everything"]);
}

#[test]
fn unknown_arguments_are_usage_errors() {
    let database = database();
    for (arguments, word) in [
        (&["sreve"][..], "sreve"),
        (&["user", "remove", "a@example.com"], "remove"),
        (&["serve", "--colour"], "--colour"),
        (&["session"], "Usage"),
        (&["user", "add"], "<EMAIL>"),
    ] {
        let refused = Program::new(&database).run(arguments);
        assert_eq!((refused.status, refused.out.as_str()), (2, ""), "{refused:?}");
        refused.assert_stderr_contains(&[word]);
        assert!(refused.err.starts_with("keyrack: ") || word == "Usage", "{refused:?}");
    }
    let version = Program::new(&database).done(&["--version"]);
    assert_eq!(version, format!("keyrack {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn misspelt_log_level_and_folder_as_file_are_rejected() {
    let database = database();
    let log = Program::new(&database).with("KEYRACK_LOG", "inof").run(&["serve"]);
    log.assert_refused(2, &["KEYRACK_LOG", "\"inof\" is not a log level", "use error, warn, info"]);
    let folder = database.folder().display().to_string();
    let secrets = Program::new(&database).with("KEYRACK_SECRETS_FILE", &folder).run(&["serve"]);
    secrets.assert_refused(2, &["secrets file", "is not a regular file"]);
    let file = Program::new(&database).with("DATABASE_URL", &format!("sqlite:{folder}")).run(&["migrate"]);
    file.assert_refused(1, &["cannot open the database", "is a folder"]);
    let missing = Program::new(&database).with("DATABASE_URL", "sqlite:nowhere/keyrack.db").run(&["serve"]);
    missing.assert_refused(1, &["cannot open the database sqlite:nowhere/keyrack.db", "No such file or directory"]);
}

#[test]
fn invalid_number_or_id_is_rejected_with_advice() {
    let database = database();
    for (variable, value, advice) in [
        ("KEYRACK_MAX_SESSIONS", "4294967296", "0 for no limit"),
        ("KEYRACK_MAX_SESSIONS", "many", "0 for no limit"),
        ("KEYRACK_HISTORY_RETENTION", "101y", "at most 100 years"),
        ("KEYRACK_IDLE_TIMEOUT", "2y", "at most 400d"),
    ] {
        let refused = Program::new(&database).with(variable, value).run(&["migrate"]);
        assert_eq!(refused.status, 2, "{refused:?}");
        refused.assert_stderr_contains(&[advice]);
    }
    let revoked = Program::new(&database).run(&["session", "revoke", "xyz"]);
    revoked.assert_refused(2, &["\"xyz\" for ID: not a session ID; `keyrack session list` shows them"]);
    Program::new(&database).with("KEYRACK_HISTORY_RETENTION", "2y").done(&["migrate"]);
    Program::new(&database).with_file("keyrack.toml", "trusted_proxies = []").done(&["migrate"]);
}
