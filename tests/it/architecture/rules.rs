//! The rules, and what breaks them.

use std::collections::BTreeMap;

use super::paths::{SourcePath, paths};

/// A file by its path from the repository's root.
#[derive(Clone)]
pub struct File {
    pub name: String,
    pub text: String,
}

/// Longer files hold more than one noun.
const MOST_LINES: usize = 450;

/// Each layer, and the layers below it that it may use. `commands` may use everything.
const LAYERS: [(&str, &[&str]); 11] = [
    ("main", &["commands"]),
    ("commands", &["app", "routes", "web", "accounts", "sessions", "db", "config", "error", "clock"]),
    ("app", &["routes", "web", "accounts", "sessions", "db", "config", "error", "clock"]),
    ("routes", &["web"]),
    ("web", &["accounts", "sessions", "db", "config", "error", "clock"]),
    ("accounts", &["sessions", "db", "error", "clock"]),
    ("sessions", &["db", "error", "clock"]),
    ("db", &["error", "clock"]),
    // The settings are made of the layers' own values.
    ("config", &["accounts", "sessions", "db", "clock"]),
    ("error", &[]),
    ("clock", &[]),
];

/// Where Diesel may stand.
const DIESEL: [&str; 3] = ["src/db/", "src/sessions/queries/", "src/accounts/queries.rs"];

/// Everything in `src` that breaks a rule, as `file:line: what`.
pub fn breaches(files: &[File]) -> Vec<String> {
    let exports = exports(files);
    files.iter().flat_map(|file| breaches_in(file, &exports)).collect()
}

/// What `lib.rs` shows of the layers under its own name, as in `pub use app::Keyrack`: the name, and the layer.
fn exports(files: &[File]) -> BTreeMap<String, String> {
    let root = files.iter().filter(|file| file.name == "src/lib.rs");
    let paths = root.flat_map(|file| paths(&file.text, &[]));
    let exported = paths.filter(|path| path.segments.len() > 1 && may_use(&path.segments[0]).is_some());
    exported.map(|path| (path.segments[path.segments.len() - 1].clone(), path.segments[0].clone())).collect()
}

fn may_use(layer: &str) -> Option<&'static [&'static str]> {
    LAYERS.iter().find(|(name, _)| *name == layer).map(|(_, below)| *below)
}

fn breaches_in(file: &File, exports: &BTreeMap<String, String>) -> Vec<String> {
    let module = module_of(&file.name);
    let mut found = Vec::new();
    let lines = file.text.lines().count();
    if lines > MOST_LINES {
        found.push(format!("{}:{}: {lines} lines, more than {MOST_LINES}", file.name, MOST_LINES + 1));
    }
    // `lib.rs` is the map itself.
    if let Some(layer) = module.first().filter(|layer| **layer != "lib") {
        let Some(below) = may_use(layer) else {
            found.push(format!("{}:1: the map of the layers does not know {layer}", file.name));
            return found;
        };
        for path in paths(&file.text, &module) {
            let breach = breach(file, layer, below, &path, exports);
            found.extend(breach.map(|what| format!("{}:{}: {what}", file.name, path.line)));
        }
    }
    found
}

fn breach(
    file: &File,
    layer: &str,
    below: &[&str],
    path: &SourcePath,
    exports: &BTreeMap<String, String>,
) -> Option<String> {
    let [first, rest @ ..] = path.segments.as_slice() else { return None };
    let whole = path.segments.join("::");
    if matches!(first.as_str(), "crate" | "keyrack") {
        let name = rest.first()?;
        let used = exports.get(name).unwrap_or(name);
        let allowed = used == layer || below.contains(&used.as_str());
        return (!allowed).then(|| format!("{layer} must not use {used} ({whole})"));
    }
    let is_diesel = first == "diesel" || first.starts_with("diesel_");
    if is_diesel && !DIESEL.iter().any(|place| file.name.starts_with(place)) {
        return Some(format!("Diesel stands in {} only ({whole})", DIESEL.join(", ")));
    }
    let is_domain = matches!(layer, "accounts" | "sessions" | "db" | "error" | "clock");
    (is_domain && first.starts_with("actix")).then(|| format!("{layer} knows nothing of the web ({whole})"))
}

/// `src/web/pages/mod.rs` is the module `web::pages`, `src/web/csrf.rs` is `web::csrf`.
fn module_of(name: &str) -> Vec<&str> {
    let path = name.strip_prefix("src/").unwrap().strip_suffix(".rs").unwrap();
    path.strip_suffix("/mod").unwrap_or(path).split('/').collect()
}

