//! Crawlers, monitors and scanners that identify themselves.

use super::{
    bot_names::{BOT_PHRASES, BOTS, NOT_BOTS},
    hardware,
    user_agent::{UserAgent, Word, safe_name, versioned},
};

/// Ends and parts of names that only bots have.
const ENDS: &[&str] = &["bot", "bots", "spider", "crawler", "crawl", "fetcher", "scanner", "checker", "monitor"];
const PARTS: &[&str] = &[
    "bot-",
    "bot_",
    "-bot",
    "crawler",
    "spider",
    "scrap",
    "healthcheck",
    "health-check",
    "synthetic",
    "linkcheck",
    "checklink",
    "urlpreview",
    "linkpreview",
    "link-preview",
    "externalhit",
    "validator",
    "archiver",
    "favicon",
    "imageproxy",
    "inspect",
    "lighthouse",
    "uptime",
    "feedfetcher",
    "feedburner",
    "feedparser",
    "webmon",
    "pingdom",
    "probe",
    "retriever",
    "diagnostics",
    "sitemap",
    "preview",
    "siteaudit",
    "linkexpander",
    "urlresolver",
    "linkresolver",
];

/// What apps name: the system that they run on, or what they are.
#[rustfmt::skip]
const APP_MARKS: &[&str] = &[
    "iphone", "ipad", "android", "macos", "mac os", "windows", "linux", "darwin", "ios;", "winnt",
    "podcast app", "podcast player", "rss reader", "feed reader",
];

/// Browsers that called themselves compatible.
const OLD_BROWSERS: &[&str] = &[
    "msie",
    "konqueror",
    "opera",
    "netfront",
    "omniweb",
    "icab",
    "ibrowse",
    "amiga",
    "netscape",
    "ms-office",
    "netpositive",
    "symbian",
];

/// A bot.
pub(super) struct Bot {
    /// Its name, if it has one that is safe to show.
    pub name: Option<String>,
}

/// Finds a bot.
pub(super) fn find(ua: &UserAgent<'_>) -> Option<Bot> {
    if let Some((_, name)) = BOT_PHRASES.iter().find(|(text, _)| ua.contains_start(text)) {
        return Some(Bot { name: Some((*name).to_owned()) });
    }
    if ua.contains("subscriber") {
        // A reader on a server, which asks for a feed on behalf of all who read it.
        let first = ua.words.first().filter(|_| !ua.is_mozilla()).and_then(|_| prefix_name(ua));
        return Some(Bot { name: first.or_else(|| anonymous_name(ua)) });
    }
    // Apps and feed readers name the system that they run on, and give an address as well.
    let is_app = !ua.is_mozilla() && ua.contains_any(APP_MARKS);
    let android = ua.find("android").map_or(0, |word| word.comment);
    // A model of a phone may have such a name.
    let is_model = |word: &Word<'_>| word.in_comment() && word.comment == android && word.version.is_none();
    let has_part = ua.contains_any(PARTS);
    let is_named = |word: &Word<'_>| if is_app { is_called_bot(ua, word) } else { is_bot(ua, word, has_part) };
    let found = ua.words.iter().position(|word| !is_model(word) && is_named(word));
    if let Some(index) = found {
        return Some(Bot { name: bot_name(ua, index) });
    }
    // Programs that are told by their name give the address of their source.
    let is_known_program = ua.words.first().is_some_and(|word| is_no_bot(word.name));
    let is_app = is_app || ua.has("electron");
    let is_bot = !is_known_program && !is_app && (has_contact(ua) || is_in_engine(ua) || is_compatible(ua));
    is_bot.then(|| Bot { name: anonymous_name(ua) })
}

/// Whether the comment of the engine has more in it: "(KHTML, like Gecko; Name)".
fn is_in_engine(ua: &UserAgent<'_>) -> bool {
    ua.after("like gecko; ").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()))
}

/// Whether it calls itself compatible, as bots do, and browsers of the time before 2010.
fn is_compatible(ua: &UserAgent<'_>) -> bool {
    hardware::of_text(ua).is_none()
        && ua.words.iter().any(|word| word.text == "compatible")
        && !ua.contains_any(OLD_BROWSERS)
}

/// Whether this is the name of a library, a tool or a reader.
pub(super) fn is_no_bot(name: &str) -> bool {
    NOT_BOTS.binary_search(&name.to_ascii_lowercase().as_str()).is_ok()
}

