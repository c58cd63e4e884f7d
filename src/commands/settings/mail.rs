//! The mail server.

use clap::Args;
use secrecy::{ExposeSecret, SecretString};

use crate::{
    commands::Failure,
    mail::{MailFrom, MailSettings},
};

/// The settings for it.
#[derive(Args, Debug, Clone)]
#[expect(clippy::doc_markdown, reason = "these comments are what --help prints, not Markdown")]
pub(in crate::commands) struct MailSettingArguments {
    /// Mail server: smtps://USER:PASSWORD@HOST, or smtp:// for STARTTLS, which is then required unless the server is on
    /// this machine; without it, no mail is sent [default: none]
    #[arg(long, env = "KEYRACK_SMTP_URL", global = true, value_name = "URL", hide_env_values = true)]
    smtp_url: Option<SecretString>,

    /// Sender of mails: an address, or NAME <ADDRESS>; the name is that of the site unless one is given [default: none]
    #[arg(long, env = "KEYRACK_MAIL_FROM", global = true, value_name = "SENDER")]
    mail_from: Option<MailFrom>,
}

impl MailSettingArguments {
    /// What is needed to send mails; `None` if there is no mail server.
    pub(in crate::commands) fn read(&self) -> Result<Option<MailSettings>, Failure> {
        let Some(url) = &self.smtp_url else { return Ok(None) };
        // Parsed here, since clap would print a wrong one, with its password.
        let smtp = url
            .expose_secret()
            .parse()
            .map_err(|error| Failure::usage(format!("invalid value for --smtp-url (KEYRACK_SMTP_URL): {error}")))?;
        let Some(from) = self.mail_from.clone() else {
            return Err(Failure::usage(
                "mails need a sender: set KEYRACK_MAIL_FROM to an address that the mail server accepts, such as \
                 keyrack@example.org",
            ));
        };
        Ok(Some(MailSettings { smtp, from }))
    }
}