/// Templates that no page names, and partials and icons that no template includes.
pub fn unused_templates(source: &[File], templates: &[File]) -> Vec<String> {
    let is_named = |texts: &[File], quoted: &str| texts.iter().any(|file| file.text.contains(quoted));
    let unused = templates.iter().filter_map(|template| {
        let name = template.name.strip_prefix("templates/").unwrap();
        let is_page = !name.contains('/') && name != "layout.html";
        if is_page {
            let page = format!("#[template(path = \"{name}\")]");
            (!is_named(source, &page)).then(|| format!("{}:1: no page shows it", template.name))
        } else {
            (!is_named(templates, &format!("\"{name}\""))).then(|| format!("{}:1: no template uses it", template.name))
        }
    });
    unused.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, text: &str) -> File {
        File { name: name.to_owned(), text: text.to_owned() }
    }

    /// What is said about one file beside a `lib.rs`, without the file's name.
    fn said(name: &str, text: &str) -> Vec<String> {
        let lib = file(
            "src/lib.rs",
            "mod app;\nmod web;\npub use app::Keyrack;\npub use web::{RequestSession, signed_in};\n",
        );
        let breaches = breaches(&[lib, file(name, text)]);
        breaches.iter().map(|breach| breach.strip_prefix(name).unwrap().to_owned()).collect()
    }

    #[test]
    fn what_the_map_allows_is_not_mentioned() {
        for (name, text) in [
            ("src/main.rs", "fn main() { keyrack::commands::main() }"),
            ("src/commands/serve.rs", "use crate::{Keyrack, config::Config};\nuse super::Failure;"),
            (
                "src/web/pages/login.rs",
                "use crate::{accounts::Accounts, web::RequestSession};\nuse actix_web::web::Form;",
            ),
            ("src/web/csrf.rs", "//! See crate::commands and diesel.\nconst TEXT: &str = \"crate::app\";"),
            ("src/sessions/queries/mod.rs", "use diesel::prelude::*;\nuse super::model::Sid;"),
            ("src/accounts/users.rs", "use crate::sessions::Sessions;"),
            ("src/db/pool.rs", "#[derive(diesel::MultiConnection)] enum E {}"),
        ] {
            assert_eq!(said(name, text), <[&str; 0]>::default(), "{name}");
        }
    }

    #[test]
    fn every_wrong_direction_is_named_with_its_file_and_line() {
        for (name, text, expected) in [
            (
                "src/main.rs",
                "\nuse keyrack::web::RequestSession;",
                ":2: main must not use web (keyrack::web::RequestSession)",
            ),
            ("src/app.rs", "use crate::commands;", ":1: app must not use commands (crate::commands)"),
            ("src/routes.rs", "use crate::sessions::Sid;", ":1: routes must not use sessions (crate::sessions::Sid)"),
            ("src/web/a.rs", "\n\nuse crate::Keyrack;", ":3: web must not use app (crate::Keyrack)"),
            ("src/web/a/b.rs", "use super::super::super::routes;", ":1: web must not use routes (crate::routes)"),
            (
                "src/web/a.rs",
                "fn f() { crate::commands::main() }",
                ":1: web must not use commands (crate::commands::main)",
            ),
            (
                "src/accounts/a.rs",
                "use crate::{\n  clock::Clock,\n  web,\n};",
                ":3: accounts must not use web (crate::web)",
            ),
            (
                "src/sessions/a.rs",
                "use crate::accounts::Email;",
                ":1: sessions must not use accounts (crate::accounts::Email)",
            ),
            (
                "src/sessions/a.rs",
                "use crate::RequestSession;",
                ":1: sessions must not use web (crate::RequestSession)",
            ),
            ("src/db/mod.rs", "use super::sessions::Sid;", ":1: db must not use sessions (crate::sessions::Sid)"),
            ("src/config.rs", "use crate::web;", ":1: config must not use web (crate::web)"),
            (
                "src/error.rs",
                "use diesel::result::Error;",
                ":1: Diesel stands in src/db/, src/sessions/queries/, src/accounts/queries.rs only (diesel::result::Error)",
            ),
            (
                "src/sessions/list.rs",
                "\n#[diesel(x)]",
                ":2: Diesel stands in src/db/, src/sessions/queries/, src/accounts/queries.rs only (diesel)",
            ),
            ("src/accounts/a.rs", "use actix_web::web;", ":1: accounts knows nothing of the web (actix_web::web)"),
            ("src/helpers.rs", "", ":1: the map of the layers does not know helpers"),
        ] {
            assert_eq!(said(name, text), [expected], "{name}");
        }
    }

    #[test]
    fn long_files_and_orphaned_templates_are_named() {
        assert_eq!(said("src/web/a.rs", &"\n".repeat(450)), <[&str; 0]>::default());
        assert_eq!(said("src/web/a.rs", &"\n".repeat(451)), [":451: 451 lines, more than 450"]);

        let source = [file("src/web/pages/a.rs", "#[template(path = \"a.html\")]")];
        let templates = [
            file("templates/a.html", "{% extends \"layout.html\" %}{% include \"icons/a.svg\" %}"),
            file("templates/b.html", ""),
            file("templates/layout.html", ""),
            file("templates/icons/a.svg", ""),
            file("templates/partials/c.html", ""),
        ];
        let expected = ["templates/b.html:1: no page shows it", "templates/partials/c.html:1: no template uses it"];
        assert_eq!(unused_templates(&source, &templates), expected);
    }
}
