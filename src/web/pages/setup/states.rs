//! The states of the set-up page.

use super::{MIN_LENGTH, SetupErrors, SetupFields, SetupPage};
use crate::accounts::MAX_NAME_CHARS;
use crate::web::sample::{PageState, Sample};

pub(in crate::web) fn all(sample: &Sample) -> Vec<PageState> {
    let words = sample.words;
    let page = |fields, errors| SetupPage {
        page: sample.visitor(),
        csrf_token: Sample::token(),
        token: String::new(),
        fields,
        hint: words.password_hint(MIN_LENGTH),
        errors,
    };
    let typed = || SetupFields {
        email: "rajat.verma".to_owned(),
        user_name: "n".repeat(MAX_NAME_CHARS + 1),
        first_name: String::new(),
        last_name: "Verma\u{202e}".to_owned(),
        ..SetupFields::default()
    };
    let every_error = SetupErrors {
        form: None,
        email: Some(words.email_invalid().to_owned()),
        user_name: Some(words.user_name_too_long(MAX_NAME_CHARS)),
        first_name: Some(words.enter_first_name().to_owned()),
        last_name: Some(words.name_has_hidden_character("U+202E")),
        password: Some(words.password_too_easy().to_owned()),
        password_again: Some(words.passwords_differ().to_owned()),
    };
    let accepted = || SetupFields {
        email: sample.email(),
        first_name: "Rajat".to_owned(),
        last_name: "Verma".to_owned(),
        ..SetupFields::default()
    };
    let unchecked = words.account_not_created_unchecked().to_owned();
    let not_created = SetupErrors { form: Some(unchecked), ..SetupErrors::default() };
    vec![
        PageState::new("setup", &page(SetupFields::default(), SetupErrors::default())),
        PageState::new("setup-errors", &page(typed(), every_error)),
        PageState::new("setup-not-created", &page(accepted(), not_created)),
    ]
}
