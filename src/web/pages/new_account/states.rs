//! The states of the form that creates an account.

use super::{NewAccountErrors, VerifyFields, template};
use crate::web::sample::{PageState, Sample};

pub(in crate::web) fn all(sample: &Sample) -> Vec<PageState> {
    let words = sample.words;
    let page = |errors| {
        let fields = VerifyFields { token: Sample::token(), first_name: "Rajat".to_owned(), ..VerifyFields::default() };
        template(sample.visitor(), Sample::token(), fields, sample.email(), errors)
    };
    let every_error = NewAccountErrors {
        form: None,
        first_name: Some(words.enter_first_name().to_owned()),
        last_name: Some(words.user_name_too_long(64)),
        password: Some(words.password_too_easy().to_owned()),
        password_again: Some(words.passwords_differ().to_owned()),
    };
    let not_created = NewAccountErrors {
        form: Some(words.account_not_created_unchecked().to_owned()),
        ..NewAccountErrors::default()
    };
    vec![
        PageState::new("new-account", &page(NewAccountErrors::default())),
        PageState::new("new-account-errors", &page(every_error)),
        PageState::new("new-account-not-created", &page(not_created)),
    ]
}
