//! Mails to users: their settings, their words, and the way to the mail server.
//!
//! Nothing here knows pages or HTTP. Without `KEYRACK_SMTP_URL`, no mail is sent.

mod content;
mod message;
mod settings;
mod smtp;

pub(crate) use content::Content;
pub(crate) use message::{MailId, Mailer};
pub use settings::{InvalidMailFrom, InvalidSmtpUrl, MailFrom, MailSettings, SmtpTls, SmtpUrl};
pub(crate) use smtp::SmtpConnection;
