//! Finds every path in a Rust source: in `use` trees, types, expressions, patterns, attributes, and macros' arguments.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use syn::{
    Item, ItemUse, Meta, UseTree, Visibility,
    visit::{self, Visit},
};

/// A path, or an imported name, where the source mentions it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The module that contains it: the file's own, or an inline one.
    pub module: Vec<String>,
    pub line: usize,
    /// As written, except that `*` stands for a glob.
    pub segments: Vec<String>,
    pub kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A `use` that binds this name, for the module alone or for others too.
    Import { name: String, is_public: bool },
    /// Any other mention.
    Path,
}

/// What a source declares and mentions.
#[derive(Debug, Default)]
pub struct Contents {
    /// The modules with a body here: the file's own and the inline ones, by their full path.
    pub modules: Vec<Vec<String>>,
    /// The modules that are declared here and have a file of their own.
    pub declarations: Vec<Vec<String>>,
    /// Types, functions, constants, traits, macros: their module and their name.
    pub items: Vec<(Vec<String>, String)>,
    pub references: Vec<Reference>,
}

/// Reads the source of the module `module`, as in `["web", "pages"]`.
pub fn read(source: &str, module: &[String]) -> syn::Result<Contents> {
    let file = syn::parse_file(source)?;
    let mut reader = Reader { module: module.to_vec(), depth: 0, contents: Contents::default() };
    reader.contents.modules.push(module.to_vec());
    reader.visit_file(&file);
    Ok(reader.contents)
}

struct Reader {
    module: Vec<String>,
    /// How many functions enclose the current item: those inside have no path.
    depth: usize,
    contents: Contents,
}

impl Reader {
    fn add(&mut self, idents: &[Ident], last: Option<(&str, usize)>, kind: Kind) {
        let line = last.map(|(_, line)| line).or_else(|| idents.last().map(|ident| ident.span().start().line));
        let mut segments: Vec<String> = idents.iter().map(ToString::to_string).collect();
        segments.extend(last.map(|(name, _)| name.to_owned()));
        self.contents.references.extend(line.map(|line| Reference {
            module: self.module.clone(),
            line,
            segments,
            kind,
        }));
    }

