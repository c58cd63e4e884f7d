//! `keyrack demo --states`

use crate::support::{EngineKind, Program, TestDatabase};

fn program(database: &TestDatabase) -> Program<'_> {
    Program::new(database)
}

#[test]
fn demo_with_states_shows_each_of_them() {
    let database = TestDatabase::blank(EngineKind::Sqlite);
    let mut demo = program(&database).serve_as(&["demo", "--states"]);
    assert_eq!(demo.out.wait_for("/states").trim(), format!("http://{}/states", demo.address));
    let mut browser = demo.browser();
    let index = browser.get("/states?language=de");
    let links: Vec<&str> = index.body.split("href=\"").filter_map(|rest| rest.split('"').next()).collect();
    let states: Vec<&&str> = links.iter().filter(|link| link.starts_with("/states/")).collect();
    assert!(states.len() > 100, "{}", states.len());
    for state in states {
        let page = browser.get(&state.replace("&#38;", "&"));
        assert!(page.status == 200 && page.body.contains("<html lang=\"de\""), "{state}: {}", page.body);
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.contains("form-action 'none'") && !policy.contains("connect-src"), "{policy}");
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(page.set_cookies(), [""; 0], "{state}");
    }
    let script = browser.get("/states/page-expiring-idle/script.js").body;
    assert!(script.contains("'keyrack:session-expiring'") && script.contains("\"idle\":true"), "{script}");
    for path in ["/states/none", "/states/devices/script.js", "/states/none/script.js"] {
        assert_eq!(browser.get(path).status, 404, "{path}");
    }
}

#[test]
fn states_are_not_found_without_the_flag() {
    let database = TestDatabase::new(EngineKind::Sqlite);
    for command in ["serve", "demo"] {
        let serving = program(&database).serve_as(&[command]);
        let mut browser = serving.browser();
        for path in ["/states", "/states/devices", "/states/page-expiring-idle/script.js"] {
            assert_eq!(browser.get(path).status, 404, "{command} {path}");
        }
    }
}