/// Whether its name says in so many words that it is one.
fn is_called_bot(ua: &UserAgent<'_>, word: &Word<'_>) -> bool {
    let name = ua.lower_name(word);
    ["bot", "spider", "crawler"].iter().any(|end| name.ends_with(end)) && !is_address(word.text)
}

/// `has_part`: whether the string contains any of [`PARTS`].
fn is_bot(ua: &UserAgent<'_>, word: &Word<'_>, has_part: bool) -> bool {
    let name = ua.lower_name(word);
    let name = name.trim_start_matches(|c: char| !c.is_ascii_alphanumeric()).trim_end_matches([':', '.', '\'', '+']);
    // An address often ends with "bot".
    if name.len() < 3 || is_address(word.text) || NOT_BOTS.binary_search(&name).is_ok() {
        return false;
    }
    BOTS.binary_search(&name).is_ok()
        // Cubot is a manufacturer of phones.
        || !name.starts_with("cubot")
            && (ENDS.iter().any(|end| name.ends_with(end)) || has_part && PARTS.iter().any(|part| name.contains(part)))
        || (name.starts_with("google-") || name.ends_with("-google")) && !name.starts_with("google-http")
}

/// Whether it gives an address for the owners of sites, as bots do.
fn has_contact(ua: &UserAgent<'_>) -> bool {
    // An old web view of Internet Explorer, and televisions that list what they can do.
    let is_component = ua.contains_any(&["bsalsa.com", "hbbtv", "ce-html", "smarttv"]);
    let is_contact = |word: &Word<'_>| is_address(word.text) || word.text.starts_with('+') && word.text.contains('.');
    !is_component && ua.words.iter().any(is_contact)
}

fn is_email(word: &str) -> bool {
    let Some((user, host)) = word.split_once('@') else { return false };
    let top = host.rsplit_once('.').map_or("", |(_, top)| top);
    !user.is_empty() && top.len() >= 2 && top.chars().all(|c| c.is_ascii_alphabetic())
}

fn is_address(word: &str) -> bool {
    word.contains("://") || word.trim_start_matches('+').starts_with("www.") || is_email(word)
}

/// "Googlebot/2.1", "Better Uptime Bot", "Checkly".
fn bot_name(ua: &UserAgent<'_>, index: usize) -> Option<String> {
    let word = &ua.words[index];
    let trimmed = word.name.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    if !ua.is_mozilla()
        && index > 0
        && let Some(name) = prefix_name(ua)
    {
        return Some(name);
    }
    let name = safe_name(trimmed)?;
    // "bot" alone tells nothing.
    (name.len() > 4).then(|| versioned(name, word.major()))
}

/// The name before the first bracket, version or "Mozilla": "Better Uptime Bot", "updown.io daemon".
pub(super) fn prefix_name(ua: &UserAgent<'_>) -> Option<String> {
    let end = ua.lower.find(['/', '(', ';', ',', '[', ':']).unwrap_or(ua.text.len());
    let is_product = ua.text[end..].starts_with('/');
    let text = ua.text[..end].trim_end();
    // "Plesk screenshot bot https://…"
    let text = [" Mozilla", " http", " https"].iter().find_map(|end| text.strip_suffix(end)).unwrap_or(text);
    let name = text.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | ' ' | '-'));
    let name = if is_product || name.is_empty() { text } else { name };
    let name = safe_name(name.trim()).filter(|name| name.split(' ').count() <= 4)?;
    let version = if is_product && text.len() == end { super::user_agent::major(&ua.text[end + 1..]) } else { None };
    Some(versioned(name, version))
}

/// The name of a bot that only gives an address: the first product that is none of a browser.
fn anonymous_name(ua: &UserAgent<'_>) -> Option<String> {
    if !ua.is_mozilla() {
        return prefix_name(ua);
    }
    let mut words = ua.words.iter().skip(1).filter(|word| !is_address(word.text));
    let product = |word: &&Word<'_>| word.version.is_some() && super::browsers::is_other(word.name);
    if let Some(found) = words.clone().find(product) {
        return found.as_name();
    }
    words.find(|word| word.name.eq_ignore_ascii_case("compatible"))?;
    let word = words.next()?;
    let is_name = word.in_comment() && super::browsers::is_other(word.name) && word.name.len() > 3;
    is_name.then(|| word.as_name()).flatten()
}
