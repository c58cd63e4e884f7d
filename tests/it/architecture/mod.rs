//! The directions of the map in `src/lib.rs`, held against the source.

mod paths;
mod rules;

use std::{fs, path::Path};

use rules::{File, breaches};

/// Every file under a folder of this repository with one of these endings, by its path from the root.
fn files(folder: &str, ending: &str) -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == ending) {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.push(File { name, text: fs::read_to_string(&path).unwrap() });
            }
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

#[test]
fn the_source_keeps_the_directions_of_the_map() {
    let files = files("src", "rs");
    assert!(files.len() > 50, "the source is not where it is looked for");
    let breaches = breaches(&files);
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

#[test]
fn every_template_has_its_page_and_every_part_its_user() {
    let (source, templates) =
        (files("src/web", "rs"), [files("templates", "html"), files("templates", "svg")].concat());
    assert!(templates.len() > 10, "the templates are not where they are looked for");
    let breaches = rules::unused_templates(&source, &templates);
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}
