//! The states of the page of a forgotten password.

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
        PageState::new("forgot", &page(MailFormState::Form, None)),
        PageState::new("forgot-no-address", &page(MailFormState::Form, Some(words.email_invalid().to_owned()))),
        PageState::new("forgot-throttled", &page(MailFormState::Form, Some(throttled))),
        PageState::new("forgot-sent", &page(MailFormState::Sent, None)),
        PageState::new("forgot-no-mail", &page(MailFormState::NoMail(words.forgot_no_mail()), None)),
    ]
}
