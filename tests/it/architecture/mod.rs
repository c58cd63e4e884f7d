//! Checks the source against the map in `src/lib.rs`, and what else no compiler checks: import circles, long files,
//! unused templates, words in templates, the names of the tests, the licences of the dependencies.

mod circles;
mod dependencies;
mod references;
mod rules;
mod security_rows;
mod source_tree;
mod template_words;
mod test_names;

use std::{fs, path::Path, sync::LazyLock};

use source_tree::SourceTree;

/// A file by its path from the repository's root.
#[derive(Clone)]
struct File {
    name: String,
    text: String,
}

/// Every file with this extension under a folder of this repository, sorted by path.
fn files(folder: &str, extension: &str) -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.push(File { name, text: fs::read_to_string(&path).unwrap() });
            }
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// The tests in a real browser. The folder also has their dependencies, once they are installed.
fn browser_tests() -> Vec<File> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("e2e");
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let tests = paths.filter(|path| path.to_str().unwrap().ends_with(".test.mjs"));
    tests.map(|path| File { name: path.display().to_string(), text: fs::read_to_string(&path).unwrap() }).collect()
}

/// The crate's source.
static SOURCE: LazyLock<SourceTree> = LazyLock::new(|| {
    let files = files("src", "rs");
    assert!(files.len() > 50, "src/ has only {} files", files.len());
    SourceTree::parse(&files)
});

#[track_caller]
fn assert_no_problems(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn layers_use_only_layers_below_them() {
    assert_no_problems(&rules::wrong_directions(&SOURCE));
}

/// See [`circles`] for the rule and its reason.
#[test]
fn imports_form_no_circles() {
    assert_no_problems(&circles::circles(&SOURCE));
}

#[test]
fn source_files_are_short() {
    assert_no_problems(&rules::long_files(&files("src", "rs")));
}

#[test]
fn every_template_is_used() {
    let templates = [files("templates", "html"), files("templates", "svg")].concat();
    assert!(templates.len() > 10, "templates/ has only {} files", templates.len());
    assert_no_problems(&rules::unused_templates(&files("src", "rs"), &templates));
}

#[test]
fn templates_have_no_words_of_their_own() {
    assert_no_problems(&template_words::words_outside_of_messages(&files("templates", "html")));
}

#[test]
fn tests_are_named_by_verb_and_condition() {
    assert_no_problems(&test_names::bad_test_names(&[files("src", "rs"), files("tests", "rs")].concat()));
}

#[test]
fn security_tables_have_every_requirement_and_living_tests() {
    const DOCUMENT: &str = include_str!("../../../SECURITY.md");
    let source = [files("src", "rs"), files("tests", "rs")].concat();
    assert_no_problems(&security_rows::problems(DOCUMENT, &source, &browser_tests()));
}
