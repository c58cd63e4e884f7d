//! Notices: what the owner of an account is told of it.

use serde::{Deserialize, Serialize};

use super::{
    content::{Content, ContentLink},
    kind::MailKind,
};
use crate::{clock::Timestamp, words::Words};

/// What has changed about the ways into an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Change {
    AppAdded,
    AppRemoved,
    PasskeyAdded,
    PasskeyRemoved,
    RecoveryCodesMade,
    RecoveryCodeUsed,
}

/// What a notice tells, as the column `params` keeps it. It holds no secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct NoticeFacts {
    /// When it happened, in microseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<i64>,
    /// "Firefox 140"
    #[serde(skip_serializing_if = "Option::is_none")]
    pub browser: Option<String>,
    /// "Linux"
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
    /// Whether an administrator did it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub by_administrator: bool,
    /// How many sign-ins failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failures: Option<usize>,
    /// Whether they failed because of a passkey.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub of_passkeys: bool,
    /// The address that the account has now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_email: Option<String>,
}

impl Change {
    /// Whether it concerns what is used up rather than what lets in: there may be many of these.
    pub const fn is_about_recovery_codes(self) -> bool {
        matches!(self, Self::RecoveryCodesMade | Self::RecoveryCodeUsed)
    }
}

impl NoticeFacts {
    pub fn to_json(&self) -> String {
        // Fails for maps with keys that are no texts only.
        serde_json::to_string(self).unwrap_or_else(|_| "{}".to_owned())
    }

