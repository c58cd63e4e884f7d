//! The rules, and what breaks them.

use super::{
    File,
    source_tree::{ParsedFile, SourceTree, Target},
};

/// Longer files hold more than one noun.
const MAX_LINES: usize = 450;

/// Each layer, and the layers below it that it may use. `commands` may use everything.
const LAYERS: [(&str, &[&str]); 18] = [
    ("main", &["commands"]),
    (
        "commands",
        &[
            "app", "routes", "web", "accounts", "sessions", "mail", "events", "db", "geoip", "config", "error",
            "clock", "text", "words",
        ],
    ),
    (
        "app",
        &[
            "routes", "web", "accounts", "sessions", "mail", "events", "db", "geoip", "config", "error", "clock",
            "text", "words", "fuzz",
        ],
    ),
    ("routes", &["web"]),
    (
        "web",
        &["accounts", "sessions", "mail", "events", "db", "geoip", "config", "error", "clock", "text", "words", "fuzz"],
    ),
    ("accounts", &["sessions", "mail", "events", "db", "error", "clock", "text", "file_stamp", "fuzz"]),
    ("mail", &["events", "db", "error", "clock", "text", "words"]),
    ("sessions", &["events", "db", "error", "clock", "text", "fuzz"]),
    ("events", &["db", "error", "clock", "text"]),
    ("db", &["error", "clock", "text", "fuzz"]),
    ("geoip", &["clock", "text", "file_stamp", "fuzz"]),
    // The settings are made of the layers' own values.
    ("config", &["accounts", "sessions", "mail", "events", "db", "geoip", "clock", "text", "words", "fuzz"]),
    ("error", &[]),
    ("clock", &[]),
    ("text", &[]),
    ("file_stamp", &[]),
    ("words", &[]),
    // Only in tests.
    ("fuzz", &[]),
];

/// The only places that may use Diesel.
const DIESEL: [&str; 6] = [
    "src/db/",
    "src/events/queries.rs",
    "src/mail/queries.rs",
    "src/sessions/queries/",
    "src/accounts/queries.rs",
    "src/accounts/queries/",
];

/// Files with too many lines, as `file:line: problem`.
pub fn long_files(files: &[File]) -> Vec<String> {
    let lengths = files.iter().map(|file| (&file.name, file.text.lines().count()));
    let long = lengths.filter(|(_, lines)| *lines > MAX_LINES);
    long.map(|(name, lines)| format!("{name}:{}: {lines} lines, more than {MAX_LINES}", MAX_LINES + 1)).collect()
}

/// Uses of a layer, or of another crate, from where it is not allowed, as `file:line: problem`.
pub fn wrong_directions(tree: &SourceTree) -> Vec<String> {
    tree.files.iter().flat_map(|file| wrong_directions_of(file, tree)).collect()
}

fn wrong_directions_of(file: &ParsedFile, tree: &SourceTree) -> Vec<String> {
    // `lib.rs` is the map itself.
    let Some(layer) = file.module.first() else { return Vec::new() };
    let Some((_, below)) = LAYERS.iter().find(|(name, _)| name == layer) else {
        return vec![format!("{}:1: the map of the layers does not contain {layer}", file.name)];
    };
    let mut found: Vec<(usize, String)> = Vec::new();
    for reference in &file.references {
        let path = reference.segments.join("::");
        let first = reference.segments[0].as_str();
        let problem = match tree.target(reference) {
            Target::External(_) => foreign_crate(file, layer, first),
            // An imported name is judged where it is imported.
            _ if !matches!(first, "crate" | "keyrack" | "self" | "super") => None,
            Target::Module(module) => module.first().and_then(|used| wrong_layer(layer, below, used)),
            Target::Item { module, name } => wrong_layer(layer, below, module.first().unwrap_or(&name)),
        };
        found.extend(problem.map(|problem| (reference.line, format!("{problem} ({path})"))));
    }
    found.into_iter().map(|(line, problem)| format!("{}:{line}: {problem}", file.name)).collect()
}

fn wrong_layer(layer: &str, below: &[&str], used: &str) -> Option<String> {
    let is_allowed = used == layer || below.contains(&used);
    (!is_allowed).then(|| format!("{layer} must not use {used}"))
}

