//! The states of the list of devices.

use super::{DevicePage, Page, SessionRecord, Sessions, SessionsPage, signed_out};
use crate::{
    sessions::{EndReason, SessionEnd},
    web::{
        pages::end_notice,
        sample::{PageState, Sample},
        time_text::TimeText,
    },
};

pub(in crate::web) fn all(sample: &Sample) -> Vec<PageState> {
    let show = |name, devices: &DevicePage| PageState::new(name, &list(sample, sample.page(), devices));
    let later = |name, devices: DevicePage| {
        let devices = DevicePage { this: None, ..devices };
        let page = SessionsPage::new(sample.page_with_places(), &sample.places(), &devices, false, sample.now);
        PageState::new(name, &page)
    };
    let leaked = SessionsPage { has_breached_password: true, ..list(sample, sample.page(), &few(sample)) };
    let refused = sample
        .words
        .bound_refused_warning(TimeText::ago(sample.words, sample.minutes_ago(9), sample.now), "/account/activity");
    let refused = SessionsPage { refused: Some(refused), ..list(sample, sample.page(), &few(sample)) };
    let without_places = Sample { has_places: false, ..*sample };
    let many = || DevicePage { count: 61, ..full(sample, 1..51) };
    let mut states = vec![
        show("devices", &of(sample, 1..5)),
        show("devices-alone", &of(sample, [])),
        show("devices-two", &of(sample, [2])),
        show("devices-equal", &of_records(sample, sample.twins().to_vec())),
        PageState::new("devices-named", &list(&without_places, sample.page(), &named(sample))),
        show("devices-every-kind", &of(sample, 1..16)),
        PageState::new("devices-without-places", &list(&without_places, sample.page(), &of(sample, 1..5))),
        show("devices-many", &many()),
        show("devices-unsorted", &DevicePage { is_sorted: false, count: Sessions::MAX_COUNTED, ..many() }),
        later("devices-middle-page", DevicePage { count: 112, ..full(sample, 51..101) }),
        later("devices-last-page", DevicePage { count: 61, ..of(sample, 51..61) }),
        later("devices-past-the-end", DevicePage { count: 61, ..of(sample, []) }),
        PageState::new("devices-leaked-password", &leaked),
        PageState::new("devices-refused-copy", &refused),
    ];
    states.extend(after_changes(sample));
    states.extend(events(sample));
    states
}

/// The list after each change.
fn after_changes(sample: &Sample) -> Vec<PageState> {
    let words = sample.words;
    let after = |name, text: String, is_success, devices: &DevicePage| {
        PageState::new(name, &list(sample, sample.page_after(text, is_success), devices))
    };
    let signed_out = |name, record: &SessionRecord, devices: &DevicePage| {
        after(name, signed_out(words, record, devices.others.iter(), sample.now), true, devices)
    };
    let [phone, others @ ..] = sample.twins();
    let without_address = SessionRecord { ip_address: None, ..phone.clone() };
    let twins = of_records(sample, others.to_vec());
    let (few, alone) = (few(sample), of(sample, []));
    vec![
        signed_out("devices-signed-out-one", &phone, &few),
        signed_out("devices-signed-out-at", &phone, &twins),
        signed_out("devices-signed-out-since", &without_address, &twins),
        after("devices-signed-out-selected", words.selected_signed_out(3), true, &few),
        after("devices-none-selected", words.selected_signed_out(0), false, &few),
        after("devices-signed-out-others", words.others_signed_out(4), true, &alone),
        after("devices-signed-out-all", words.all_others_signed_out().to_owned(), true, &alone),
        after("devices-change-expired", words.change_expired().to_owned(), false, &few),
        after("devices-change-unmade", words.change_unmade().to_owned(), false, &few),
        after("devices-password-changed", words.password_changed(4), true, &alone),
        after("devices-password-changed-kept", words.password_changed_others_kept().to_owned(), true, &few),
    ]
}

/// The page once its script was told of the session's end, or of its expiry.
fn events(sample: &Sample) -> Vec<PageState> {
    let page = list(sample, sample.page(), &few(sample));
    let event = |name, event, detail: serde_json::Value| PageState {
        event: Some((event, detail.to_string())),
        ..PageState::new(name, &page)
    };
    let end = SessionEnd { reason: Some(EndReason::Revoked), at: sample.now, is_continued: false };
    let message = end_notice::text(sample.words, &end, sample.now).to_string();
    let expiring = |idle: bool| serde_json::json!({ "expires_at": "2026-01-28T11:52:00Z", "idle": idle });
    vec![
        event("page-session-ended", "session-ended", serde_json::json!({ "message": message })),
        event("page-session-lost", "session-ended", serde_json::json!({ "message": "" })),
        event("page-expiring-idle", "session-expiring", expiring(true)),
        event("page-expiring-absolute", "session-expiring", expiring(false)),
    ]
}

fn list(sample: &Sample, page: Page, devices: &DevicePage) -> SessionsPage {
    let places = sample.places();
    SessionsPage::new(page.with_places(&places), &places, devices, true, sample.now)
}

/// This device and others.
fn of_records(sample: &Sample, others: Vec<SessionRecord>) -> DevicePage {
    DevicePage { this: Some(sample.session(0)), is_sorted: true, count: others.len() + 1, others, next: None }
}

/// This device and others with these numbers.
fn of(sample: &Sample, others: impl IntoIterator<Item = u16>) -> DevicePage {
    of_records(sample, sample.sessions(others))
}

fn few(sample: &Sample) -> DevicePage {
    of(sample, 2..5)
}

/// A page that others follow.
fn full(sample: &Sample, others: impl IntoIterator<Item = u16>) -> DevicePage {
    DevicePage { next: "1.550e8400-e29b-41d4-a716-446655440000".parse().ok(), ..of(sample, others) }
}

/// Devices with names that are as long as they may be.
fn named(sample: &Sample) -> DevicePage {
    let mut devices = of(sample, 1..5);
    let names = [
        "Telefon",
        "Laptop in the kitchen, which the whole family uses at times",
        "\u{5d8}\u{5dc}\u{5e4}\u{5d5}\u{5df}",
    ];
    for (record, name) in devices.others.iter_mut().zip(names) {
        record.name = Some(name.to_owned());
    }
    devices.others.last_mut().into_iter().for_each(|record| record.name = Some("W".repeat(64)));
    devices
}
