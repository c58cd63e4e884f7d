//! The states of the pages that set up an app and show recovery codes.

use super::{AuthenticatorPage, FactorSetUp, QrPicture, RecoveryCodesPage, SECURITY};
use crate::web::{
    page::Page,
    sample::{PageState, Sample},
};

/// Ten codes, as long as real ones.
const CODES: [&str; 10] = [
    "4h2k-9x7m-q3vt",
    "0pzc-7r1n-8wgd",
    "x5ye-jb62-mk0a",
    "9tqf-c4sv-1hdn",
    "g8wr-03zp-x6ke",
    "b1mj-y7ta-5qcv",
    "n6dh-2g9w-fz4r",
    "7kxs-e0pm-vt3b",
    "q2ac-hn58-j1yg",
    "w4rz-6d7k-s9mx",
];

pub(in crate::web) fn all(sample: &Sample) -> Vec<PageState> {
    let words = sample.words;
    let page = |error: Option<&str>| app_page(sample, sample.page(), error);
    let visitor = || Page::of_visitor(&Sample::token(), words);
    let at_sign_in = AuthenticatorPage { is_demanded: true, ..app_page(sample, visitor(), None) };
    let codes = |is_new_app| RecoveryCodesPage {
        page: sample.page(),
        codes: CODES.map(str::to_owned).into(),
        next: SECURITY.to_owned(),
        is_new_app,
    };
    let codes_at_sign_in = RecoveryCodesPage { page: Page::anonymous(words), ..codes(true) };
    vec![
        PageState::new("authenticator", &page(None)),
        PageState::new("authenticator-wrong", &page(Some(words.second_wrong_code()))),
        PageState::new("authenticator-expired", &page(Some(words.authenticator_expired()))),
        PageState::new("authenticator-at-sign-in", &at_sign_in),
        PageState::new("recovery-codes", &codes(true)),
        PageState::new("recovery-codes-renewed", &codes(false)),
        PageState::new("recovery-codes-at-sign-in", &codes_at_sign_in),
    ]
}

fn app_page(sample: &Sample, page: Page, error: Option<&str>) -> AuthenticatorPage {
    let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    let uri = format!("otpauth://totp/{0}:{1}?secret={secret}&issuer={0}", sample.words.product(), sample.email());
    let set_up = FactorSetUp { token: Sample::token(), uri, secret: secret.to_owned() };
    AuthenticatorPage::new(page, Sample::token(), set_up, error.map(str::to_owned)).unwrap_or_else(|_| {
        AuthenticatorPage {
            page: sample.page(),
            csrf_token: Sample::token(),
            set_up: Sample::token(),
            qr: QrPicture { size: 0, path: String::new() },
            secret: String::new(),
            uri: String::new(),
            next: String::new(),
            is_demanded: false,
            error: None,
        }
    })
}
