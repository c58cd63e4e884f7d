//! Writes the messages as Rust: an enum of the languages, and one method per message.

use std::fmt::Write as _;

use super::{
    catalog::{Catalog, Kind, Message},
    languages::{LANGUAGES, variant},
    pattern::{self, Key, Part},
    pseudo::PSEUDO_LANGUAGES,
};

/// A language of the program: one with a file, or a pseudo-language.
struct Target {
    code: &'static str,
    is_one: &'static str,
    group_separator: &'static str,
}

fn targets() -> Vec<Target> {
    let of_files = LANGUAGES.iter().map(|language| (language.code, language));
    let pseudo = PSEUDO_LANGUAGES.iter().map(|(code, _)| (*code, &LANGUAGES[0]));
    let target = |(code, facts): (&'static str, &super::languages::Language)| Target {
        code,
        is_one: facts.is_one,
        group_separator: facts.group_separator,
    };
    of_files.chain(pseudo).map(target).collect()
}

/// The module's text.
pub fn write(catalog: &Catalog) -> String {
    let mut code = String::new();
    write_languages(&mut code);
    code.push_str("impl Words {\n");
    for message in &catalog.messages {
        write_method(&mut code, message);
    }
    code.push_str("}\n");
    code
}

fn write_languages(code: &mut String) {
    let targets = targets();
    let each = |text: &dyn Fn(&Target, &str) -> String| -> String {
        targets.iter().map(|target| text(target, &variant(target.code))).collect()
    };
    let variants = each(&|target, name| format!("    /// `{}`\n    {name},\n", target.code));
    let all = each(&|_, name| format!("Self::{name}, "));
    let codes = each(&|target, name| format!("Self::{name} => {:?}, ", target.code));
    let separators = each(&|target, name| format!("Self::{name} => {:?}, ", target.group_separator));
    let complete = LANGUAGES.len();
    let _ = write!(
        code,
        "/// A language of the pages.\n#[derive(Debug, Clone, Copy, PartialEq, Eq)]\npub enum Language {{\n{variants}}}\n\
         impl Language {{\n    /// All languages; those that are made for tests come last.\n    \
         pub const ALL: &'static [Self] = &[{all}];\n    /// The number of languages that are made for people.\n    \
         pub(super) const COMPLETE: usize = {complete};\n    /// The BCP 47 tag.\n    \
         pub const fn code(self) -> &'static str {{ match self {{ {codes} }} }}\n    \
         pub(super) const fn group_separator(self) -> &'static str {{ match self {{ {separators} }} }}\n}}\n"
    );
}

fn write_method(code: &mut String, message: &Message) {
    let english = &message.texts[0];
    let is_html = message.parameters.iter().any(|(_, kind)| matches!(kind, Kind::Link | Kind::Element));
    let mut has_product = false;
    pattern::visit(english, &mut |part| has_product |= *part == Part::Product);
    let is_constant = message.parameters.is_empty() && !has_product;
    let texts = message.texts.iter().cloned().chain(PSEUDO_LANGUAGES.iter().map(|(_, pseudo)| pseudo(english)));
    let mut arms = String::new();
    for (target, parts) in targets().iter().zip(texts) {
        let name = variant(target.code);
        let body = if is_constant {
            format!("{:?}", constant(&parts))
        } else {
            format!("{{ {} }}", statements(&parts, target, is_html))
        };
        let _ = writeln!(arms, "            Language::{name} => {body},");
    }
    let parameters: String = message.parameters.iter().map(|(name, kind)| parameter(name, *kind)).collect();
    let bindings: String = message.parameters.iter().map(|(name, kind)| binding(name, *kind)).collect();
    let name = snake_case(&message.id);
    let qualifier = if is_constant { "const " } else { "" };
    let (result, before, after) = match (is_constant, is_html) {
        (true, _) => ("&'static str", "", ""),
        (false, true) => ("Html", "let mut out = String::new();", "askama::filters::Safe(out)"),
        (false, false) => ("String", "let mut out = String::new();", "out"),
    };
    let _ = write!(
        code,
        "    /// `{}`\n    pub {qualifier}fn {name}(self{parameters}) -> {result} {{\n        {bindings}{before}\n        match self.language {{\n\
         {arms}        }}\n        {after}\n    }}\n",
        message.id
    );
}

fn snake_case(id: &str) -> String {
    id.replace('-', "_")
}

fn parameter(name: &str, kind: Kind) -> String {
    let kind = match kind {
        Kind::Number => "impl Number",
        Kind::Text | Kind::Link => "impl AsRef<str>",
        Kind::Element => "impl Inline",
    };
    format!(", {}: {kind}", snake_case(name))
}

/// Turns a parameter, which takes references too, into what the statements use.
fn binding(name: &str, kind: Kind) -> String {
    let name = snake_case(name);
    match kind {
        Kind::Number => format!("let {name} = {name}.get(); "),
        Kind::Text | Kind::Link => format!("let {name} = {name}.as_ref(); "),
        Kind::Element => String::new(),
    }
}

fn constant(parts: &[Part]) -> String {
    let text = |part: &Part| match part {
        Part::Text(text) => text.clone(),
        _ => unreachable!("a message without arguments has nothing but text"),
    };
    parts.iter().map(text).collect()
}

/// Statements that append the parts to `out`.
fn statements(parts: &[Part], target: &Target, is_html: bool) -> String {
    parts.iter().map(|part| statement(part, target, is_html)).collect::<Vec<_>>().join(" ")
}

fn statement(part: &Part, target: &Target, is_html: bool) -> String {
    let text = |text: &str| if is_html { escaped(text) } else { text.to_owned() };
    match part {
        Part::Text(raw) => format!("out.push_str({:?});", text(raw)),
        Part::Product if is_html => "push_escaped(&mut out, self.product());".to_owned(),
        Part::Product => "out.push_str(self.product());".to_owned(),
        Part::Argument(name) => {
            let name = snake_case(name);
            format!("{name}.push_to(&mut out, self.language, {is_html});")
        }
        Part::Link(name, raw) => {
            format!("push_link(&mut out, {}, {:?});", snake_case(name), text(raw))
        }
        Part::Select(name, variants) => {
            let name = snake_case(name);
            let arm = |(key, parts): &(Key, Vec<Part>)| {
                let pattern = match key {
                    Key::One => format!("n if {}", target.is_one),
                    Key::Number(number) => number.clone(),
                    Key::Text(text) => format!("{text:?}"),
                    Key::Default => "_".to_owned(),
                };
                format!("{pattern} => {{ {} }}", statements(parts, target, is_html))
            };
            format!("match {name} {{ {} }}", variants.iter().map(arm).collect::<Vec<_>>().join(", "))
        }
    }
}

/// The text as HTML, for an element's content.
fn escaped(text: &str) -> String {
    text.replace('&', "&#38;").replace('<', "&#60;").replace('>', "&#62;")
}
