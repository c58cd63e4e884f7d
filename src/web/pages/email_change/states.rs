//! The states of the page that changes the address.

use std::time::Duration;

use super::{FormError, MailFormState, pending_text, texts};
use crate::{
    accounts::PendingEmail,
    web::{
        pages::mail_form::MailFormPage,
        sample::{PageState, Sample},
    },
};

pub(in crate::web) fn all(sample: &Sample) -> Vec<PageState> {
    let words = sample.words;
    let page = |state, error: Option<String>| {
        let email = if error.is_some() { sample.email() } else { String::new() };
        let texts = texts(words, &sample.email());
        MailFormPage::new(sample.page(), Sample::token(), texts, state).with_error(email, error)
    };
    let pending = PendingEmail { address: sample.email(), asked_at: sample.minutes_ago(5) };
    let pending = Some(pending_text(words, &pending, sample.now));
    let throttled = FormError::throttled(words, Duration::from_secs(40)).text;
    vec![
        PageState::new("email-change", &page(MailFormState::Form, None)),
        PageState::new("email-change-same", &page(MailFormState::Form, Some(words.email_change_same().to_owned()))),
        PageState::new("email-change-throttled", &page(MailFormState::Form, Some(throttled))),
        PageState::new("email-change-pending", &MailFormPage { pending, ..page(MailFormState::Form, None) }),
        PageState::new("email-change-sent", &page(MailFormState::Sent, None)),
        PageState::new("email-change-no-mail", &page(MailFormState::NoMail(words.email_change_no_mail()), None)),
    ]
}
