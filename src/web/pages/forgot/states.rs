//! The states of the page of a forgotten password.

use std::time::Duration;

use super::{ForgotPage, FormError, State};
use crate::web::sample::{PageState, Sample};

pub(in crate::web) fn all(sample: &Sample) -> Vec<PageState> {
    let words = sample.words;
    let page = |state, error: Option<String>| ForgotPage {
        page: sample.visitor(),
        csrf_token: Sample::token(),
        state,
        email: if error.is_some() { sample.email() } else { String::new() },
        error,
    };
    let throttled = FormError::throttled(words, Duration::from_secs(40)).text;
    vec![
        PageState::new("forgot", &page(State::Form, None)),
        PageState::new("forgot-no-address", &page(State::Form, Some(words.email_invalid().to_owned()))),
        PageState::new("forgot-throttled", &page(State::Form, Some(throttled))),
        PageState::new("forgot-sent", &page(State::Sent, None)),
        PageState::new("forgot-no-mail", &page(State::NoMail, None)),
    ]
}
