//! What mails need to know of the site.

use std::net::ToSocketAddrs;

use super::{Settings, values::LanguageList};
use crate::{
    commands::Failure,
    config::{PublicUrl, Secrets},
    mail::MailSettings,
    words::Language,
};

impl Settings {
    /// The mail server, if there is one.
    pub(in crate::commands) fn mail(&self) -> Result<Option<MailSettings>, Failure> {
        self.mail.read()
    }

    /// The host of the public URL; empty if that is not set.
    pub(in crate::commands) fn public_host(&self) -> &str {
        self.public_url.as_ref().map_or("", PublicUrl::host)
    }

    /// The URL that people use, for links that a command prints.
    pub(in crate::commands) fn link_base(&self) -> String {
        let bound = || self.bind.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
        match (&self.public_url, bound()) {
            (Some(url), _) => url.to_string(),
            (None, Some(address)) => self.public_url(address).to_string(),
            (None, None) => PublicUrl::default().to_string(),
        }
    }

    /// What links of a command begin with if `KEYRACK_PUBLIC_URL` is not set.
    pub(in crate::commands) fn assumed_link_base(&self) -> Option<String> {
        self.public_url.is_none().then(|| self.link_base())
    }

    /// The secrets, from which a command makes links.
    pub(in crate::commands) fn secrets_for_links(&self) -> Result<Secrets, Failure> {
        self.secrets(&self.database_url()?, &mut Vec::new())
    }

    /// The languages that pages are offered in.
    pub(in crate::commands) fn languages(&self) -> &[Language] {
        self.languages.as_ref().map_or(Language::for_people(), |LanguageList(languages)| languages)
    }

    /// The language of users who ask for none.
    pub(in crate::commands) fn first_language(&self) -> Language {
        self.languages().first().copied().unwrap_or(Language::En)
    }
}
