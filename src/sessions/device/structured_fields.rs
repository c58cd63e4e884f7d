//! Structured fields (RFC 9651): lists and dictionaries of strings and booleans, as client hints use them.
//!
//! A field is read strictly, as the standard demands: one that is malformed anywhere is ignored as a whole.

/// The longest field that is read, in bytes.
pub(super) const MAX_FIELD: usize = 512;

/// The most members of a list that are read.
const MAX_MEMBERS: usize = 16;

/// A value without parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Bare {
    /// `"text"`
    String(String),
    /// `?1`
    Boolean(bool),
    /// A token or a number, which no hint is.
    Other,
}

/// A value with its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub value: Bare,
    pub parameters: Vec<(String, Bare)>,
}

/// A member of a list or a dictionary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Member {
    Item(Item),
    InnerList(Vec<Item>),
}

impl Item {
    /// The text of a string.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Bare::String(text) => Some(text),
            _ => None,
        }
    }

    /// A parameter that is a string.
    pub fn parameter(&self, key: &str) -> Option<&str> {
        self.parameters.iter().rev().find(|(name, _)| name == key).and_then(|(_, value)| match value {
            Bare::String(text) => Some(text.as_str()),
            _ => None,
        })
    }
}

/// Parses a list of items.
pub(super) fn parse_list(field: &str) -> Option<Vec<Item>> {
    let members = parse(field, |input| Some((String::new(), input.member()?)))?;
    let items = members.into_iter().map(|(_, member)| match member {
        Member::Item(item) => Some(item),
        Member::InnerList(_) => None,
    });
    items.collect()
}

/// Parses one item.
pub(super) fn parse_item(field: &str) -> Option<Item> {
    let mut input = Input::new(field)?;
    let item = input.item()?;
    input.rest.is_empty().then_some(item)
}

/// Parses a dictionary.
pub(super) fn parse_dictionary(field: &str) -> Option<Vec<(String, Member)>> {
    parse(field, |input| {
        let key = input.key()?;
        if input.take('=') {
            return Some((key, input.member()?));
        }
        let value = Bare::Boolean(true);
        Some((key, Member::Item(Item { value, parameters: input.parameters()? })))
    })
}

/// Appends a string.
pub(super) fn push_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}

fn parse<'a, T>(field: &'a str, mut member: impl FnMut(&mut Input<'a>) -> Option<T>) -> Option<Vec<T>> {
    let mut input = Input::new(field)?;
    let mut members = Vec::new();
    while !input.rest.is_empty() {
        if members.len() == MAX_MEMBERS {
            return None;
        }
        members.push(member(&mut input)?);
        input.skip_blanks();
        if input.rest.is_empty() {
            break;
        }
        if !input.take(',') {
            return None;
        }
        input.skip_blanks();
        // A comma at the end.
        if input.rest.is_empty() {
            return None;
        }
    }
    Some(members)
}

/// What is left of a field.
struct Input<'a> {
    rest: &'a str,
}

impl<'a> Input<'a> {
    fn new(field: &'a str) -> Option<Self> {
        let is_valid = field.len() <= MAX_FIELD && field.is_ascii();
        is_valid.then(|| Self { rest: field.trim_matches(' ') })
    }

