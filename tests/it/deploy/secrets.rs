//! Replacing the signing secrets with several instances, in the steps of `docs/deploy.md`

use super::EMAIL;
use crate::support::{Browser, EngineKind, Program, Serving, TestDatabase, on_both_engines};

on_both_engines!(secrets_are_replaced_on_two_instances_without_a_sign_out);

const OLD: &str = "the secret that is to be replaced";
const NEW: &str = "the secret that comes after the old one";

/// Whether both instances accept the browser's cookie. The first response may re-sign it, and the second instance then
/// gets the new one.
fn is_signed_in_everywhere(browser: &mut Browser, instances: &[Serving; 2]) -> bool {
    [0, 1, 0].iter().all(|number| browser.visit(instances[*number].address).is_signed_in())
}

/// Each step restarts one instance after the other; in between, their settings differ.
fn secrets_are_replaced_on_two_instances_without_a_sign_out(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database).with("KEYRACK_SECRETS", OLD);
    program.add_user(EMAIL);
    let mut instances = [program.serve(), program.serve()];
    let mut browsers = vec![instances[0].signed_in(EMAIL), instances[1].signed_in(EMAIL)];
    let away = instances[0].signed_in(EMAIL);
    for secrets in [format!("{OLD},{NEW}"), format!("{NEW},{OLD}")] {
        let program = program.clone().with("KEYRACK_SECRETS", &secrets);
        for number in 0..2 {
            instances[number] = program.serve();
            for browser in &mut browsers {
                assert!(is_signed_in_everywhere(browser, &instances), "{secrets}, after instance {number}");
            }
            // Forms of either instance are accepted by the other.
            let mut fresh = instances[0].signed_in(EMAIL);
            assert!(is_signed_in_everywhere(&mut fresh, &instances));
            browsers.push(fresh);
        }
    }
    // Once no session lives that was last used before the second step, the old secret goes.
    let program = program.with("KEYRACK_SECRETS", NEW);
    for number in 0..2 {
        instances[number] = program.serve();
        assert!(browsers.iter_mut().all(|browser| is_signed_in_everywhere(browser, &instances)));
    }
    assert!(!away.at(instances[0].address).is_signed_in(), "its cookie was never signed with the new secret");
}
