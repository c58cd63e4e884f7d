//! What mails need to know of the site.

use super::{Settings, values::LanguageList};
use crate::{commands::Failure, config::PublicUrl, mail::MailSettings, words::Language};

impl Settings {
    /// The mail server, if there is one.
    pub(in crate::commands) fn mail(&self) -> Result<Option<MailSettings>, Failure> {
        self.mail.read()
    }

    /// The host of the public URL; empty if that is not set.
    pub(in crate::commands) fn public_host(&self) -> &str {
        self.public_url.as_ref().map_or("", PublicUrl::host)
    }

    /// The language of users who ask for none.
    pub(in crate::commands) fn first_language(&self) -> Language {
        let languages = self.languages.as_ref().map_or(Language::for_people(), |LanguageList(languages)| languages);
        languages.first().copied().unwrap_or(Language::En)
    }
}
