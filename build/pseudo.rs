//! Languages made from English, which show where a page has no room, or words that are no message.

use super::pattern::{Key, Part};

/// Makes a text of another language from an English one.
pub type Pseudo = fn(&[Part]) -> Vec<Part>;

/// The pseudo-languages, by their tags.
pub const PSEUDO_LANGUAGES: [(&str, Pseudo); 2] = [("en-XA", accented), ("ar-XB", right_to_left)];

/// Letters that look like those of English at first sight.
const ACCENTED: &str = "áƀçðéƒĝĥîĵķļɱñöþǫŕšţûṽŵẋýžÅƁÇÐÉƑĜĤÎĴĶĻṀÑÖÞǪŔŠŢÛṼŴẊÝŽ";

/// What makes a text longer.
const FILLER: &str = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen";

/// Begins and ends text that is written from right to left, whatever letters it has.
const RIGHT_TO_LEFT: [char; 2] = ['\u{202E}', '\u{202C}'];

/// `[Šîĝñ îñ one]`: about 40 % longer than English, within brackets that show where a text is cut.
fn accented(parts: &[Part]) -> Vec<Part> {
    let length = length(parts) * 2 / 5;
    let end = FILLER.char_indices().skip(length).find(|(_, c)| *c == ' ').map_or(FILLER.len(), |(at, _)| at);
    let text = map(parts, &|text| text.chars().map(accent).collect());
    let filler = if length < 2 { "]".to_owned() } else { format!(" {}]", &FILLER[..end]) };
    [vec![Part::Text("[".to_owned())], text, vec![Part::Text(filler)]].concat()
}

fn accent(letter: char) -> char {
    let place = match letter {
        'a'..='z' => u32::from(letter) - u32::from('a'),
        'A'..='Z' => u32::from(letter) - u32::from('A') + 26,
        _ => return letter,
    };
    ACCENTED.chars().nth(place as usize).unwrap_or(letter)
}

/// English words with their letters from right to left, in a page that is laid out that way.
fn right_to_left(parts: &[Part]) -> Vec<Part> {
    map(parts, &|text| {
        let words = text.split_inclusive(' ').map(|word| {
            let letters = word.trim_end_matches(' ');
            let [begin, end] = RIGHT_TO_LEFT;
            let is_word = letters.chars().any(char::is_alphanumeric);
            if is_word { format!("{begin}{letters}{end}{}", &word[letters.len()..]) } else { word.to_owned() }
        });
        words.collect()
    })
}

fn length(parts: &[Part]) -> usize {
    let length = |part: &Part| match part {
        Part::Text(text) | Part::Link(_, text) => text.chars().count(),
        Part::Product | Part::Argument(_) => 8,
        Part::Select(_, variants) => variants.iter().map(|(_, parts)| length(parts)).max().unwrap_or(0),
    };
    parts.iter().map(length).sum()
}

fn map(parts: &[Part], change: &dyn Fn(&str) -> String) -> Vec<Part> {
    let part = |part: &Part| match part {
        Part::Text(text) => Part::Text(change(text)),
        Part::Link(name, text) => Part::Link(name.clone(), change(text)),
        Part::Select(name, variants) => {
            let variant = |(key, parts): &(Key, Vec<Part>)| (key.clone(), map(parts, change));
            Part::Select(name.clone(), variants.iter().map(variant).collect())
        }
        Part::Product | Part::Argument(_) => part.clone(),
    };
    parts.iter().map(part).collect()
}
