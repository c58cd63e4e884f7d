//! The paths in a Rust source: `use` trees taken apart, `super` and `self` resolved.

/// A path like `crate::web::RequestSession`, and the line in which it ends.
#[derive(Debug, PartialEq, Eq)]
pub struct SourcePath {
    pub line: usize,
    pub segments: Vec<String>,
}

/// All paths and single names in a source, from the crate's root on where they lead there. `module` is where the source
/// stands, as in `["web", "pages"]`.
pub fn paths(source: &str, module: &[&str]) -> Vec<SourcePath> {
    let tokens = tokens(&without_comments_and_texts(source));
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        at = if is_name(&tokens[at].1) { tree(&tokens, at, &[], &mut found) } else { at + 1 };
    }
    for path in &mut found {
        path.segments = resolved(std::mem::take(&mut path.segments), module);
    }
    found
}

/// Reads the path or the `use` tree at `at`, behind `prefix`; returns where it ends.
fn tree(tokens: &[(usize, String)], mut at: usize, prefix: &[String], found: &mut Vec<SourcePath>) -> usize {
    let mut segments = prefix.to_vec();
    let text = |at: usize| tokens.get(at).map_or("", |(_, text)| text.as_str());
    loop {
        let line = tokens[at].0;
        if text(at) == "{" {
            at += 1;
            while at < tokens.len() && text(at) != "}" {
                at = if is_name(text(at)) || text(at) == "{" { tree(tokens, at, &segments, found) } else { at + 1 };
            }
            return at + 1;
        }
        segments.push(text(at).to_owned());
        if text(at + 1) != "::" || !(is_name(text(at + 2)) || text(at + 2) == "{") {
            found.push(SourcePath { line, segments });
            return at + 1;
        }
        at += 2;
    }
}

fn resolved(segments: Vec<String>, module: &[&str]) -> Vec<String> {
    let ups = segments.iter().take_while(|segment| *segment == "super").count();
    let is_own = segments[0] == "self" && segments.len() > 1;
    if ups == 0 && !is_own {
        return segments;
    }
    let kept = module.len().saturating_sub(ups);
    let start = ["crate"].into_iter().chain(module[..kept].iter().copied()).map(str::to_owned);
    start.chain(segments.into_iter().skip(ups.max(usize::from(is_own)))).collect()
}

fn is_name(token: &str) -> bool {
    token.chars().next().is_some_and(|c| c == '_' || c.is_alphabetic())
}

/// Names, `::`, and every other character for itself; each with its line, counted from 1.
fn tokens(source: &str) -> Vec<(usize, String)> {
    let mut tokens = Vec::new();
    for (index, line) in source.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let is_part = |c: char| c == '_' || c.is_alphanumeric();
            let length = match first {
                _ if is_part(first) => rest.find(|c| !is_part(c)).unwrap_or(rest.len()),
                _ if rest.starts_with("::") => 2,
                _ => first.len_utf8(),
            };
            tokens.push((index + 1, rest[..length].to_owned()));
            rest = rest[length..].trim_start();
        }
    }
    tokens
}

/// Blanks comments, texts and characters out, and keeps the lines.
fn without_comments_and_texts(source: &str) -> String {
    let mut kept = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            'r' if rest.starts_with("r#\"") => rest.find("\"#").map_or(rest.len(), |end| end + 2),
            '"' => text_length(rest, '"'),
            // A lifetime has no closing quote right after its first character.
            '\'' if rest[1..].starts_with('\\') || rest.chars().nth(2) == Some('\'') => text_length(rest, '\''),
            _ => {
                kept.push(first);
                rest = &rest[first.len_utf8()..];
                continue;
            }
        };
        kept.push(' ');
        kept.extend(rest[..length].chars().filter(|c| *c == '\n'));
        rest = &rest[length..];
    }
    kept
}

/// How long a quoted text is, quotes included.
fn text_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[test]
fn paths_are_found_with_their_lines_and_resolved() {
    let source = r#"
//! Nothing of crate::comments, "nor of crate::texts".
use std::fmt;
use crate::{
    clock::Clock, /* crate::blocks */
    db::{self, types::{Json, UserId}},
};
use super::super::routes as roads;
fn f<'a>(x: &'a str, c: char) -> self::inner::T { c == '"'; super::g::<crate::error::Error>(x, "crate::texts \" more") }
"#;
    let found: Vec<String> = paths(source, &["web", "pages"])
        .into_iter()
        .filter(|path| path.segments.len() > 1)
        .map(|path| format!("{} {}", path.line, path.segments.join("::")))
        .collect();
    let expected = [
        "3 std::fmt",
        "5 crate::clock::Clock",
        "6 crate::db::self",
        "6 crate::db::types::Json",
        "6 crate::db::types::UserId",
        "8 crate::routes",
        "9 crate::web::pages::inner::T",
        "9 crate::web::g",
        "9 crate::error::Error",
    ];
    assert_eq!(found, expected);
}
