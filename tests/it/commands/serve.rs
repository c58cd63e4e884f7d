//! `keyrack serve`: how it starts, and what it prints and logs

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{EngineKind, PASSWORD, Program, Serving, TestDatabase, on_both_engines};

const EMAIL: &str = "rajat.verma@example.com";

on_both_engines!(
    program_without_command_serves,
    setup_link_creates_first_account_once,
    setup_link_is_the_same_on_every_instance_and_after_restart,
    log_is_json_without_secrets,
    two_servers_start_at_once_on_a_blank_database,
    taken_port_is_an_error_with_advice,
);

fn program_without_command_serves(engine: EngineKind) {
    let database = TestDatabase::blank(engine);
    let serving = Program::new(&database).serve_as(&[]);
    assert_ne!(serving.address.port(), 0);
    let message = format!("listening on http://{}", serving.address);
    assert_eq!(serving.listening["message"], message);
    assert_eq!(serving.browser().get("/readyz").status, 200);
    let stopped = serving.stop();
    assert_eq!(stopped.status, 0);
    assert!(stopped.err.lines().next().unwrap().contains(&message), "the first line contains the address: {stopped:?}");
}

/// The link that the program prints: one line of JSON, like the lines of the log.
fn setup_link(serving: &mut Serving) -> String {
    let line: Value = serde_json::from_str(&serving.out.wait_for("/setup?token=")).unwrap();
    assert!(line["timestamp"].is_string() && line["message"].is_string(), "{line}");
    assert_eq!(line["level"], "INFO");
    line["setup_link"].as_str().unwrap().to_owned()
}

/// The instances share their secrets, as those of one installation do.
fn setup_link_is_the_same_on_every_instance_and_after_restart(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database).with("KEYRACK_PUBLIC_URL", "http://keyrack.example");
    let (mut first, mut second) = (program.serve(), program.serve());
    let link = setup_link(&mut first);
    assert_eq!(setup_link(&mut second), link);
    let path = link.strip_prefix("http://keyrack.example").unwrap();
    for serving in [&first, &second] {
        assert_eq!(serving.browser().get(path).status, 200);
    }
    let printed = first.stop().out;
    assert!(printed.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{printed}");
    let mut again = program.serve();
    assert_eq!(setup_link(&mut again), link);
    // The page also opens with the token of an older secret, and with no other one.
    let secret = std::fs::read_to_string(database.folder().join("keyrack.secrets")).unwrap();
    let newer = format!("a newer secret than the first one,{}", secret.trim());
    let mut rotated = program.clone().with("KEYRACK_SECRETS", &newer).serve();
    let new_link = setup_link(&mut rotated);
    assert_ne!(new_link, link);
    for (path, status) in [(path, 200), (new_link.strip_prefix("http://keyrack.example").unwrap(), 200)] {
        assert_eq!(rotated.browser().get(path).status, status, "{path}");
    }
    let other = program.with("KEYRACK_SECRETS", "the secret of another installation").serve();
    assert_eq!(other.browser().get(path).status, 404);
}

fn setup_link_creates_first_account_once(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database);
    let mut serving = program.serve();
    let link = setup_link(&mut serving);
    let path = link.strip_prefix(&format!("http://{}", serving.address)).unwrap().to_owned();
    let token = path.split_once('=').unwrap().1.to_owned();
    let mut browser = serving.browser();
    let fields = [
        ("token", token.as_str()),
        ("email", EMAIL),
        ("first_name", "Rajat"),
        ("password", PASSWORD),
        ("password_again", PASSWORD),
    ];
    assert_eq!(browser.post_from(&path, "/setup", &fields).status, 303);
    assert!(browser.is_signed_in());
    let stopped = serving.stop();
    assert!(!stopped.err.contains(&token), "{stopped:?}");

    let again = program.serve().stop();
    assert_eq!((again.status, again.out.as_str()), (0, ""), "an account exists now");
}