    fn take(&mut self, c: char) -> bool {
        let rest = self.rest.strip_prefix(c);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn take_while(&mut self, is_part: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn skip_blanks(&mut self) {
        self.take_while(|c| matches!(c, ' ' | '\t'));
    }

    fn member(&mut self) -> Option<Member> {
        if self.take('(') { self.inner_list().map(Member::InnerList) } else { self.item().map(Member::Item) }
    }

    fn inner_list(&mut self) -> Option<Vec<Item>> {
        let mut items = Vec::new();
        loop {
            self.take_while(|c| c == ' ');
            if self.take(')') {
                self.parameters()?;
                return Some(items);
            }
            if items.len() == MAX_MEMBERS {
                return None;
            }
            items.push(self.item()?);
            if !self.rest.starts_with([' ', ')']) {
                return None;
            }
        }
    }

    fn item(&mut self) -> Option<Item> {
        Some(Item { value: self.bare()?, parameters: self.parameters()? })
    }

    fn parameters(&mut self) -> Option<Vec<(String, Bare)>> {
        let mut parameters = Vec::new();
        while self.take(';') {
            self.take_while(|c| c == ' ');
            let key = self.key()?;
            let value = if self.take('=') { self.bare()? } else { Bare::Boolean(true) };
            parameters.push((key, value));
        }
        Some(parameters)
    }

    fn key(&mut self) -> Option<String> {
        let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-' | '.' | '*');
        let key = self.take_while(is_part);
        key.starts_with(|c: char| c.is_ascii_lowercase() || c == '*').then(|| key.to_owned())
    }

    fn bare(&mut self) -> Option<Bare> {
        match self.rest.chars().next()? {
            '"' => self.string().map(Bare::String),
            '?' => self.boolean().map(Bare::Boolean),
            c if c == '-' || c.is_ascii_digit() => self.number().map(|()| Bare::Other),
            c if c == '*' || c.is_ascii_alphabetic() => {
                self.take_while(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~:/".contains(c));
                Some(Bare::Other)
            }
            _ => None,
        }
    }

    fn string(&mut self) -> Option<String> {
        let mut text = String::new();
        let mut characters = self.rest.char_indices().skip(1);
        while let Some((index, c)) = characters.next() {
            match c {
                '"' => {
                    self.rest = &self.rest[index + 1..];
                    return Some(text);
                }
                '\\' => text.push(characters.next().map(|(_, c)| c).filter(|c| matches!(c, '"' | '\\'))?),
                ' '..='~' => text.push(c),
                _ => return None,
            }
        }
        None
    }

    fn boolean(&mut self) -> Option<bool> {
        self.take('?');
        if self.take('1') { Some(true) } else { self.take('0').then_some(false) }
    }

    /// Integers have at most 15 digits, decimals 12 before the point and 3 after it.
    fn number(&mut self) -> Option<()> {
        self.take('-');
        let whole = self.take_while(|c| c.is_ascii_digit()).len();
        if !self.take('.') {
            return (1..=15).contains(&whole).then_some(());
        }
        let fraction = self.take_while(|c| c.is_ascii_digit()).len();
        ((1..=12).contains(&whole) && (1..=3).contains(&fraction)).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_formed_fields_are_read() {
        let list = parse_list(r#""Chromium";v="148.0", "Not \"A\\Brand";v="8", "x";a;b=1.5;c=token"#).unwrap();
        let read: Vec<_> = list.iter().map(|item| (item.text().unwrap(), item.parameter("v"))).collect();
        assert_eq!(read, [("Chromium", Some("148.0")), (r#"Not "A\Brand"#, Some("8")), ("x", None)]);
        assert_eq!(parse_list(""), Some(Vec::new()));
        assert_eq!(parse_item("?1").unwrap().value, Bare::Boolean(true));
        let dictionary = parse_dictionary(r#"a=("x" "y"), b, c=?0"#).unwrap();
        assert_eq!(dictionary.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
        assert!(matches!(&dictionary[0].1, Member::InnerList(items) if items.len() == 2));
    }

    #[test]
    fn malformed_fields_are_ignored() {
        for field in
            [r#""a","#, r#""a" "b""#, r#""a"#, r#""\n""#, "\"é\"", "\"\t\"", "?2", "--1", "1.", "(\"a\"", "=", ";"]
        {
            assert_eq!(parse_list(field), None, "{field}");
        }
        assert_eq!(parse_item("?1 x"), None);
        assert_eq!(parse_list(&["?1"; MAX_MEMBERS + 1].join(",")), None);
        assert_eq!(parse_item(&format!("\"{}\"", "a".repeat(MAX_FIELD))), None);
    }
}
