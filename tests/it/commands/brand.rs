//! The operator's name, logo and colour on the pages

use std::fs;

use crate::support::{Browser, EngineKind, PASSWORD, Program, TestDatabase, on_both_engines};

on_both_engines!(
    pages_carry_the_name_of_the_site,
    logo_is_served_and_shown_on_every_page,
    accent_is_in_the_stylesheet_and_its_url,
    password_made_of_the_name_is_refused,
);

const EMAIL: &str = "rajat.verma@example.com";

const WIDE_SVG: &str = r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 24"><script>alert(1)</script></svg>"#;

fn program(database: &TestDatabase) -> Program<'_> {
    Program::new(database).with("KEYRACK_NAME", " Jack & Jill’s ")
}

/// What `src` and `href` name.
fn links(page: &str) -> impl Iterator<Item = &str> {
    [" src=\"", " href=\""]
        .into_iter()
        .flat_map(|name| page.split(name).skip(1))
        .filter_map(|rest| rest.split('"').next())
}

fn stylesheet_of(browser: &mut Browser) -> (String, String) {
    let page = browser.get("/login").body;
    let url = links(&page).find(|link| link.contains("keyrack.css")).unwrap().to_owned();
    let css = browser.get(&url).body;
    (url, css)
}

fn pages_carry_the_name_of_the_site(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = program(&database);
    program.add_user(EMAIL);
    let serving = program.serve();
    let mut signed_in = serving.signed_in(EMAIL);
    let mut visitor = serving.browser();
    for page in [
        visitor.get("/login"),
        visitor.get("/nothing"),
        signed_in.get("/account/sessions"),
        signed_in.get("/account/password"),
        signed_in.get("/nothing"),
    ] {
        assert!(page.body.contains("· Jack &#38; Jill’s</title>"), "{}", page.body);
        assert!(page.body.contains("<bdi>Jack &#38; Jill’s</bdi>"), "{}", page.body);
        assert!(!page.body.contains("Keyrack"), "{}", page.body);
    }
    assert!(visitor.get("/login").body.contains("<h1>Sign in to Jack &#38; Jill’s</h1>"));
    let mut german = serving.browser().with_header("accept-language", "de");
    assert!(german.get("/login").body.contains("<h1>Bei Jack &#38; Jill’s anmelden</h1>"));
}

fn logo_is_served_and_shown_on_every_page(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let square = WIDE_SVG.replace("96", "24");
    for (svg, alternative, is_icon) in [(WIDE_SVG, "Jack &#38; Jill’s", false), (&square, "", true)] {
        let serving = program(&database).with_file("logo", svg).with("KEYRACK_LOGO", "logo").serve();
        let mut browser = serving.browser();
        let page = browser.get("/login").body;
        let logo = links(&page).find(|link| link.contains("logo.svg")).unwrap().to_owned();
        let width = if is_icon { 32 } else { 128 };
        let image = format!("src=\"{logo}\" width=\"{width}\" height=\"32\" alt=\"{alternative}\">");
        assert!(page.contains(&image), "{image}: {page}");
        assert_eq!(page.contains("<bdi>Jack"), is_icon, "{page}");
        assert_eq!(page.contains(&format!("<link rel=\"icon\" type=\"image/svg+xml\" href=\"{logo}\">")), is_icon);

        let served = browser.get(&logo);
        assert_eq!((served.status, served.body.as_str()), (200, svg));
        for (header, value) in [
            ("content-type", "image/svg+xml"),
            ("x-content-type-options", "nosniff"),
            ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox"),
            ("cache-control", "public, max-age=31536000, immutable"),
        ] {
            assert_eq!(served.header(header), Some(value));
        }
    }
    assert_eq!(Program::new(&database).serve().browser().get("/static/logo.svg").status, 404);
}

fn accent_is_in_the_stylesheet_and_its_url(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let (default_url, default_css) = stylesheet_of(&mut Program::new(&database).serve().browser());
    let serving = Program::new(&database).with("KEYRACK_ACCENT", "gold").serve();
    let (url, css) = stylesheet_of(&mut serving.browser());
    assert_ne!(url, default_url);
    let colours = css.strip_prefix(&default_css).unwrap();
    for line in [":root{--accent:#8d6600;", "dark){:root{--accent:#ffd700;"] {
        assert!(colours.contains(line), "{colours}");
    }
    let log = serving.stop().err;
    assert!(log.contains("the accent #ffd700 is shown as #8d6600"), "{log}");
}

fn password_made_of_the_name_is_refused(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database).with("KEYRACK_NAME", "Brontosaurier-Verleih");
    let password = "brontosaurier verleih 7";
    let refused = program.run_with_input(&["user", "add", EMAIL], &format!("{password}\n"));
    refused.assert_refused(1, &["the name of this site"]);
    program.add_user(EMAIL);
    let serving = program.serve();
    let mut browser = serving.signed_in(EMAIL);
    let fields = [("current_password", PASSWORD), ("password", password), ("password_again", password)];
    let refused = browser.post_from("/account/password", "/account/password", &fields);
    assert!(refused.status == 422 && refused.text().contains("the name of this site"), "{}", refused.body);
    let added = Program::new(&database).run_with_input(&["user", "add", "a@example.com"], &format!("{password}\n"));
    assert_eq!(added.status, 0, "{added:?}");
}

#[test]
fn file_that_is_no_logo_is_refused_before_serving() {
    let database = TestDatabase::blank(EngineKind::Sqlite);
    let refused = |file: &str| Program::new(&database).with("KEYRACK_LOGO", file).run(&["serve"]);
    refused("none.png").assert_refused(2, &["none.png", "--logo (KEYRACK_LOGO)", "cannot read the file"]);
    for (name, content, why) in [
        ("page.svg", "<html></html>", "no PNG, JPEG, WebP or SVG"),
        ("cut.png", "\u{fffd}PNG", "no PNG, JPEG, WebP or SVG"),
        ("small.svg", "<svg viewBox=\"0 0 9 9\"></svg>", "xmlns"),
        ("line.svg", &WIDE_SVG.replace("96", "9600"), "8 times as wide as high"),
        ("large.svg", &WIDE_SVG.replace("alert(1)", &" ".repeat(256 * 1024)), "more than 256 kB"),
    ] {
        fs::write(database.folder().join(name), content).unwrap();
        refused(name).assert_refused(2, &[name, "KEYRACK_LOGO", why]);
    }
}
