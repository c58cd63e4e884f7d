//! Checks the licence and the source of every dependency against `deny.toml`, as cargo-deny does where it is installed.

use std::{env, path::Path, process::Command};

use serde_json::Value;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Returns what `cargo metadata` reports about the packages for this platform; those for others may not be downloaded.
fn packages() -> Vec<Value> {
    let version = Command::new("rustc").arg("-vV").output().unwrap().stdout;
    let version = String::from_utf8(version).unwrap();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let output = Command::new(env::var("CARGO").as_deref().unwrap_or("cargo"))
        .args(["metadata", "--locked", "--offline", "--format-version=1", "--filter-platform", host])
        .current_dir(ROOT)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    serde_json::from_value(metadata["packages"].take()).unwrap()
}

fn parse(file: &str) -> toml::Table {
    std::fs::read_to_string(Path::new(ROOT).join(file)).unwrap().parse().unwrap()
}

/// Returns a list of strings in a section of `deny.toml`.
fn listed(section: &str, list: &str) -> Vec<String> {
    parse("deny.toml")[section][list].clone().try_into().unwrap()
}

/// Reports whether `allowed` suffices for an SPDX expression. `/` is the older way to write `OR`.
fn is_licence_allowed(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut tokens = spaced.split_whitespace().peekable();
    let is_allowed = any_of(&mut tokens, allowed);
    assert_eq!(tokens.next(), None, "not understood: {expression}");
    is_allowed
}

type Tokens<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

/// `AND` binds more tightly than `OR`.
fn any_of(tokens: &mut Tokens<'_>, allowed: &[String]) -> bool {
    let mut found = all_of(tokens, allowed);
    while tokens.next_if_eq(&"OR").is_some() {
        found |= all_of(tokens, allowed);
    }
    found
}

fn all_of(tokens: &mut Tokens<'_>, allowed: &[String]) -> bool {
    let mut found = one(tokens, allowed);
    while tokens.next_if_eq(&"AND").is_some() {
        found &= one(tokens, allowed);
    }
    found
}

fn one(tokens: &mut Tokens<'_>, allowed: &[String]) -> bool {
    if tokens.next_if_eq(&"(").is_some() {
        let found = any_of(tokens, allowed);
        assert_eq!(tokens.next(), Some(")"));
        return found;
    }
    let mut licence = tokens.next().unwrap().to_owned();
    if tokens.next_if_eq(&"WITH").is_some() {
        licence = format!("{licence} WITH {}", tokens.next().unwrap());
    }
    allowed.contains(&licence)
}

#[test]
fn licences_of_dependencies_are_allowed() {
    let allowed = listed("licenses", "allow");
    let refused: Vec<String> = packages()
        .iter()
        .filter(|package| !package["license"].as_str().is_some_and(|licence| is_licence_allowed(licence, &allowed)))
        .map(|package| format!("{} {}: {}", package["name"], package["version"], package["license"]))
        .collect();
    assert!(refused.is_empty(), "deny.toml does not allow the licence of:\n{}", refused.join("\n"));
}

#[test]
fn dependencies_come_from_allowed_registries() {
    let allowed = listed("sources", "allow-registry");
    let locked: Vec<toml::Table> = parse("Cargo.lock")["package"].clone().try_into().unwrap();
    let refused: Vec<&str> = locked
        .iter()
        .filter(|package| match package.get("source") {
            Some(source) => !allowed.iter().any(|url| source.as_str() == Some(&format!("registry+{url}"))),
            // A package of this repository, or a path outside of it.
            None => package["name"].as_str() != Some("keyrack"),
        })
        .map(|package| package["name"].as_str().unwrap())
        .collect();
    assert!(refused.is_empty(), "deny.toml does not allow the source of {refused:?}");
}

#[test]
fn dependencies_have_no_wildcard_versions() {
    let packages = packages();
    let keyrack = packages.iter().find(|package| package["name"] == "keyrack").unwrap();
    for dependency in keyrack["dependencies"].as_array().unwrap() {
        assert_ne!(dependency["req"], "*", "{} has no version in Cargo.toml", dependency["name"]);
    }
}

#[test]
fn licence_expressions_are_evaluated() {
    let allowed = ["MIT".to_owned(), "Zlib".to_owned()];
    for expression in ["MIT", "MIT/Apache-2.0", "GPL-3.0 OR MIT", "MIT AND Zlib", "(GPL-3.0 OR MIT) AND Zlib"] {
        assert!(is_licence_allowed(expression, &allowed), "{expression}");
    }
    for expression in ["GPL-3.0", "MIT AND GPL-3.0", "(MIT OR Zlib) AND GPL-3.0", "MIT WITH LLVM-exception"] {
        assert!(!is_licence_allowed(expression, &allowed), "{expression}");
    }
}
