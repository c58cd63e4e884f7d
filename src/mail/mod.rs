//! Mails to users: their words, the queue in which they wait, and the way to the mail server.
//!
//! A mail is stored in the transaction of its cause (`queue.rs`) and sent later (`sender.rs`). Nothing here knows pages or
//! HTTP. Without `KEYRACK_SMTP_URL`, no mail is stored or sent.

mod content;
mod kind;
mod link_state;
mod link_tokens;
mod message;
mod model;
mod notice;
mod plain_stream;
mod queries;
mod queue;
mod sender;
mod settings;
mod smtp;

pub(crate) use content::Content;
pub(crate) use kind::MailKind;
pub(crate) use link_state::{LinkProblem, LinkState};
pub(crate) use link_tokens::{LinkToken, LinkTokens};
pub(crate) use message::Mailer;
pub(crate) use model::{ListedMail, NewMail};
pub(crate) use notice::{Change, NoticeFacts};
pub(crate) use queries::{LinkRow, count_to_address, find_notice, notices_since};
pub(crate) use queue::{Outbox, list, overdue, purge};
pub(crate) use sender::MailSender;
pub use settings::{InvalidMailFrom, InvalidSmtpUrl, MailFrom, MailSettings, SmtpTls, SmtpUrl};
pub(crate) use smtp::SmtpConnection;
