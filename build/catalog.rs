//! All messages in all languages, checked against each other.

use std::collections::{BTreeMap, BTreeSet};

use fluent_syntax::{ast, parser};

use super::{
    languages::LANGUAGES,
    pattern::{self, Key, Part},
};

/// What is passed to a message for one of its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `$name (Number)`
    Number,
    /// `$name (String)`
    Text,
    /// `$name (Time)`: a `<time>` element, or another one that stands within a sentence.
    Element,
    /// `<name> (Link)`: where the link leads.
    Link,
}

/// A message in every language.
pub struct Message {
    pub id: String,
    /// In the order of the comment that describes them.
    pub parameters: Vec<(String, Kind)>,
    /// In the order of [`LANGUAGES`].
    pub texts: Vec<Vec<Part>>,
}

pub struct Catalog {
    pub messages: Vec<Message>,
}

struct File {
    name: String,
    messages: Vec<Entry>,
}

struct Entry {
    id: String,
    comment: String,
    parts: Vec<Part>,
}

impl Catalog {
    /// Reads the files, each with its name, in the order of [`LANGUAGES`]. Returns everything that is wrong.
    pub fn read(files: &[(String, String)]) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let files: Vec<File> = files.iter().map(|(name, text)| read_file(name, text, &mut problems)).collect();
        let Some((english, others)) = files.split_first() else { return Err(vec!["no files".to_owned()]) };
        let mut messages = Vec::new();
        for entry in &english.messages {
            let parameters = parameters(&entry.comment);
            check_use(&english.name, entry, &parameters, &mut problems);
            let mut texts = vec![entry.parts.clone()];
            for file in others {
                match file.messages.iter().find(|other| other.id == entry.id) {
                    Some(other) => {
                        check_use(&file.name, other, &parameters, &mut problems);
                        texts.push(other.parts.clone());
                    }
                    None => problems.push(format!("{}: the message {} is missing", file.name, entry.id)),
                }
            }
            messages.push(Message { id: entry.id.clone(), parameters, texts });
        }
        let known: BTreeSet<&str> = english.messages.iter().map(|entry| entry.id.as_str()).collect();
        for file in others {
            let unknown = file.messages.iter().filter(|entry| !known.contains(entry.id.as_str()));
            problems
                .extend(unknown.map(|entry| {
                    format!("{}: the message {} does not exist in {}", file.name, entry.id, english.name)
                }));
        }
        if problems.is_empty() { Ok(Self { messages }) } else { Err(problems) }
    }
}

fn read_file(name: &str, text: &str, problems: &mut Vec<String>) -> File {
    let resource = parser::parse(text).unwrap_or_else(|(resource, errors)| {
        for error in errors {
            let line = text[..error.pos.start.min(text.len())].matches('\n').count() + 1;
            problems.push(format!("{name}:{line}: {error}"));
        }
        resource
    });
    let mut messages: Vec<Entry> = Vec::new();
    for entry in &resource.body {
        let ast::Entry::Message(message) = entry else { continue };
        let id = message.id.name;
        let parts = match &message.value {
            Some(value) if message.attributes.is_empty() => pattern::read(value),
            _ => Err("it needs a text, and no attributes".to_owned()),
        };
        if messages.iter().any(|other| other.id == id) {
            problems.push(format!("{name}: the message {id} exists twice"));
        }
        let comment = message.comment.as_ref().map(|comment| comment.content.join("\n")).unwrap_or_default();
        match parts {
            Ok(parts) => messages.push(Entry { id: id.to_owned(), comment, parts }),
            Err(problem) => problems.push(format!("{name}: the message {id}: {problem}")),
        }
    }
    File { name: name.to_owned(), messages }
}

/// What the comment of an English message describes: `$count (Number) - how many`.
fn parameters(comment: &str) -> Vec<(String, Kind)> {
    let parameter = |line: &str| {
        let (name, rest) = line.trim().split_once(" (")?;
        let (kind, _) = rest.split_once(')')?;
        let argument = name.strip_prefix('$').map(str::to_owned);
        let link = name.strip_prefix('<').and_then(|name| name.strip_suffix('>')).map(str::to_owned);
        match kind {
            "Number" => Some((argument?, Kind::Number)),
            "String" => Some((argument?, Kind::Text)),
            "Time" => Some((argument?, Kind::Element)),
            "Link" => Some((link?, Kind::Link)),
            _ => None,
        }
    };
    comment.lines().filter_map(parameter).collect()
}

/// Compares what a text uses with what its message is given.
fn check_use(file: &str, entry: &Entry, parameters: &[(String, Kind)], problems: &mut Vec<String>) {
    let given: BTreeMap<&str, Kind> = parameters.iter().map(|(name, kind)| (name.as_str(), *kind)).collect();
    let mut used = BTreeSet::new();
    let mut report = |problem: String| problems.push(format!("{file}: the message {}: {problem}", entry.id));
    pattern::visit(&entry.parts, &mut |part| {
        let (name, is_fitting) = match part {
            Part::Text(_) | Part::Product => return,
            Part::Argument(name) => (name, given.get(name.as_str()).is_none_or(|kind| *kind != Kind::Link)),
            Part::Link(name, _) => (name, given.get(name.as_str()).is_none_or(|kind| *kind == Kind::Link)),
            Part::Select(name, variants) => {
                (name, given.get(name.as_str()).is_none_or(|kind| variants.iter().all(|(key, _)| fits(key, *kind))))
            }
        };
        used.insert(name.as_str());
        if !is_fitting {
            report(format!("{name} is used as something else than its comment in {}.ftl says", LANGUAGES[0].code));
        }
    });
    for name in used.iter().filter(|name| !given.contains_key(**name)) {
        report(format!("it is not given {name}; the comment in {}.ftl says what it is given", LANGUAGES[0].code));
    }
    for name in given.keys().filter(|name| !used.contains(**name)) {
        report(format!("it does not use {name}"));
    }
}

fn fits(key: &Key, kind: Kind) -> bool {
    match key {
        Key::One | Key::Number(_) => kind == Kind::Number,
        Key::Text(_) => kind == Kind::Text,
        Key::Default => true,
    }
}