fn log_is_json_without_secrets(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database).with("KEYRACK_LOG", "trace");
    let mut serving = program.serve();
    let link = setup_link(&mut serving);
    let token = link.split_once("token=").unwrap().1.to_owned();
    program.add_user(EMAIL);
    let mut browser = serving.browser();
    browser.get(&format!("/setup?token={token}"));
    let csrf_token = browser.get("/login").csrf_token();
    let fields = [("email", EMAIL), ("password", PASSWORD), ("csrf_token", csrf_token.as_str())];
    assert_eq!(browser.post("/login", &fields).status, 303);
    let (sid, cookie, id) = (browser.sid(), browser.cookies["keyrack.sid"].clone(), browser.session_id());
    browser.get("/account/sessions?show=ended");
    browser.get(&format!("/login?next=/account/sessions%3Ftoken={token}"));
    browser.sign_out();

    let stopped = serving.stop();
    assert_eq!(stopped.status, 0);
    let lines: Vec<Value> =
        stopped.err.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect();
    let sign_in = lines.iter().find(|line| line["path"] == "/login" && line["method"] == "POST").unwrap();
    assert_eq!((&sign_in["message"], &sign_in["status"]), (&"request".into(), &303.into()));
    let page = lines.iter().find(|line| line["path"] == "/account/sessions").unwrap();
    assert_eq!((&page["session_id"], &page["client"]), (&id.into(), &"127.0.0.1".into()));
    assert!(lines.iter().all(|line| line["timestamp"].is_string() && line["level"].is_string()));
    let secret = std::fs::read_to_string(database.folder().join("keyrack.secrets")).unwrap();
    for secret in [&sid, &cookie, &token, &csrf_token, PASSWORD, secret.trim()] {
        let leaks: Vec<&str> = stopped.err.lines().filter(|line| line.contains(secret)).collect();
        assert!(leaks.is_empty(), "{secret}: {leaks:#?}");
    }
}

fn two_servers_start_at_once_on_a_blank_database(engine: EngineKind) {
    let database = TestDatabase::blank(engine);
    let program = Program::new(&database);
    let children = [program.start(&["serve"]), program.start(&["serve"])];
    let [first, second] = children.map(Serving::await_start);
    for serving in [&first, &second] {
        assert_eq!(serving.browser().get("/readyz").status, 200);
    }
    // Both use the one secret that was created, so each accepts the other's cookies.
    program.add_user(EMAIL);
    assert!(first.signed_in(EMAIL).at(second.address).is_signed_in());
    assert!(second.signed_in(EMAIL).at(first.address).is_signed_in());
}

fn taken_port_is_an_error_with_advice(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let serving = Program::new(&database).serve();
    let address = serving.address.to_string();
    let refused = Program::new(&database).with("KEYRACK_BIND", &address).run(&["serve"]);
    refused.assert_refused(1, &["cannot listen on", &address, "--bind", "KEYRACK_BIND", "port 0"]);
    assert_eq!(serving.browser().get("/healthz").status, 200);
}

/// Systems start programs with a limit that a crowd of connections reaches, and allow more.
#[test]
fn limit_of_open_files_is_raised_at_start() {
    let database = TestDatabase::new(EngineKind::Sqlite);
    let serve = Program::new(&database).command(&["serve"]);
    let mut limited = Command::new("/bin/sh");
    limited.args(["-c", "ulimit -Sn 256; exec \"$@\"", "sh"]).arg(serve.get_program()).args(serve.get_args());
    limited.env_clear().envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
    limited.current_dir(database.folder()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = limited.spawn().unwrap();
    let limits = format!("/proc/{}/limits", child.id());
    let _serving = Serving::await_start(child);
    let Ok(limits) = std::fs::read_to_string(limits) else { return };
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let [soft, hard] = [3, 4].map(|column| line.split_whitespace().nth(column).unwrap());
    assert_eq!(soft, hard, "{line}");
    assert_ne!(soft, "256", "{line}");
}
