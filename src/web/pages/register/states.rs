//! The states of the page on which visitors ask for an account.

use std::time::Duration;

use super::{FormError, RegisterPage};
use crate::web::sample::{PageState, Sample};

pub(in crate::web) fn all(sample: &Sample) -> Vec<PageState> {
    let words = sample.words;
    let page = |is_sent, error: Option<String>| RegisterPage {
        page: sample.visitor(),
        csrf_token: Sample::token(),
        is_sent,
        email: if error.is_some() { sample.email() } else { String::new() },
        error,
    };
    let throttled = FormError::throttled(words, Duration::from_secs(40)).text;
    vec![
        PageState::new("register", &page(false, None)),
        PageState::new("register-no-address", &page(false, Some(words.email_invalid().to_owned()))),
        PageState::new("register-throttled", &page(false, Some(throttled))),
        PageState::new("register-sent", &page(true, None)),
    ]
}
