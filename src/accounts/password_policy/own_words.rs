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
        words.extend(words_of_host(domain));
    }
    for name in names {
        words.push(name.to_owned());
        words.extend(parts(name));
    }
    words.into_iter().filter(|word| word.chars().count() >= MIN_WORD_CHARS)
}

/// The host name and its labels.
pub(super) fn words_of_host(host: &str) -> Vec<String> {
    let labels = parts(host).filter(|label| label.chars().count() >= MIN_WORD_CHARS);
    labels.chain([host.to_owned()]).collect()
}

fn parts(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()).map(str::to_owned)
}