    /// Reads them. What another version has written in another form is missing.
    pub fn from_json(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    /// When, on which device and from where, one line each.
    fn lines(&self, words: Words) -> Vec<String> {
        let when = self.at.map(|at| {
            let date = Timestamp::from_micros(at).clamped().date_and_time();
            words.mail_fact_when(words.exact_time(date.day, date.month, date.year, date.time))
        });
        let device = match (&self.browser, &self.system) {
            (Some(browser), Some(system)) => Some(words.browser_on_system(browser, system)),
            (Some(name), None) | (None, Some(name)) => Some(name.clone()),
            (None, None) => None,
        };
        let device = device.map(|device| words.mail_fact_device(device));
        let address = self.address.as_ref().map(|address| words.mail_fact_address(address));
        let new_email = self.new_email.as_ref().map(|email| words.mail_fact_new_email(email));
        [new_email, when, device, address].into_iter().flatten().collect()
    }
}

impl MailKind {
    /// What a notice says, without its link; `None` for other mails.
    pub fn message(self, words: Words, facts: &NoticeFacts) -> Option<Content> {
        let (subject, text) = match self {
            Self::Reset | Self::Invitation | Self::EmailChange | Self::Registration => return None,
            Self::NewBrowser => (words.mail_new_browser_subject(), words.mail_new_browser_text()),
            Self::PasswordChanged if facts.by_administrator => {
                (words.mail_password_changed_subject(), words.mail_password_set_text())
            }
            Self::PasswordChanged => (words.mail_password_changed_subject(), words.mail_password_changed_text()),
            Self::WaysInChanged => (words.mail_ways_in_subject(), change_text(words, facts)),
            Self::ManyFailures if facts.of_passkeys => {
                (words.mail_failures_subject(), words.mail_passkey_failures_text(facts.failures.unwrap_or_default()))
            }
            Self::ManyFailures => {
                (words.mail_failures_subject(), words.mail_failures_text(facts.failures.unwrap_or_default()))
            }
            Self::WrongCodes => {
                (words.mail_wrong_codes_subject(), words.mail_wrong_codes_text(facts.failures.unwrap_or_default()))
            }
            Self::EmailChanged if facts.by_administrator => {
                (words.mail_email_changed_subject(), words.mail_email_set_text())
            }
            Self::EmailChanged => (words.mail_email_changed_subject(), words.mail_email_changed_text()),
            Self::AddressTaken => (words.mail_address_taken_subject(), words.mail_address_taken_text()),
            Self::AccountExists => (words.mail_account_exists_subject(), words.mail_account_exists_text()),
        };
        let notes = match self {
            Self::ManyFailures if facts.of_passkeys => vec![words.mail_passkey_failures_note().to_owned()],
            Self::ManyFailures => vec![words.mail_failures_note().to_owned()],
            Self::WrongCodes => vec![words.mail_wrong_codes_note().to_owned()],
            Self::EmailChanged if facts.by_administrator => vec![words.mail_email_set_note().to_owned()],
            // The note on its link is added with that.
            Self::EmailChanged => vec![],
            Self::AddressTaken | Self::AccountExists => vec![words.mail_address_taken_note().to_owned()],
            _ => vec![words.mail_notice_note().to_owned()],
        };
        Some(Content { words, subject, paragraphs: vec![text], facts: facts.lines(words), link: None, notes })
    }
}

fn change_text(words: Words, facts: &NoticeFacts) -> String {
    match facts.change {
        Some(Change::AppAdded) => words.mail_app_added(),
        Some(Change::AppRemoved) if facts.by_administrator => words.mail_app_removed_by_administrator(),
        Some(Change::AppRemoved) => words.mail_app_removed(),
        Some(Change::PasskeyAdded) => words.mail_passkey_added(),
        Some(Change::PasskeyRemoved) if facts.by_administrator => words.mail_passkey_removed_by_administrator(),
        Some(Change::PasskeyRemoved) => words.mail_passkey_removed(),
        Some(Change::RecoveryCodesMade) => words.mail_codes_made(),
        Some(Change::RecoveryCodeUsed) => words.mail_code_used(),
        None => words.mail_ways_in_changed(),
    }
}

impl Content {
    /// The notice of this kind with the link by which its reader ends, or takes back, what it tells of.
    pub fn with_link(mut self, kind: MailKind, url: String) -> Self {
        let label = match kind {
            MailKind::EmailChanged => {
                self.notes.push(self.words.mail_email_changed_note().to_owned());
                self.words.mail_email_restore()
            }
            _ => self.words.this_was_not_me(),
        };
        self.link = Some(ContentLink { label: label.to_owned(), url });
        self.notes.push(self.words.mail_notice_days().to_owned());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Language;

    #[test]
    fn notice_has_its_facts_and_its_link_in_both_parts() {
        let facts = NoticeFacts {
            at: Some(1_769_601_014_000_000),
            browser: Some("Firefox 140".to_owned()),
            system: Some("Linux".to_owned()),
            address: Some("2001:db8::7".to_owned()),
            failures: Some(10),
            ..NoticeFacts::default()
        };
        for language in [Language::En, Language::De] {
            let words = Words::new(language);
            for kind in [
                MailKind::NewBrowser,
                MailKind::PasswordChanged,
                MailKind::WaysInChanged,
                MailKind::ManyFailures,
                MailKind::WrongCodes,
                MailKind::EmailChanged,
            ] {
                let url = "https://example.org/not-me?token=x".to_owned();
                let content = kind.message(words, &facts).unwrap().with_link(kind, url);
                for part in [content.html().unwrap(), content.text().unwrap()] {
                    for fact in
                        ["2026, 11:50 UTC", "Firefox 140", "Linux", "2001:db8::7", "https://example.org/not-me?token="]
                    {
                        assert!(part.contains(fact), "{fact} in {part}");
                    }
                }
            }
        }
    }

    #[test]
    fn facts_are_read_as_they_were_written() {
        let facts = NoticeFacts {
            at: Some(1_769_601_014_000_000),
            browser: Some("Firefox 140".to_owned()),
            system: Some("Linux".to_owned()),
            address: Some("192.0.2.1".to_owned()),
            change: Some(Change::RecoveryCodeUsed),
            by_administrator: true,
            failures: Some(10),
            of_passkeys: true,
            new_email: Some("rajat@example.net".to_owned()),
        };
        assert_eq!(NoticeFacts::from_json(&facts.to_json()), facts);
        assert_eq!(NoticeFacts::default().to_json(), "{}");
        assert_eq!(NoticeFacts::from_json("{\"change\":\"of_another_version\"}"), NoticeFacts::default());
    }
}