fn foreign_crate(file: &ParsedFile, layer: &str, name: &str) -> Option<String> {
    let is_diesel = name == "diesel" || name.starts_with("diesel_");
    if is_diesel && !DIESEL.iter().any(|place| file.name.starts_with(place)) {
        return Some(format!("only {} may use Diesel", DIESEL.join(", ")));
    }
    let is_domain = matches!(layer, "accounts" | "sessions" | "mail" | "events" | "db" | "error" | "clock" | "text");
    (is_domain && name.starts_with("actix")).then(|| format!("{layer} must not use Actix"))
}

/// Templates that no page names, and partials and icons that no template includes.
pub fn unused_templates(source: &[File], templates: &[File]) -> Vec<String> {
    let is_named = |texts: &[File], quoted: &str| texts.iter().any(|file| file.text.contains(quoted));
    let unused = templates.iter().filter_map(|template| {
        let name = template.name.strip_prefix("templates/").unwrap();
        let is_page = !name.contains('/') && name != "layout.html";
        if is_page {
            let page = format!("#[template(path = \"{name}\")]");
            (!is_named(source, &page)).then(|| format!("{}:1: no page uses it", template.name))
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

    /// The problems of one file beside a `lib.rs`, without the file's name.
    fn problems(name: &str, text: &str) -> Vec<String> {
        let lib = file(
            "src/lib.rs",
            "mod app;\nmod web;\npub use app::Keyrack;\npub use web::{RequestSession, signed_in};\n",
        );
        let files = [lib, file(name, text)];
        let problems = [long_files(&files), wrong_directions(&SourceTree::parse(&files))].concat();
        problems.iter().map(|problem| problem.strip_prefix(name).unwrap().to_owned()).collect()
    }

    #[test]
    fn allowed_directions_are_accepted() {
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
            assert_eq!(problems(name, text), [""; 0], "{name}");
        }
    }

    #[test]
    fn wrong_direction_is_reported_with_file_and_line() {
        let diesel = "only src/db/, src/events/queries.rs, src/mail/queries.rs, src/sessions/queries/, src/accounts/queries.rs, src/accounts/queries/ may use Diesel";
        for (name, text, expected) in [
            (
                "src/main.rs",
                "\nuse keyrack::web::RequestSession;",
                ":2: main must not use web (keyrack::web::RequestSession)",
            ),
            ("src/app.rs", "use crate::commands;", ":1: app must not use commands (crate::commands)"),
            ("src/routes.rs", "use crate::sessions::Sid;", ":1: routes must not use sessions (crate::sessions::Sid)"),
            ("src/web/a.rs", "\n\nuse crate::Keyrack;", ":3: web must not use app (crate::Keyrack)"),
            (
                "src/web/a/b.rs",
                "use super::super::super::routes;",
                ":1: web must not use routes (super::super::super::routes)",
            ),
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
            ("src/db/mod.rs", "use super::sessions::Sid;", ":1: db must not use sessions (super::sessions::Sid)"),
            ("src/config.rs", "use crate::web;", ":1: config must not use web (crate::web)"),
            ("src/error.rs", "use diesel::result::Error;", &format!(":1: {diesel} (diesel::result::Error)")),
            ("src/sessions/list.rs", "\n#[diesel(x)] struct S;", &format!(":2: {diesel} (diesel)")),
            ("src/accounts/a.rs", "use actix_web::web;", ":1: accounts must not use Actix (actix_web::web)"),
            ("src/helpers.rs", "", ":1: the map of the layers does not contain helpers"),
        ] {
            assert_eq!(problems(name, text), [expected], "{name}");
        }
    }

    #[test]
    fn long_files_and_unused_templates_are_reported() {
        assert_eq!(problems("src/web/a.rs", &"\n".repeat(450)), [""; 0]);
        assert_eq!(problems("src/web/a.rs", &"\n".repeat(451)), [":451: 451 lines, more than 450"]);

        let source = [file("src/web/pages/a.rs", "#[template(path = \"a.html\")]")];
        let templates = [
            file("templates/a.html", "{% extends \"layout.html\" %}{% include \"icons/a.svg\" %}"),
            file("templates/b.html", ""),
            file("templates/layout.html", ""),
            file("templates/icons/a.svg", ""),
            file("templates/partials/c.html", ""),
        ];
        let expected = ["templates/b.html:1: no page uses it", "templates/partials/c.html:1: no template uses it"];
        assert_eq!(unused_templates(&source, &templates), expected);
    }
}
