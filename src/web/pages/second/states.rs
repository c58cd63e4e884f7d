//! The states of the page that asks for a second factor.

use std::time::Duration;

use super::{FormError, PasskeyPrompt, SecondPage, second_page};
use crate::web::{
    page::Page,
    sample::{PageState, Sample},
};

pub(in crate::web) fn all(sample: &Sample) -> Vec<PageState> {
    let words = sample.words;
    let page = |takes_recovery_code, error: Option<&str>| SecondPage {
        page: Page::of_visitor(&Sample::token(), words),
        csrf_token: Sample::token(),
        next: String::new(),
        other_form: second_page(""),
        takes_recovery_code,
        takes_codes: true,
        passkey: None,
        trust: false,
        error: error.map(str::to_owned),
    };
    let prompt = || Some(PasskeyPrompt { options: "{}".to_owned(), challenge: Sample::token() });
    let with_passkey = |takes_codes, error| SecondPage { takes_codes, passkey: prompt(), ..page(false, error) };
    let throttled = FormError::throttled(words, Duration::from_secs(40)).text;
    [
        ("second", page(false, None)),
        ("second-wrong", page(false, Some(words.second_wrong_code()))),
        ("second-used", page(false, Some(words.second_used_code()))),
        ("second-throttled", page(false, Some(&throttled))),
        ("second-locked", page(false, Some(words.second_locked()))),
        ("second-unreadable", page(false, Some(words.second_unreadable()))),
        ("second-recovery", page(true, None)),
        ("second-recovery-wrong", page(true, Some(words.second_wrong_recovery_code()))),
        ("second-recovery-used", page(true, Some(words.second_used_recovery_code()))),
        ("second-app-or-passkey", with_passkey(true, None)),
        ("second-passkey", with_passkey(false, None)),
        ("second-passkey-rejected", with_passkey(false, Some(words.passkey_rejected()))),
    ]
    .map(|(name, page)| PageState::new(name, &page))
    .into()
}
