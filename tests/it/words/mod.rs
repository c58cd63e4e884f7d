//! What `build/` makes of the words of the pages, and what it refuses.

#[path = "../../../build/catalog.rs"]
mod catalog;
#[path = "../../../build/languages.rs"]
mod languages;
#[path = "../../../build/pattern.rs"]
mod pattern;
#[path = "../../../build/pseudo.rs"]
mod pseudo;
#[path = "../../../build/rust_code.rs"]
mod rust_code;

use catalog::Catalog;

/// Reads two files with these texts.
fn read(english: &str, german: &str) -> Result<Catalog, Vec<String>> {
    Catalog::read(&[("en.ftl".to_owned(), english.to_owned()), ("de.ftl".to_owned(), german.to_owned())])
}

fn problems(english: &str, german: &str) -> String {
    read(english, german).err().unwrap_or_default().join("; ")
}

/// The Rust of one message.
fn code(english: &str, german: &str) -> String {
    let code = rust_code::write(&read(english, german).ok().unwrap());
    code.split_once("impl Words").unwrap().1.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn differences_between_languages_are_refused() {
    let count = "# $count (Number)\na = { $count }\n";
    for (english, german, expected) in [
        ("a = A\nb = B\n", "a = A\n", "de.ftl: the message b is missing"),
        ("a = A\n", "a = A\nb = B\n", "de.ftl: the message b does not exist in en.ftl"),
        ("a = A\n", "a = A\na = B\n", "de.ftl: the message a exists twice"),
        (count, "a = A\n", "de.ftl: the message a: it does not use count"),
        (count, "a = { $number }\n", "de.ftl: the message a: it is not given number"),
        (count, "a = { $count } <count>A</count>\n", "de.ftl: the message a: count is used as something else"),
        (count, "a = { $count ->\n    [few] A\n   *[other] B\n}\n", "de.ftl: the message a: count is used as"),
        ("a = { $count }\n", "a = { $count }\n", "en.ftl: the message a: it is not given count"),
        ("a = <b>A\n", "a = A\n", "en.ftl: the message a: <b> is not closed"),
        ("a = { b }\n", "a = A\n", "en.ftl: the message a: only $arguments"),
        ("a = A\n    .title = B\n", "a = A\n", "en.ftl: the message a: it needs a text, and no attributes"),
        ("a = A\n", "a = A\n= B\n", "de.ftl:2:"),
    ] {
        let problems = problems(english, german);
        assert!(problems.contains(expected), "{english} {german}: {problems}");
    }
    assert_eq!(problems(count, "a = A { $count } B\n"), "");
}

#[test]
fn message_without_arguments_is_a_constant() {
    let code = code("sign-in = Sign in\n", "sign-in = Anmelden\n");
    assert!(code.contains("pub const fn sign_in(self) -> &'static str"), "{code}");
    assert!(code.contains("Language::En => \"Sign in\", Language::De => \"Anmelden\","), "{code}");
    assert!(code.contains("Language::EnXa => \"[Šîĝñ îñ one]\""), "{code}");
}

#[test]
fn plural_and_number_select_their_variant() {
    let message = "a = { $count ->\n    [0] none\n    [one] one\n   *[other] many\n}\n";
    let code = code(&format!("# $count (Number)\n{message}"), message);
    assert!(code.contains("pub fn a(self, count: impl Number) -> String"), "{code}");
    assert!(code.contains("match count { 0 => { out.push_str(\"none\"); }, n if n == 1 =>"), "{code}");
}

#[test]
fn text_around_links_and_times_is_escaped() {
    let message = "a = <b>this</b> & { $when }\n";
    let code = code(&format!("# $when (Time)\n# <b> (Link)\n{message}"), message);
    assert!(code.contains("pub fn a(self, when: impl Inline, b: impl AsRef<str>) -> Html"), "{code}");
    assert!(code.contains("push_link(&mut out, b, \"this\"); out.push_str(\" &#38; \");"), "{code}");
}

#[test]
fn pseudo_languages_keep_arguments() {
    let message = "a = Signed in { $ago }\n";
    let code = code(&format!("# $ago (String)\n{message}"), message);
    let (_, accented) = code.split_once("Language::EnXa => ").unwrap();
    let (accented, mirrored) = accented.split_once("Language::ArXb => ").unwrap();
    assert!(accented.contains("Šîĝñéð îñ ") && accented.contains("ago.push_to"), "{accented}");
    assert!(mirrored.contains("\\u{202e}Signed\\u{202c} ") && mirrored.contains("ago.push_to"), "{mirrored}");
}
