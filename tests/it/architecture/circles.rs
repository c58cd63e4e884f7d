//! Finds circles among imports.
//!
//! A file imports another one if it mentions something that the other one defines: in a `use`, or as a path anywhere in
//! its code. A path through a re-export leads to the file that defines the thing, not to the `mod.rs` between them.
//!
//! The rule: in every folder, the files and the folders beside each other have an order in which each one imports from
//! earlier ones only. It holds for files and for whole folders: `connect/a.rs` → `batch/b.rs` and `batch/c.rs` →
//! `connect/d.rs` is a circle between two folders, although no file is part of one. Code in a circle can only be
//! understood, moved, and tested as a whole.
//!
//! A `mod.rs` stands beside its children like any other file, with one exception: to declare a child (`mod model;`) and
//! to re-export what it defines (`pub use model::Sid`) are no imports, since `mod.rs` does not use it. So `mod.rs` may
//! define a type whose methods are spread over its children; but if its own code uses something from a child, that
//! child must not use `mod.rs`, not even indirectly. A type that both need gets a file of its own.
//!
//! Names are followed, types are not: a method call (`session.touch()`) mentions no file, and is no import.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{
    references::Kind,
    source_tree::{ParsedFile, SourceTree, Target},
};

/// One import between two files that lie in different places of the same folder.
struct Import {
    file: String,
    line: usize,
    path: String,
    target: String,
}

/// For each folder, by its module path: which of its files and folders import which others, and the first place.
type Folders = BTreeMap<Vec<String>, BTreeMap<String, BTreeMap<String, Import>>>;

/// Every circle, as one text that names its files and the line of each import.
pub fn circles(tree: &SourceTree) -> Vec<String> {
    let mut found = Vec::new();
    for (folder, imports) in folders(tree) {
        let mut seen = BTreeSet::new();
        for start in imports.keys() {
            let Some(circle) = shortest_circle(&imports, start) else { continue };
            if seen.insert(circle.iter().copied().collect::<BTreeSet<_>>()) {
                found.push(describe(&folder, &imports, &circle));
            }
        }
    }
    found
}

fn describe(folder: &[String], imports: &BTreeMap<String, BTreeMap<String, Import>>, circle: &[&str]) -> String {
    let folder = ["src"].into_iter().chain(folder.iter().map(String::as_str)).collect::<Vec<_>>().join("/");
    let mut lines = vec![format!("{folder}: {} → {}", circle.join(" → "), circle[0])];
    lines.extend(circle.iter().zip(circle.iter().cycle().skip(1)).map(|(from, to)| {
        let Import { file, line, path, target } = &imports[*from][*to];
        format!("    {file}:{line}: {path} is from {target}")
    }));
    lines.join("\n")
}

fn folders(tree: &SourceTree) -> Folders {
    let mut folders = Folders::new();
    for file in &tree.files {
        let from = place(tree, &file.module);
        for reference in &file.references {
            let Target::Item { module, .. } = tree.target(reference) else { continue };
            let Some(target) = tree.file_of(&module) else { continue };
            let is_public = matches!(reference.kind, Kind::Import { is_public: true, .. });
            let Some(defining) = tree.files.iter().find(|file| file.name == target) else { continue };
            if target == file.name || (is_public && is_own_child(file, defining)) {
                continue;
            }
            let to = place(tree, &defining.module);
            let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
            let import = Import {
                file: file.name.clone(),
                line: reference.line,
                path: reference.segments.join("::"),
                target: target.to_owned(),
            };
            let folder = folders.entry(from[..common].to_vec()).or_default();
            folder.entry(from[common].clone()).or_default().entry(to[common].clone()).or_insert(import);
        }
    }
    folders
}

fn is_own_child(parent: &ParsedFile, child: &ParsedFile) -> bool {
    child.module.starts_with(&parent.module)
}

/// The folders that lead to a file, and its name: a module with children is the file `mod` in a folder of its name.
fn place(tree: &SourceTree, module: &[String]) -> Vec<String> {
    let name = if module.is_empty() { Some("lib") } else { tree.has_children(module).then_some("mod") };
    module.iter().cloned().chain(name.map(str::to_owned)).collect()
}

