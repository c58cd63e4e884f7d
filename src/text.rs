//! Text from people and other programs, made safe to print and to show.
//!
//! A terminal obeys control characters in what it prints, and both terminals and browsers show text in another order,
//! or hide it, where characters for that are in it (Unicode TR 36). Names and addresses of devices come from other
//! programs, which anyone may be able to sign in to.

use std::borrow::Cow;

/// Takes the place of each character that must not be shown.
const REPLACEMENT: char = '\u{FFFD}';

/// Whether a character is a control character, invisible, or changes the direction of the text around it. The joiners
/// U+200C and U+200D are not, since names in Persian and Hindi contain them, nor are variation selectors, which names
/// in Japanese contain.
pub(crate) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180E}'
            | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}'
            | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E00FF}' | '\u{E01F0}'..='\u{E0FFF}')
}

/// Replaces what must not be shown, so that it is seen that something was there.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    replace(text, is_unsafe)
}

/// Like [`printable`], for a text that mostly needs no change. Printable ASCII is recognised at once: each request reads
/// its user's name.
pub(crate) fn into_printable(text: String) -> String {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text;
    }
    printable(&text).into_owned()
}

/// Like [`printable`], for a text of several lines.
pub(crate) fn printable_lines(text: &str) -> Cow<'_, str> {
    replace(text, |c| c != '\n' && is_unsafe(c))
}

/// Escapes in JSON what JSON may contain but a terminal obeys. Such characters can only be part of strings.
pub(crate) fn printable_json(json: &str) -> Cow<'_, str> {
    if !json.contains(|c| c != '\n' && is_unsafe(c)) {
        return Cow::Borrowed(json);
    }
    let mut escaped = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if c != '\n' && is_unsafe(c) {
            escaped.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

fn replace(text: &str, is_unsafe: impl Fn(char) -> bool) -> Cow<'_, str> {
    if text.contains(&is_unsafe) {
        Cow::Owned(text.chars().map(|c| if is_unsafe(c) { REPLACEMENT } else { c }).collect())
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_and_direction_characters_are_replaced() {
        let hostile = "a\u{1b}[31mb\u{202e}c\u{7f}d\u{9b}e\u{2066}f\u{200b}g\r\nh\u{e0041}";
        assert_eq!(printable(hostile).matches('\u{fffd}').count(), 9, "{:?}", printable(hostile));
        assert_eq!(printable_lines("one\ntwo\r\u{1b}"), "one\ntwo\u{fffd}\u{fffd}");
        for text in
            ["Zo\u{eb} \u{5e9}\u{5dc}\u{5d5}\u{5dd}", "\u{645}\u{6cc}\u{200c}\u{631}", "\u{1f469}\u{200d}\u{1f4bb}"]
        {
            assert_eq!(printable(text), text);
        }
    }

    #[test]
    fn json_keeps_its_value() {
        let value = serde_json::json!({ "name": "a\u{1b}\u{202e}\u{e0041}\u{9b}\u{7f}z" });
        let json = serde_json::to_string_pretty(&value).unwrap();
        let escaped = printable_json(&json);
        assert!(!escaped.contains(|c| c != '\n' && is_unsafe(c)), "{escaped:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&escaped).unwrap(), value);
    }
}
