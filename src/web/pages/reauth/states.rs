//! The states of the page that asks for the password again.

use super::{Duration, FormError, PasskeyPrompt, ReauthPage, action};
use crate::web::sample::{PageState, Sample};

pub(in crate::web) fn all(sample: &Sample) -> Vec<PageState> {
    let words = sample.words;
    let page = |purpose, error: Option<FormError>| ReauthPage {
        page: sample.page(),
        csrf_token: Sample::token(),
        email: sample.email(),
        action: action("", ""),
        next: String::new(),
        change: String::new(),
        purpose,
        can_prove: true,
        passkey: None,
        error: error.map(|error| error.text),
    };
    let exhausted = FormError::unauthorized(words.too_many_wrong_passwords());
    let purposes = [
        ("reauth", words.enter_password_again()),
        ("reauth-sign-out", words.enter_password_to_sign_out()),
        ("reauth-sign-out-selected", words.enter_password_to_sign_out_selected()),
        ("reauth-sign-out-others", words.enter_password_to_sign_out_others()),
        ("reauth-sign-out-all", words.enter_password_to_sign_out_all()),
        ("reauth-report", words.enter_password_to_report()),
        ("reauth-remove-app", words.enter_password_to_remove_app()),
        ("reauth-make-codes", words.enter_password_to_make_codes()),
        ("reauth-ask-for-codes", words.enter_password_to_ask_for_codes()),
        ("reauth-remove-passkey", words.enter_password_to_remove_passkey()),
    ];
    let mut states: Vec<_> =
        purposes.into_iter().map(|(name, purpose)| PageState::new(name, &page(purpose, None))).collect();
    let again = words.enter_password_again();
    let wrong = FormError::unauthorized(words.not_your_password());
    let throttled = FormError::throttled(words, Duration::from_secs(40));
    states.extend([
        PageState::new("reauth-wrong", &page(again, Some(wrong))),
        PageState::new("reauth-throttled", &page(again, Some(throttled))),
        PageState::new("reauth-exhausted", &page(again, Some(exhausted))),
        PageState::new("reauth-passkey", &with_passkey(page(again, None))),
        PageState::new(
            "reauth-passkey-only",
            &ReauthPage {
                can_prove: false,
                ..with_passkey(page(again, Some(FormError::unauthorized(words.passkey_rejected()))))
            },
        ),
        PageState::new("reauth-no-password", &ReauthPage { can_prove: false, ..page(again, None) }),
    ]);
    states
}

fn with_passkey(page: ReauthPage) -> ReauthPage {
    let prompt = PasskeyPrompt { options: "{}".to_owned(), challenge: Sample::token() };
    ReauthPage { passkey: Some(prompt), ..page }
}