fn shortest_circle<'a>(
    imports: &'a BTreeMap<String, BTreeMap<String, Import>>,
    start: &'a str,
) -> Option<Vec<&'a str>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for next in imports.get(at).into_iter().flat_map(BTreeMap::keys) {
            if next == start {
                let mut circle = vec![at];
                while let Some(before) = came_from.get(circle[circle.len() - 1]) {
                    circle.push(before);
                }
                circle.reverse();
                return Some(circle);
            }
            if !came_from.contains_key(next.as_str()) {
                came_from.insert(next, at);
                queue.push_back(next);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::File;

    fn circles_among(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<File> =
            files.iter().map(|(name, text)| File { name: (*name).to_owned(), text: (*text).to_owned() }).collect();
        circles(&SourceTree::parse(&files))
    }

    const PARENT: (&str, &str) = ("src/a/mod.rs", "mod b; mod c; mod d; pub use b::B; pub struct A;");

    #[test]
    fn circle_of_two_files_is_found_with_lines() {
        let found = circles_among(&[
            PARENT,
            ("src/a/b.rs", "\nuse super::c::C;\npub struct B(C);"),
            ("src/a/c.rs", "pub struct C;\nfn f(_: crate::a::b::B) {}"),
        ]);
        let expected = "src/a: b → c → b\
             \n    src/a/b.rs:2: super::c::C is from src/a/c.rs\
             \n    src/a/c.rs:2: crate::a::b::B is from src/a/b.rs";
        assert_eq!(found, [expected]);
    }

    #[test]
    fn circle_of_three_files_is_found_once() {
        let found = circles_among(&[
            PARENT,
            ("src/a/b.rs", "use super::c::C; pub struct B;"),
            ("src/a/c.rs", "use super::d::D; pub struct C;"),
            ("src/a/d.rs", "use super::b::B; pub struct D;"),
        ]);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("src/a: b → c → d → b\n"), "{}", found[0]);
    }

    #[test]
    fn circle_is_found_wherever_the_import_hides() {
        let b = ("src/a/b.rs", "use super::c::C; pub struct B;");
        for text in [
            // Through a re-export.
            "pub struct C; use crate::a::B;",
            "pub struct C; use crate::B as Renamed;",
            "pub struct C; use super::B;",
            // Through the module, and through a glob.
            "pub struct C; use super::b; fn f(_: b::B) {}",
            "pub struct C; use super::*; fn f(_: B) {}",
            // In a function, a type's parameter, a pattern, an attribute, a macro, a test.
            "pub struct C; fn f() { let _ = super::b::B; }",
            "pub struct C; fn f() { use super::b::B; }",
            "pub struct C(Option<Box<crate::B>>);",
            "pub struct C; fn f(x: u8) -> bool { matches!(x, super::b::B) }",
            "#[derive(super::B)] pub struct C;",
            "pub struct C; some_macro! { use crate::{a::{B}, x}; }",
            "pub struct C; macro_rules! m { () => { $crate::a::B } }",
            "pub struct C; mod tests { use super::super::B; }",
        ] {
            let found = circles_among(&[("src/lib.rs", "mod a; pub use a::B;"), PARENT, b, ("src/a/c.rs", text)]);
            assert_eq!(found.len(), 1, "{text}");
        }
    }

    #[test]
    fn circle_between_folders_is_found_where_no_file_is_in_one() {
        let found = circles_among(&[
            ("src/x/mod.rs", "mod one; mod two; pub use one::One; pub use two::Two;"),
            ("src/x/one.rs", "use crate::y::Three; pub struct One;"),
            ("src/x/two.rs", "pub struct Two;"),
            ("src/y/mod.rs", "mod three; mod four; pub use three::Three;"),
            ("src/y/three.rs", "pub struct Three;"),
            ("src/y/four.rs", "use crate::x::Two;"),
        ]);
        let expected = "src: x → y → x\
             \n    src/x/one.rs:1: crate::y::Three is from src/y/three.rs\
             \n    src/y/four.rs:1: crate::x::Two is from src/x/two.rs";
        assert_eq!(found, [expected]);
    }

    #[test]
    fn parent_that_uses_child_that_uses_parent_is_a_circle() {
        let child = ("src/a/b.rs", "use super::A; impl A {} pub struct B;");
        for parent in ["mod b; pub struct A(b::B);", "mod b; use b::B; pub struct A;"] {
            let found = circles_among(&[("src/a/mod.rs", parent), child]);
            assert_eq!(found.len(), 1, "{parent}");
            assert!(found[0].starts_with("src/a: b → mod → b\n"), "{}", found[0]);
        }
        assert_eq!(
            circles_among(&[("src/a/mod.rs", "mod b; pub struct A(b::B);"), ("src/a/b.rs", "struct B;")]).len(),
            0
        );
    }

    #[test]
    fn parent_that_only_declares_and_reexports_is_in_no_circle() {
        let found = circles_among(&[
            PARENT,
            ("src/a/b.rs", "use super::A; impl A { fn b(self) { self.c() } } pub struct B;"),
            ("src/a/c.rs", "use super::{A, b}; impl A { fn c(self, _: b::B) {} }"),
        ]);
        assert_eq!(found, [""; 0]);
    }
}
