//! Finds words in templates that are no message: in text, and in attributes that are read out or shown.

use super::File;

/// Attributes with words for people.
const ATTRIBUTES: [&str; 5] = ["aria-label", "alt", "placeholder", "title", "label"];

/// Blocks whose content is part of a tag.
const BLOCKS_WITHIN_TAGS: [&str; 2] = ["width", "body_attributes"];

/// The words, as `file:line: problem`.
pub fn words_outside_of_messages(templates: &[File]) -> Vec<String> {
    templates.iter().flat_map(words_in).collect()
}

fn words_in(template: &File) -> Vec<String> {
    let mut found = Vec::new();
    let (mut line, mut rest, mut tag) = (1, template.text.as_str(), None::<String>);
    while !rest.is_empty() {
        let (piece, after) = split_piece(rest);
        match (piece.as_bytes(), &mut tag) {
            ([b'{', b'%', ..], _) => {
                if let Some(words) = words_of_literals(piece) {
                    found.push(problem(template, line, &words));
                }
                if is_block_within_tag(piece) {
                    let end = after.find("{% endblock %}").unwrap_or(after.len());
                    line += piece.matches('\n').count() + after[..end].matches('\n').count();
                    rest = &after[end..];
                    continue;
                }
            }
            ([b'{', b'{' | b'#', ..], _) => {}
            (b"<", tag) => *tag = Some(String::new()),
            (b">", tag) => found.extend(
                tag.take().and_then(|tag| words_of_attributes(&tag)).map(|words| problem(template, line, &words)),
            ),
            (_, Some(tag)) => tag.push_str(piece),
            (_, None) if has_letters(piece) => found.push(problem(template, line, piece.trim())),
            (_, None) => {}
        }
        line += piece.matches('\n').count();
        rest = after;
    }
    found
}

fn problem(template: &File, line: usize, words: &str) -> String {
    format!("{}:{line}: {words:?} is no message", template.name)
}

/// Splits off an expression, a statement, a comment, `<`, `>`, or the text before the next of them.
fn split_piece(text: &str) -> (&str, &str) {
    for (start, end) in [("{{", "}}"), ("{%", "%}"), ("{#", "#}")] {
        if text.starts_with(start) {
            return text.split_at(text.find(end).map_or(text.len(), |at| at + end.len()));
        }
    }
    if text.starts_with(['<', '>']) {
        return text.split_at(1);
    }
    let ends = ["{{", "{%", "{#", "<", ">"].iter().filter_map(|start| text.find(start));
    text.split_at(ends.min().unwrap_or(text.len()))
}

fn is_block_within_tag(statement: &str) -> bool {
    let mut words = statement.split_whitespace().skip_while(|word| *word != "block");
    words.nth(1).is_some_and(|name| BLOCKS_WITHIN_TAGS.contains(&name))
}

/// A literal in a statement that begins with a capital letter, as words for people do.
fn words_of_literals(statement: &str) -> Option<String> {
    let mut literals = statement.split('"').skip(1).step_by(2);
    literals.find(|literal| literal.starts_with(char::is_uppercase)).map(str::to_owned)
}

/// The words of an attribute. Expressions were left out of `tag`.
fn words_of_attributes(tag: &str) -> Option<String> {
    ATTRIBUTES.iter().find_map(|name| {
        let (_, value) = tag.split_once(&format!(" {name}=\""))?;
        value.split('"').next().filter(|value| has_letters(value)).map(str::to_owned)
    })
}

/// Character references are no words.
fn has_letters(text: &str) -> bool {
    let mut pieces = text.split('&');
    let first = pieces.next().unwrap_or_default();
    let after_references = pieces.map(|piece| piece.split_once(';').map_or(piece, |(_, after)| after));
    std::iter::once(first).chain(after_references).any(|piece| piece.chars().any(char::is_alphabetic))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        words_outside_of_messages(&[File { name: "a.html".to_owned(), text: text.to_owned() }])
    }

    #[test]
    fn words_in_text_and_attributes_are_found() {
        for (text, words) in [
            ("<p>\nSign in</p>", "Sign in"),
            ("<p>{{ words.sign_in() }} now</p>", "now"),
            ("<nav aria-label=\"Account\">", "Account"),
            ("<img class=\"a\" alt=\"{{ name }}s key\">", "s key"),
            ("{% if a %}Über{% endif %}", "Über"),
            ("{%- let text = \"Your devices\" %}", "Your devices"),
        ] {
            assert_eq!(problems(text).len(), 1, "{text}");
            assert!(problems(text)[0].contains(words), "{text}: {:?}", problems(text));
        }
    }

    #[test]
    fn markup_and_expressions_are_no_words() {
        for text in [
            "<!DOCTYPE html>\n<p class=\"lead\" lang=\"{{ words.language().code() }}\">{{ words.lead() }} · &nbsp;1</p>",
            "{#- A comment. -#}{% extends \"layout.html\" %}{% include \"icons/left.svg\" %}",
            "{% block width %}narrow{% endblock %}{% block body_attributes %} data-reload{% endblock %}",
            "<input aria-label=\"{{ words.email() }}\"{% if a > 1 %} autofocus{% endif %} value=\"on\">",
        ] {
            assert_eq!(problems(text), [""; 0], "{text}");
        }
    }
}
