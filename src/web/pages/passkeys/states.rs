//! The states of the pages about passkeys.

use super::{AddPage, AddRequest, PasskeyRow, PasskeysPage};
use crate::{
    sessions::SessionName,
    web::sample::{PageState, Sample},
};

pub(in crate::web) fn all(sample: &Sample) -> Vec<PageState> {
    let words = sample.words;
    let refused = |text: &str| PasskeysPage { error: Some(text.to_owned()), ..list(sample, sample_rows(sample)) };
    let not_added = |text: &str| AddPage { error: Some(text.to_owned()), ..add(sample) };
    vec![
        PageState::new("passkeys-none", &list(sample, Vec::new())),
        PageState::new("passkeys", &list(sample, sample_rows(sample))),
        PageState::new("passkeys-remove-too-soon", &refused(words.passkey_remove_too_soon())),
        PageState::new(
            "passkeys-unavailable",
            &PasskeysPage { unavailable: Some(words.passkeys_need_host()), ..list(sample, Vec::new()) },
        ),
        PageState::new("passkey-add", &add(sample)),
        PageState::new("passkey-add-rejected", &not_added(words.passkey_not_added())),
        PageState::new("passkey-add-exists", &not_added(words.passkey_exists())),
        PageState::new(
            "passkey-add-unavailable",
            &AddPage { request: None, unavailable: Some(words.passkeys_need_https()), ..add(sample) },
        ),
    ]
}

/// A few passkeys.
pub(in crate::web::pages) fn sample_rows(sample: &Sample) -> Vec<PasskeyRow> {
    let words = sample.words;
    let long = || "W".repeat(SessionName::MAX_CHARS);
    let device = if sample.is_long { long() } else { "Firefox 140 · Linux".to_owned() };
    let ago = |minutes| crate::web::time_text::TimeText::ago(words, sample.minutes_ago(minutes), sample.now).text;
    let row = |name: &str, kind: String, warnings| PasskeyRow {
        id: "5b7a1c9e-0f43-4c2d-9f8e-2d6a4b1c7e90".to_owned(),
        name: if sample.is_long { long() } else { name.to_owned() },
        kind,
        added: words.passkey_added_on(ago(6_000), device.as_str()),
        used: words.passkey_used(ago(200)),
        warnings,
    };
    let one_device = words.passkey_on_one_device();
    vec![
        row("Google Password Manager", words.passkey_synced().to_owned(), Vec::new()),
        PasskeyRow {
            used: words.passkey_unused().to_owned(),
            added: words.passkey_added(ago(90)),
            ..row("Work laptop", words.passkey_of_provider("Windows Hello", one_device), Vec::new())
        },
        row("Security key", one_device.to_owned(), vec![words.passkey_copied(ago(30))]),
        row("Old phone", one_device.to_owned(), vec![words.passkey_of_other_host("login.example.com")]),
    ]
}

fn list(sample: &Sample, rows: Vec<PasskeyRow>) -> PasskeysPage {
    PasskeysPage {
        page: sample.page(),
        csrf_token: Sample::token(),
        rows,
        unavailable: None,
        site: "id.example.com".to_owned(),
        user_handle: "AAAAAAAAAAAAAAAAAAAAAA".to_owned(),
        email: sample.email(),
        display_name: sample.user_name(),
        credential_ids: String::new(),
        error: None,
    }
}

fn add(sample: &Sample) -> AddPage {
    let request = AddRequest { options: "{}".to_owned(), challenge: Sample::token() };
    AddPage { page: sample.page(), csrf_token: Sample::token(), request: Some(request), unavailable: None, error: None }
}
