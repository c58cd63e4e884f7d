use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use super::*;
use crate::{config::Brand, web::Assets};

/// The size of a page, with the files that it links, beyond which it is slow on a phone with a bad connection.
const MAX_PAGE_BYTES: usize = 50 * 1000;

fn source_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            source_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The structs of all templates, except for the list of states itself.
fn templates() -> BTreeSet<String> {
    let mut files = Vec::new();
    source_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web"), &mut files);
    let mut found = BTreeSet::new();
    for text in files.into_iter().map(|file| fs::read_to_string(file).unwrap()) {
        for part in text.split("#[template(path = \"").skip(1) {
            let Some((_, declaration)) = part.split_once("struct ") else { continue };
            found.insert(declaration.split([' ', '<', '{']).next().unwrap().to_owned());
        }
    }
    assert!(found.remove("StatesPage"));
    found
}

fn states() -> Vec<PageState> {
    all(&Sample::new(Words::new(Language::En)))
}

#[test]
fn every_template_has_states() {
    let shown: BTreeSet<String> = states().iter().map(|state| state.template_name().to_owned()).collect();
    assert_eq!(shown, templates());
}

#[test]
fn every_state_is_rendered_in_every_language() {
    for language in Language::ALL {
        for is_long in [false, true] {
            let sample = Sample { is_long, ..Sample::new(Words::new(*language)) };
            let mut names = BTreeSet::new();
            for state in all(&sample) {
                let html = state.html.unwrap();
                assert!(html.contains(&format!("<html lang=\"{}\"", language.code())), "{}", state.name);
                assert!(names.insert(state.name), "{} is there twice", state.name);
            }
            assert!(names.len() > 100, "{}", names.len());
        }
    }
}

/// Lists of 50 devices aside, which are as long as their content.
#[test]
fn page_and_its_files_have_less_than_50_kilobytes() {
    let linked = Assets::new(&Brand::default()).len();
    for state in states() {
        let html = state.html.unwrap();
        let entries = html.matches("<li class=\"device\"").count() + html.matches("<li class=\"event").count();
        if entries < 10 {
            assert!(html.len() + linked < MAX_PAGE_BYTES, "{}: {} + {linked} bytes", state.name, html.len());
        }
        for inline in ["<style", "style=\"", "<script>", "onclick", "javascript:"] {
            assert!(!html.contains(inline), "{}: {inline}", state.name);
        }
    }
}
