//! A mail before it is stored, and as operators see it.

use serde::Serialize;

use super::{kind::MailKind, notice::NoticeFacts};
use crate::{
    clock::Timestamp,
    db::{LinkId, MailId, UserId},
    words::Language,
};

/// A mail that is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewMail {
    pub kind: MailKind,
    /// The account that it is about, if there is one.
    pub user: Option<UserId>,
    pub address: String,
    pub language: Language,
    /// The link in it, if it has one.
    pub link: Option<LinkId>,
    /// What a notice tells.
    pub facts: NoticeFacts,
}

/// A mail of the queue, for operators.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ListedMail {
    pub id: MailId,
    pub created_at: Timestamp,
    pub kind: String,
    pub user_id: Option<UserId>,
    pub address: String,
    pub language: String,
    /// `waiting`, `sent` or `given_up`.
    pub state: &'static str,
    pub attempts: i32,
    pub next_attempt_at: Option<Timestamp>,
    pub sent_at: Option<Timestamp>,
    pub given_up_at: Option<Timestamp>,
    pub last_error: Option<String>,
}
