//! The modules of the crate, and the file in which a path's target is defined.

use std::collections::{BTreeMap, HashMap};

use super::{
    File,
    references::{self, Kind, Reference},
};

/// Re-exports of re-exports end long before.
const MAX_DEPTH: usize = 32;

/// Every module of `src/`, by its path from the crate's root.
pub struct SourceTree {
    modules: HashMap<Vec<String>, Module>,
    /// Each file's name, module, and mentions.
    pub files: Vec<ParsedFile>,
}

pub struct ParsedFile {
    pub name: String,
    pub module: Vec<String>,
    pub references: Vec<Reference>,
}

#[derive(Default)]
struct Module {
    /// Absent for a module that is declared, but whose file was not given.
    file: Option<String>,
    items: BTreeMap<String, Binding>,
    globs: Vec<Vec<String>>,
}

enum Binding {
    Item,
    Import(Vec<String>),
}

/// Where a path leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Module(Vec<String>),
    /// Something that a module defines.
    Item {
        module: Vec<String>,
        name: String,
    },
    /// Another crate, a local variable, a generic parameter.
    External(Vec<String>),
}

impl SourceTree {
    pub fn parse(files: &[File]) -> Self {
        let mut tree = Self { modules: HashMap::new(), files: Vec::new() };
        for file in files {
            let module = module_of(&file.name);
            let contents = references::read(&file.text, &module).unwrap_or_else(|error| {
                panic!("{}:{}: {error}", file.name, error.span().start().line);
            });
            for declared in contents.declarations {
                tree.modules.entry(declared).or_default();
            }
            for module in contents.modules {
                tree.modules.entry(module).or_default().file = Some(file.name.clone());
            }
            for (module, name) in contents.items {
                tree.modules.entry(module).or_default().items.insert(name, Binding::Item);
            }
            for reference in &contents.references {
                let Kind::Import { name, .. } = &reference.kind else { continue };
                let module = tree.modules.entry(reference.module.clone()).or_default();
                match reference.segments.split_last() {
                    Some((last, path)) if last == "*" => module.globs.push(path.to_vec()),
                    _ => {
                        let path = reference.segments.clone();
                        module.items.entry(name.clone()).or_insert(Binding::Import(path));
                    }
                }
            }
            tree.files.push(ParsedFile { name: file.name.clone(), module, references: contents.references });
        }
        tree
    }

    pub fn file_of(&self, module: &[String]) -> Option<&str> {
        self.modules.get(module)?.file.as_deref()
    }

    /// Whether modules lie in the folder of this one.
    pub fn has_children(&self, module: &[String]) -> bool {
        self.files.iter().any(|file| file.module.len() > module.len() && file.module.starts_with(module))
    }

    pub fn target(&self, reference: &Reference) -> Target {
        let path = match reference.segments.split_last() {
            Some((last, path)) if last == "*" => path,
            _ => &reference.segments[..],
        };
        self.resolve(&reference.module, path, 0)
    }

    fn resolve(&self, from: &[String], path: &[String], depth: usize) -> Target {
        let Some((first, mut rest)) = path.split_first() else { return Target::Module(from.to_vec()) };
        let mut target = match first.as_str() {
            "crate" | "keyrack" => Target::Module(root_of(from, first)),
            "self" => Target::Module(from.to_vec()),
            "super" => {
                let mut module = from[..from.len().saturating_sub(1)].to_vec();
                while rest.first().is_some_and(|next| next == "super") {
                    module.pop();
                    rest = &rest[1..];
                }
                Target::Module(module)
            }
            _ => self.lookup(from, first, depth).unwrap_or_else(|| Target::External(vec![first.clone()])),
        };
        for name in rest {
            target = match target {
                // What a macro generates is not visible here; the module that calls the macro defines it.
                Target::Module(module) => {
                    self.lookup(&module, name, depth).unwrap_or_else(|| Target::Item { module, name: name.clone() })
                }
                Target::External(mut path) => {
                    path.push(name.clone());
                    Target::External(path)
                }
                item @ Target::Item { .. } => item,
            };
        }
        target
    }

    fn lookup(&self, module: &[String], name: &str, depth: usize) -> Option<Target> {
        if depth > MAX_DEPTH {
            return None;
        }
        let child = [module, &[name.to_owned()]].concat();
        if self.modules.contains_key(&child) {
            return Some(Target::Module(child));
        }
        let found = self.modules.get(module)?;
        match found.items.get(name) {
            Some(Binding::Item) => Some(Target::Item { module: module.to_vec(), name: name.to_owned() }),
            // `use serde::Serialize` in a module `serde` names the crate.
            Some(Binding::Import(path)) if path[0] == name => Some(Target::External(path.clone())),
            Some(Binding::Import(path)) => Some(self.resolve(module, path, depth + 1)),
            None => found.globs.iter().find_map(|glob| match self.resolve(module, glob, depth + 1) {
                Target::Module(other) if other != module => self.lookup(&other, name, depth + 1),
                _ => None,
            }),
        }
    }
}

/// `src/main.rs` is a crate of its own, which knows the library as `keyrack`.
fn root_of(from: &[String], name: &str) -> Vec<String> {
    let is_main = from.first().is_some_and(|first| first == "main");
    if is_main && name == "crate" { vec!["main".to_owned()] } else { Vec::new() }
}

/// `src/web/pages/mod.rs` is the module `web::pages`, `src/web/csrf.rs` is `web::csrf`, `src/lib.rs` is the root.
pub fn module_of(name: &str) -> Vec<String> {
    let path = name.strip_prefix("src/").unwrap().strip_suffix(".rs").unwrap();
    let path = path.strip_suffix("/mod").unwrap_or(path);
    if path == "lib" { Vec::new() } else { path.split('/').map(str::to_owned).collect() }
}
