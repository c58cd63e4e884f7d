//! The words that an attacker who knows the user and the site tries first.

use crate::accounts::email::Email;

/// Shorter words occur in other words by chance.
const MIN_WORD_CHARS: usize = 3;

/// The user's address and its parts, and the parts of the names.
pub(super) fn own_words<'a>(
    email: Option<&Email>,
    names: impl IntoIterator<Item = &'a str>,
) -> impl Iterator<Item = String> {
    let mut words = Vec::new();
    if let Some((local, domain)) = email.and_then(|email| email.as_str().rsplit_once('@')) {
        words.extend([format!("{local}@{domain}"), local.to_owned()]);
        words.extend(parts(local));
        words.extend(words_of_site(domain));
    }
    for name in names {
        words.push(name.to_owned());
        words.extend(parts(name));
    }
    words.into_iter().filter(|word| word.chars().count() >= MIN_WORD_CHARS)
}

/// The parts of a host's or a site's name, and all of it.
pub(super) fn words_of_site(name: &str) -> Vec<String> {
    let parts = parts(name).filter(|part| part.chars().count() >= MIN_WORD_CHARS);
    parts.chain([name.to_owned()]).collect()
}

fn parts(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()).map(str::to_owned)
}
