//! The states of the page that changes the password.

use std::time::Duration;

use super::{FormError, MIN_LENGTH, PasswordErrors, PasswordPage, password_page, password_problem};
use crate::accounts::PasswordPolicyError;
use crate::web::sample::{PageState, Sample};

pub(in crate::web) fn all(sample: &Sample) -> Vec<PageState> {
    let words = sample.words;
    let with = |errors| PasswordPage { errors, ..page(sample) };
    let problem = |problem| PasswordErrors { password: Some(password_problem(words, problem)), ..no_errors() };
    let form = |text: &str| PasswordErrors { form: Some(text.to_owned()), ..no_errors() };
    let every_error = || PasswordErrors {
        form: None,
        current_password: Some(words.not_your_current_password().to_owned()),
        password: Some(words.password_too_short(MIN_LENGTH)),
        password_again: Some(words.passwords_differ().to_owned()),
    };
    let unmade = PasswordPage { page: sample.page_after(words.change_unmade(), false), ..page(sample) };
    // A session that must change the password first may not ask for its own state.
    let required = || {
        let mut required = PasswordPage { is_required: true, ..page(sample) };
        required.page.viewer.iter_mut().for_each(|viewer| viewer.is_followed = false);
        required
    };
    let current = |error: FormError| PasswordErrors { current_password: Some(error.text), ..no_errors() };
    let again = PasswordErrors { password: Some(words.same_as_current_password().to_owned()), ..no_errors() };
    let mut states = vec![
        PageState::new("password", &page(sample)),
        PageState::new("password-required", &required()),
        PageState::new("password-required-errors", &PasswordPage { errors: every_error(), ..required() }),
        PageState::new("password-none", &PasswordPage { has_password: false, ..page(sample) }),
        PageState::new(
            "password-after-report",
            &PasswordPage { warning: words.password_after_report(), ..page(sample) },
        ),
        PageState::new("password-unmade", &unmade),
        PageState::new("password-errors", &with(every_error())),
        PageState::new("password-same", &with(again)),
        PageState::new("password-throttled", &with(current(FormError::throttled(words, Duration::from_secs(40))))),
        PageState::new("password-exhausted", &with(current(FormError::unauthorized(words.too_many_wrong_passwords())))),
        PageState::new("password-unchecked", &with(form(words.password_not_changed_unchecked()))),
        PageState::new("password-changed-meanwhile", &with(form(words.password_changed_meanwhile()))),
    ];
    states.extend(PROBLEMS.map(|(name, reason)| PageState::new(name, &with(problem(reason)))));
    states
}

const PROBLEMS: [(&str, PasswordPolicyError); 4] = [
    ("password-too-long", PasswordPolicyError::TooLong),
    ("password-too-easy", PasswordPolicyError::Common),
    ("password-own-name", PasswordPolicyError::OwnName),
    ("password-leaked", PasswordPolicyError::Breached),
];

fn no_errors() -> PasswordErrors {
    PasswordErrors::default()
}

fn page(sample: &Sample) -> PasswordPage {
    PasswordPage {
        page: sample.page(),
        csrf_token: Sample::token(),
        email: sample.email(),
        action: password_page(""),
        next: String::new(),
        keep_others: false,
        hint: sample.words.password_hint(MIN_LENGTH),
        has_password: true,
        is_required: false,
        warning: "",
        errors: PasswordErrors::default(),
    }
}
