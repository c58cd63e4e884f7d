//! Command-line tools, scripts, libraries and apps that ask for pages themselves.

use super::{
    apps, bots, browsers,
    user_agent::{UserAgent, Word, safe_name, versioned},
};

/// Programs that pretend to be browsers.
const BEHIND_MOZILLA: &[(&str, &str)] = &[("windowspowershell", "PowerShell"), ("powershell", "PowerShell")];

/// Programs that send no more than their name, beside those that are no bots.
const BARE: &[&str] = &["bun", "python"];

/// Names that say less than they could.
const RENAMED: &[(&str, &str)] = &[("windowspowershell", "PowerShell"), ("git-lfs", "Git LFS")];

/// Programs whose version is that of something else: of the protocol.
const WITHOUT_VERSION: &[&str] = &["go-http-client"];

/// What programs of Apple's systems begin with.
const APPLE_SYSTEMS: &[&str] = &["ios/", "ipados/", "macos/", "mac os x/", "watchos/", "tvos/"];

/// Finds a program. Programs begin with their own name, all browsers with "Mozilla", "Opera" or a name of theirs.
pub(super) fn find(ua: &UserAgent<'_>) -> Option<String> {
    for (token, name) in BEHIND_MOZILLA {
        if let Some(word) = ua.find(token) {
            return Some(versioned(name, word.major()));
        }
    }
    let first = ua.words.first().filter(|_| !ua.is_mozilla())?;
    if APPLE_SYSTEMS.iter().any(|name| ua.lower.starts_with(name)) {
        // "iOS/26.1 (23B85) remindd/1.0".
        let is_own = |word: &&Word<'_>| !word.in_comment() && word.version.is_some() && browsers::is_other(word.name);
        return ua.words.iter().skip(1).rfind(is_own).and_then(Word::as_name);
    }
    if let Some(app) = apps::find(ua).filter(|_| first.version.is_none()) {
        return Some(app.to_owned());
    }
    if is_browser(first, ua) {
        return None;
    }
    let is_bare = || bots::is_no_bot(first.text) || BARE.contains(&first.text.to_ascii_lowercase().as_str());
    let bare = || safe_name(first.text).filter(|_| is_bare()).map(str::to_owned);
    let bare = || bare().or_else(|| first.version.and_then(|_| first.as_name()));
    if first.major().is_some() { named(first) } else { None }.or_else(|| named_in_words(ua)).or_else(bare)
}

/// Whether a string begins with the name of something that is no browser.
pub(super) fn is_unnamed(ua: &UserAgent<'_>) -> bool {
    !ua.is_mozilla() && ua.words.first().is_some_and(|first| !is_browser(first, ua) && apps::find(ua).is_none())
}

/// Browsers that begin with their own name.
fn is_browser(first: &Word<'_>, ua: &UserAgent<'_>) -> bool {
    browsers::is_known(first.name) || first.name.eq_ignore_ascii_case("firefox") || ua.contains_any(&["midp", "hbbtv"])
}

fn named(word: &Word<'_>) -> Option<String> {
    if let Some(library) = word.name.strip_prefix("python-") {
        return Some(versioned(&format!("Python {library}"), word.major())).filter(|_| word.as_name().is_some());
    }
    if word.name.contains("%20") {
        let name = word.name.replace("%20", " ");
        return safe_name(&name).map(|name| versioned(name, word.major()));
    }
    let lower = word.name.to_ascii_lowercase();
    if lower == "safari" {
        // Its version is that of the engine.
        return Some("Safari".to_owned());
    }
    if WITHOUT_VERSION.contains(&lower.as_str()) {
        return safe_name(word.name).map(str::to_owned);
    }
    if lower == "java"
        && let Some(rest) = word.version.and_then(|version| version.strip_prefix("1."))
    {
        // 1.8 is Java 8.
        return Some(versioned("Java", super::user_agent::major(rest)));
    }
    match RENAMED.iter().find(|(name, _)| *name == lower) {
        Some((_, name)) => Some(versioned(name, word.major())),
        None => word.as_name(),
    }
}

/// "Microsoft Office/16.0".
fn named_in_words(ua: &UserAgent<'_>) -> Option<String> {
    let before_slash = ua.text.split_once('/').filter(|(name, _)| !name.contains(['(', ';', ',']))?;
    before_slash.1.starts_with(|c: char| c.is_ascii_digit()).then(|| bots::prefix_name(ua)).flatten()
}
