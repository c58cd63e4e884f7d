//! The states of the page that the links of notices lead to.

use super::{MailKind, NoticeFacts, NoticeScope, done, expired, notice_page};
use crate::{
    mail::Change,
    web::sample::{PageState, Sample},
};

pub(in crate::web) fn all(sample: &Sample) -> Vec<PageState> {
    let words = sample.words;
    let facts = NoticeFacts {
        at: Some(sample.minutes_ago(12).as_micros()),
        browser: Some("Firefox 140".to_owned()),
        system: Some("Linux".to_owned()),
        address: Some("2001:db8:1:2:3:4:5:6".to_owned()),
        ..NoticeFacts::default()
    };
    let change = NoticeFacts { change: Some(Change::AppRemoved), by_administrator: true, ..facts.clone() };
    let failures = NoticeFacts { failures: Some(10), ..facts.clone() };
    let of_passkeys = NoticeFacts { of_passkeys: true, ..failures.clone() };
    let session = NoticeScope::Session(sample.session(1).id);
    let page = |kind, facts: &NoticeFacts, scope| {
        notice_page(sample.visitor(), words, Sample::token(), &Sample::token(), (kind, facts, scope))
    };
    vec![
        PageState::new("notice-new-browser", &page(MailKind::NewBrowser, &facts, session)),
        PageState::new("notice-password", &page(MailKind::PasswordChanged, &facts, NoticeScope::Account)),
        PageState::new("notice-app-removed", &page(MailKind::WaysInChanged, &change, NoticeScope::Account)),
        PageState::new("notice-failures", &page(MailKind::ManyFailures, &failures, NoticeScope::Account)),
        PageState::new("notice-passkey-failures", &page(MailKind::ManyFailures, &of_passkeys, NoticeScope::Account)),
        PageState::new("notice-wrong-codes", &page(MailKind::WrongCodes, &failures, NoticeScope::Account)),
        PageState::new("notice-done-device", &done(sample.visitor(), words, session)),
        PageState::new("notice-done-all", &done(sample.visitor(), words, NoticeScope::Account)),
        PageState::new("notice-expired", &expired(sample.visitor(), words)),
    ]
}
