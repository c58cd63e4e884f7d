//! The guide's "Going back": Express works without Keyrack again.

use super::pair::{COOKIE, EMAIL};
use crate::{
    express_import::guide::statements,
    support::{
        Browser, EngineKind, Program, SECRETS, TestDatabase,
        express::{Express, with_express},
    },
};

with_express!(express_works_after_going_back_and_keyrack_can_return);

fn express_works_after_going_back_and_keyrack_can_return() {
    let database = TestDatabase::blank(EngineKind::Postgres);
    let shop = Express::example(database.url());
    let sign_in = |browser: &mut Browser| {
        let answer = browser.post("/sign-in", &[("email", EMAIL), ("password", "four birds under one roof")]);
        assert_eq!(answer.location(), "/");
    };
    let [mut stays, mut revoked, mut comes] = [(); 3].map(|()| Browser::new(shop.address));
    sign_in(&mut stays);
    let program = Program::new(&database).with("KEYRACK_COOKIE_NAME", COOKIE).with("KEYRACK_SECRETS", SECRETS);
    program.done(&["migrate"]);
    sign_in(&mut revoked);
    let id = database.text(&format!("SELECT id::text AS v FROM sessions WHERE sid = '{}'", revoked.sid_in(COOKIE)));
    program.done(&["session", "revoke", &id]);

    for block in statements("Going back") {
        database.execute(block);
    }
    stays.post("/cart", &[("item", "a lamp")]);
    assert!(stays.get("/").text().contains("a lamp"));
    assert_eq!(revoked.get("/").location(), "/sign-in", "an ended session stays ended");
    sign_in(&mut comes);
    assert_eq!(comes.post("/sign-out", &[]).location(), "/sign-in");
    sign_in(&mut comes);

    program.done(&["migrate"]);
    let keyrack = program.serve();
    for browser in [&mut stays, &mut comes] {
        assert!(browser.visit(keyrack.address).is_signed_in());
        assert_eq!(browser.visit(shop.address).get("/").status, 200);
    }
    assert_eq!(program.done(&["doctor"]), "No problems found.\n");
}