    fn use_tree(&mut self, tree: &UseTree, prefix: &mut Vec<Ident>, is_public: bool) {
        let import = |name: &Ident| Kind::Import { name: name.to_string(), is_public };
        match tree {
            UseTree::Path(path) => {
                prefix.push(path.ident.clone());
                self.use_tree(&path.tree, prefix, is_public);
                prefix.pop();
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.use_tree(tree, prefix, is_public);
                }
            }
            UseTree::Name(leaf) => self.leaf(&leaf.ident, &leaf.ident, prefix, is_public),
            UseTree::Rename(leaf) => self.leaf(&leaf.ident, &leaf.rename, prefix, is_public),
            UseTree::Glob(glob) => {
                let line = glob.star_token.spans[0].start().line;
                let star = Ident::new("glob", glob.star_token.spans[0]);
                self.add(prefix, Some(("*", line)), import(&star));
            }
        }
    }

    /// `a::b`, or `a::{self}`, which imports `a` itself.
    fn leaf(&mut self, ident: &Ident, name: &Ident, prefix: &[Ident], is_public: bool) {
        let (mut path, mut name) = (prefix.to_vec(), name.clone());
        if ident != "self" || path.is_empty() {
            path.push(ident.clone());
        } else if name == "self" {
            name = path[path.len() - 1].clone();
        }
        let line = ident.span().start().line;
        let last = path.pop().map(|last| last.to_string());
        let kind = Kind::Import { name: name.to_string(), is_public };
        self.add(&path, last.as_deref().map(|last| (last, line)), kind);
    }

    /// Finds `a::b::c` and `use` trees among tokens that only a macro understands.
    fn tokens(&mut self, tokens: TokenStream, prefix: &[Ident]) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let is_punct = |at: usize, c: char| matches!(tokens.get(at), Some(TokenTree::Punct(p)) if p.as_char() == c);
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                // Neither a field or a method (`x.y`) nor a lifetime.
                TokenTree::Ident(first) if at == 0 || !(is_punct(at - 1, '.') || is_punct(at - 1, '\'')) => {
                    let mut path = prefix.to_vec();
                    path.push(first.clone());
                    let mut group = None;
                    while is_punct(at + 1, ':') && is_punct(at + 2, ':') {
                        match tokens.get(at + 3) {
                            Some(TokenTree::Ident(next)) => path.push(next.clone()),
                            Some(TokenTree::Group(braces)) if braces.delimiter() == Delimiter::Brace => {
                                group = Some(braces.stream());
                            }
                            _ => break,
                        }
                        at += 3;
                    }
                    match group {
                        Some(group) => self.tokens(group, &path),
                        None => self.add(&path, None, Kind::Path),
                    }
                }
                TokenTree::Group(group) => self.tokens(group.stream(), &[]),
                _ => {}
            }
            at += 1;
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        let name = match item {
            Item::Const(item) => Some(&item.ident),
            Item::Enum(item) => Some(&item.ident),
            Item::Fn(item) => Some(&item.sig.ident),
            Item::Macro(item) => item.ident.as_ref(),
            Item::Static(item) => Some(&item.ident),
            Item::Struct(item) => Some(&item.ident),
            Item::Trait(item) => Some(&item.ident),
            Item::TraitAlias(item) => Some(&item.ident),
            Item::Type(item) => Some(&item.ident),
            Item::Union(item) => Some(&item.ident),
            _ => None,
        };
        if let (Some(name), 0) = (name, self.depth) {
            self.contents.items.push((self.module.clone(), name.to_string()));
        }
        visit::visit_item(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.module.push(item.ident.to_string());
        let modules = if item.content.is_some() { &mut self.contents.modules } else { &mut self.contents.declarations };
        modules.push(self.module.clone());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let is_public = !matches!(item.vis, Visibility::Inherited);
        self.use_tree(&item.tree, &mut Vec::new(), is_public);
    }

    fn visit_block(&mut self, block: &'ast syn::Block) {
        self.depth += 1;
        visit::visit_block(self, block);
        self.depth -= 1;
    }

    // `pub(super)` mentions a module without using it.
    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let idents: Vec<Ident> = path.segments.iter().map(|segment| segment.ident.clone()).collect();
        self.add(&idents, None, Kind::Path);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.tokens(call.tokens.clone(), &[]);
        visit::visit_macro(self, call);
    }

    fn visit_meta(&mut self, meta: &'ast Meta) {
        if let Meta::List(list) = meta {
            self.tokens(list.tokens.clone(), &[]);
        }
        visit::visit_meta(self, meta);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_with_module_and_line() {
        let source = r#"
//! Nothing from crate::comments, "nor from crate::texts".
use std::fmt;
use crate::{
    clock::Clock, /* crate::blocks */
    db::{self, types::{Json as J, UserId}},
};
use super::super::routes::*;
fn f<'a>(x: &'a str) -> self::inner::T { super::g::<crate::error::Error>(x, "crate::texts") }
#[derive(Debug, crate::Derive)]
struct S;
mod tests {
    fn g() { assert!(x.y == crate::z(), "{}", super::{a, b::c}); }
}
"#;
        let contents = read(source, &["web".to_owned()]).unwrap();
        let found: Vec<String> = contents
            .references
            .into_iter()
            .filter(|reference| reference.segments.len() > 1)
            .map(|found| format!("{} {} {}", found.module.join("."), found.line, found.segments.join("::")))
            .collect();
        let expected = [
            "web 3 std::fmt",
            "web 5 crate::clock::Clock",
            "web 6 crate::db",
            "web 6 crate::db::types::Json",
            "web 6 crate::db::types::UserId",
            "web 8 super::super::routes::*",
            "web 9 self::inner::T",
            "web 9 super::g",
            "web 9 crate::error::Error",
            "web 10 crate::Derive",
            "web.tests 13 crate::z",
            "web.tests 13 super::a",
            "web.tests 13 super::b::c",
        ];
        assert_eq!(found, expected);
    }
}
