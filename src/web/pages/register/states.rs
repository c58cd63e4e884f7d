//! The states of the page on which visitors ask for an account.

use std::time::Duration;

use super::{FormError, MailFormState, texts};
use crate::web::{
    pages::mail_form::MailFormPage,
    sample::{PageState, Sample},
};

pub(in crate::web) fn all(sample: &Sample) -> Vec<PageState> {
    let words = sample.words;
    let page = |state, error: Option<String>| {
        let email = if error.is_some() { sample.email() } else { String::new() };
        MailFormPage::new(sample.visitor(), Sample::token(), texts(words), state).with_error(email, error)
    };
    let throttled = FormError::throttled(words, Duration::from_secs(40)).text;
    vec![
        PageState::new("register", &page(MailFormState::Form, None)),
        PageState::new("register-no-address", &page(MailFormState::Form, Some(words.email_invalid().to_owned()))),
        PageState::new("register-throttled", &page(MailFormState::Form, Some(throttled))),
        PageState::new("register-sent", &page(MailFormState::Sent, None)),
    ]
}
