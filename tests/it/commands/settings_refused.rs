//! Settings that can't be used: one sentence that says which, why and how to mend it, and no secret in it

use crate::support::{EngineKind, Program, TestDatabase};

fn database() -> TestDatabase {
    TestDatabase::blank(EngineKind::Sqlite)
}

#[test]
fn a_bad_value_is_named_with_its_setting() {
    let database = database();
    for (variable, flag, value, why) in [
        ("KEYRACK_IDLE_TIMEOUT", "--idle-timeout", "soon", "90s, 30m, 24h or 14d"),
        ("KEYRACK_ABSOLUTE_TIMEOUT", "--absolute-timeout", "24", "90s, 30m, 24h or 14d"),
        ("KEYRACK_REMEMBER_IDLE_TIMEOUT", "--remember-idle-timeout", "0s", "longer than 0"),
        ("KEYRACK_REMEMBER_ABSOLUTE_TIMEOUT", "--remember-absolute-timeout", "401d", "at most 400d"),
        ("KEYRACK_HISTORY_RETENTION", "--history-retention", "-1d", "90s, 30m, 24h or 14d"),
        ("KEYRACK_PUBLIC_URL", "--public-url", "keys.example.com", "https://HOST"),
        ("KEYRACK_PUBLIC_URL", "--public-url", "https://keys.example.com/path", "without a path"),
        ("KEYRACK_COOKIE_NAME", "--cookie-name", "two words", "letters, digits"),
        ("KEYRACK_COOKIE_DOMAIN", "--cookie-domain", "https://example.org", "a host name"),
        ("KEYRACK_TRUSTED_PROXIES", "--trusted-proxies", "10.0.0.0/99", "10.0.0.0/8"),
        ("KEYRACK_KEEP_ENDED_DATA", "--keep-ended-data", "perhaps", "true, false"),
        ("KEYRACK_MAX_SESSIONS", "--max-sessions", "0", "use a whole number from 1"),
        ("KEYRACK_WORKERS", "--workers", "0", "1..=1024"),
        ("KEYRACK_DB_POOL_SIZE", "--db-pool-size", "many", "invalid digit"),
        ("KEYRACK_HASH_COST", "--hash-cost", "m=1,t=1,p=1", "m=19456,t=2,p=1"),
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
    assert!(!database.folder().join("keyrack.db").exists(), "nothing was begun");
}

/// Browsers would drop it without a word.
#[test]
fn a_domain_is_refused_for_a_cookie_that_is_bound_to_its_host() {
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
fn a_file_is_refused_for_what_is_no_setting() {
    let database = database();
    let program = Program::new(&database);
    for (text, parts) in [
        ("idle_time = '1h'\n", ["idle_time", "keyrack --help"]),
        ("config = 'other.toml'\n", ["config", "keyrack --help"]),
        ("json = true\n", ["json", "keyrack --help"]),
        ("[timeouts]\nidle = '1h'\n", ["timeouts", "keyrack --help"]),
        ("idle_timeout = 2026-01-28\n", ["idle_timeout", "use a text"]),
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
fn a_bad_variable_is_not_blamed_on_the_file() {
    let database = database();
    let program = Program::new(&database).with_file("keyrack.toml", "workers = 2\n");
    let refused = program.with("KEYRACK_IDLE_TIMEOUT", "soon").run(&["serve"]);
    assert_eq!(refused.status, 2);
    refused.assert_stderr_contains(&["--idle-timeout", "soon"]);
    assert!(!refused.err.contains("keyrack.toml") && !refused.err.contains("workers"), "{refused:?}");
}

#[test]
fn a_value_of_the_file_that_something_else_replaces_still_has_to_be_good() {
    let database = database();
    let program = Program::new(&database).with_file("keyrack.toml", "idle_timeout = 'soon'\n");
    let refused = program.with("KEYRACK_IDLE_TIMEOUT", "1h").run(&["serve"]);
    refused.assert_refused(2, &["keyrack.toml", "idle_timeout"]);
}

#[test]
fn another_kind_of_database_is_refused_without_repeating_the_url() {
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
fn a_database_that_can_not_be_reached_is_named_without_its_password() {
    let database = database();
    // A port that was free a moment ago: nobody listens there.
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
fn an_address_that_is_none_is_refused() {
    let database = database();
    for bind in ["8080", "127.0.0.1", "127.0.0.1:99999", ""] {
        let refused = Program::new(&database).with("KEYRACK_BIND", bind).run(&["serve"]);
        refused.assert_refused(2, &["KEYRACK_BIND", &format!("{bind:?}"), "HOST:PORT"]);
    }
    let filter = Program::new(&database).with("KEYRACK_LOG", "loud=everything").run(&["serve"]);
    filter.assert_refused(2, &["KEYRACK_LOG", "loud=everything"]);
}

#[test]
fn unknown_words_are_wrong_usage() {
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
    }
    let version = Program::new(&database).done(&["--version"]);
    assert_eq!(version, format!("keyrack {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn words_that_would_silence_the_log_or_lend_another_files_mode_are_refused() {
    let database = database();
    let log = Program::new(&database).with("KEYRACK_LOG", "inof").run(&["serve"]);
    log.assert_refused(2, &["KEYRACK_LOG", "\"inof\" is no level", "use error, warn, info"]);
    let folder = database.folder().display().to_string();
    let secrets = Program::new(&database).with("KEYRACK_SECRETS_FILE", &folder).run(&["serve"]);
    secrets.assert_refused(2, &["secrets file", "is no file"]);
    let file = Program::new(&database).with("DATABASE_URL", &format!("sqlite:{folder}")).run(&["migrate"]);
    file.assert_refused(1, &["cannot open the database", "is a folder"]);
    let missing = Program::new(&database).with("DATABASE_URL", "sqlite:nowhere/keyrack.db").run(&["serve"]);
    missing.assert_refused(1, &["cannot open the database sqlite:nowhere/keyrack.db", "No such file or directory"]);
}

#[test]
fn numbers_and_ids_that_are_none_are_refused_with_the_mend() {
    let database = database();
    for (variable, value, said) in [
        ("KEYRACK_MAX_SESSIONS", "0", "use a whole number from 1"),
        ("KEYRACK_MAX_SESSIONS", "many", "use a whole number from 1"),
        ("KEYRACK_HISTORY_RETENTION", "101y", "at most 100 years"),
        ("KEYRACK_IDLE_TIMEOUT", "2y", "at most 400d"),
    ] {
        let refused = Program::new(&database).with(variable, value).run(&["migrate"]);
        assert_eq!(refused.status, 2, "{refused:?}");
        refused.assert_stderr_contains(&[said]);
    }
    let revoked = Program::new(&database).run(&["session", "revoke", "xyz"]);
    assert_eq!(revoked.status, 2);
    revoked.assert_stderr_contains(&["this is no session id; `keyrack session list` shows them"]);
    Program::new(&database).with("KEYRACK_HISTORY_RETENTION", "2y").done(&["migrate"]);
    Program::new(&database).with_file("keyrack.toml", "trusted_proxies = []").done(&["migrate"]);
}
