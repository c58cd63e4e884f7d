//! The states of the page that changes the address.

use std::time::Duration;

use super::{EmailChangePage, FormError, State};
use crate::web::sample::{PageState, Sample};

pub(in crate::web) fn all(sample: &Sample) -> Vec<PageState> {
    let words = sample.words;
    let page = |state, error: Option<String>| EmailChangePage {
        page: sample.page(),
        csrf_token: Sample::token(),
        state,
        current: sample.email(),
        email: if error.is_some() { sample.email() } else { String::new() },
        error,
    };
    let throttled = FormError::throttled(words, Duration::from_secs(40)).text;
    vec![
        PageState::new("email-change", &page(State::Form, None)),
        PageState::new("email-change-same", &page(State::Form, Some(words.email_change_same().to_owned()))),
        PageState::new("email-change-throttled", &page(State::Form, Some(throttled))),
        PageState::new("email-change-sent", &page(State::Sent, None)),
        PageState::new("email-change-no-mail", &page(State::NoMail, None)),
    ]
}
