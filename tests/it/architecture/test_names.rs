//! Checks that tests are named by verb and condition, briefly, so that `cargo test rotate` finds the tests of rotation.

use std::collections::BTreeSet;

use proc_macro2::{Ident, TokenTree};
use syn::visit::{self, Visit};

use super::File;

const MAX_LENGTH: usize = 64;

/// Words that say nothing about the subject of the test.
const VAGUE_BEGINNINGS: [&str; 5] = ["what_", "who_", "whoever_", "nobody_", "somebody_"];

/// Tests with a name that is too long or begins with a vague word, as `file:line: problem`.
pub fn bad_test_names(files: &[File]) -> Vec<String> {
    files.iter().flat_map(bad_test_names_in).collect()
}

/// The names of all tests that run: those with `#[ignore]` don't.
pub fn names_of_tests(files: &[File]) -> BTreeSet<String> {
    files.iter().flat_map(|file| Tests::of(file).names).map(|name| name.to_string()).collect()
}

fn bad_test_names_in(file: &File) -> Vec<String> {
    let tests = Tests::of(file);
    let problem = |test: &Ident| {
        let (name, line) = (test.to_string(), test.span().start().line);
        let length = name.chars().count();
        let vague = VAGUE_BEGINNINGS.iter().find(|beginning| name.starts_with(*beginning));
        match vague {
            Some(vague) => Some(format!("{}:{line}: {name} begins with {vague}", file.name)),
            None if length > MAX_LENGTH => {
                Some(format!("{}:{line}: {name} has {length} characters, more than {MAX_LENGTH}", file.name))
            }
            None => None,
        }
    };
    tests.names.iter().filter_map(problem).collect()
}

/// The functions with a `#[test]` attribute, and those that a macro such as `on_both_engines!` makes tests of.
#[derive(Default)]
struct Tests {
    names: Vec<Ident>,
}

impl Tests {
    fn of(file: &File) -> Self {
        let parsed = syn::parse_file(&file.text).unwrap_or_else(|error| panic!("{}: {error}", file.name));
        let mut tests = Self::default();
        tests.visit_file(&parsed);
        tests
    }
}

impl<'ast> Visit<'ast> for Tests {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        let has = |name: &str| {
            let is_named = |attribute: &syn::Attribute| {
                attribute.path().segments.last().is_some_and(|segment| segment.ident == name)
            };
            function.attrs.iter().any(is_named)
        };
        if has("test") && !has("ignore") {
            self.names.push(function.sig.ident.clone());
        }
        visit::visit_item_fn(self, function);
    }

    fn visit_item_macro(&mut self, call: &'ast syn::ItemMacro) {
        // A list of names and nothing else.
        let names = call.mac.tokens.clone().into_iter().map(|token| match token {
            TokenTree::Ident(name) => Some(Some(name)),
            TokenTree::Punct(comma) if comma.as_char() == ',' => Some(None),
            _ => None,
        });
        if let Some(names) = names.collect::<Option<Vec<_>>>() {
            self.names.extend(names.into_iter().flatten());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_and_vague_test_names_are_reported() {
        let long = "a".repeat(65);
        let text = format!(
            "on_both_engines!(
                what_is_tested,
                {long},
            );
            mod tests {{
                #[test]
                fn nobody_is_tested() {{}}
                #[actix_web::test]
                async fn session_is_tested() {{}}
                fn who_is_no_test() {{}}
            }}
            macro_rules! other {{ (what_is_matched) => {{ what_is_generated }} }}"
        );
        let found = bad_test_names(&[File { name: "a.rs".to_owned(), text }]);
        let expected = [
            "a.rs:2: what_is_tested begins with what_".to_owned(),
            format!("a.rs:3: {long} has 65 characters, more than 64"),
            "a.rs:7: nobody_is_tested begins with nobody_".to_owned(),
        ];
        assert_eq!(found, expected);
    }
}
