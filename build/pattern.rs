//! The text of a message, as far as Keyrack's messages need Fluent.

use fluent_syntax::ast;

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    Text(String),
    /// The name of the product, `{ -product }`.
    Product,
    /// `{ $name }`
    Argument(String),
    /// `<name>text</name>`: the text of a link.
    Link(String, String),
    /// `{ $name -> [key] … *[other] … }`; the last one is the default.
    Select(String, Vec<(Key, Vec<Part>)>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// The plural category `one`.
    One,
    /// This very number.
    Number(String),
    /// This very text.
    Text(String),
    Default,
}

/// Reads a pattern.
pub fn read(pattern: &ast::Pattern<&str>) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    for element in &pattern.elements {
        match element {
            ast::PatternElement::TextElement { value } => push_text(&mut parts, value)?,
            ast::PatternElement::Placeable { expression } => parts.push(placeable(expression)?),
        }
    }
    Ok(parts)
}

/// Splits a text at its links.
fn push_text(parts: &mut Vec<Part>, text: &str) -> Result<(), String> {
    let mut rest = text;
    while let Some((before, tagged)) = rest.split_once('<') {
        let (name, after) = tagged.split_once('>').ok_or("a tag without an end")?;
        let (link, after) = after.split_once(&format!("</{name}>")).ok_or_else(|| format!("<{name}> is not closed"))?;
        if !before.is_empty() {
            parts.push(Part::Text(before.to_owned()));
        }
        parts.push(Part::Link(name.to_owned(), link.to_owned()));
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    Ok(())
}

fn placeable(expression: &ast::Expression<&str>) -> Result<Part, String> {
    match expression {
        ast::Expression::Inline(ast::InlineExpression::StringLiteral { value }) => Ok(Part::Text((*value).to_owned())),
        ast::Expression::Inline(ast::InlineExpression::VariableReference { id }) => {
            Ok(Part::Argument(id.name.to_owned()))
        }
        ast::Expression::Inline(ast::InlineExpression::TermReference { id, attribute: None, arguments: None })
            if id.name == "product" =>
        {
            Ok(Part::Product)
        }
        ast::Expression::Select { selector: ast::InlineExpression::VariableReference { id }, variants } => {
            let (others, default): (Vec<_>, Vec<_>) = variants.iter().partition(|variant| !variant.default);
            let read = |variant: &ast::Variant<&str>| Ok((key(variant), read(&variant.value)?));
            let all = others.into_iter().chain(default).map(read).collect::<Result<_, String>>()?;
            Ok(Part::Select(id.name.to_owned(), all))
        }
        _ => Err("only $arguments, their variants, \"texts\" and { -product } are supported in braces".to_owned()),
    }
}

fn key(variant: &ast::Variant<&str>) -> Key {
    match variant.key {
        _ if variant.default => Key::Default,
        ast::VariantKey::Identifier { name: "one" } => Key::One,
        ast::VariantKey::Identifier { name } => Key::Text(name.to_owned()),
        ast::VariantKey::NumberLiteral { value } => Key::Number(value.to_owned()),
    }
}

/// Calls `visit` for every part, those of variants included.
pub fn visit<'a>(parts: &'a [Part], visit_part: &mut impl FnMut(&'a Part)) {
    for part in parts {
        visit_part(part);
        if let Part::Select(_, variants) = part {
            for (_, parts) in variants {
                visit(parts, visit_part);
            }
        }
    }
}
