//! The states of the list of devices.

use super::{DevicePage, Page, Sessions, SessionsPage, title_with_device};
use crate::web::sample::{PageState, Sample};

pub(in crate::web) fn all(sample: &Sample) -> Vec<PageState> {
    let words = sample.words;
    let show = |name, devices: &DevicePage| PageState::new(name, &list(sample, sample.page(), devices));
    let after = |name, text: String, is_success| {
        PageState::new(name, &list(sample, sample.page_after(text, is_success), &few(sample)))
    };
    let title = title_with_device(words, &sample.session(1));
    let event = |name, event| PageState { event: Some(event), ..show(name, &few(sample)) };
    let leaked = SessionsPage { has_breached_password: true, ..list(sample, sample.page(), &few(sample)) };
    let later = SessionsPage::new(
        sample.page(),
        &sample.places(),
        &DevicePage { this: None, ..many(sample) },
        false,
        sample.now,
    );
    let beyond = DevicePage { this: None, others: Vec::new(), next: None, ..many(sample) };
    vec![
        show("devices", &few(sample)),
        show("devices-alone", &of(sample, [])),
        show("devices-two", &of(sample, [2])),
        show("devices-equal", &equal(sample)),
        show("devices-named", &named(sample)),
        show("devices-every-kind", &of(sample, 1..12)),
        show("devices-many", &many(sample)),
        show("devices-unsorted", &DevicePage { is_sorted: false, count: Sessions::MAX_COUNTED, ..many(sample) }),
        PageState::new("devices-next-page", &later),
        PageState::new(
            "devices-past-the-end",
            &SessionsPage::new(sample.page(), &sample.places(), &beyond, false, sample.now),
        ),
        PageState::new("devices-leaked-password", &leaked),
        after("devices-signed-out-one", words.device_signed_out(&title), true),
        after("devices-signed-out-at", words.device_at_address_signed_out(&title, "203.0.113.24", "5 min"), true),
        after("devices-signed-out-selected", words.selected_signed_out(3), true),
        after("devices-none-selected", words.selected_signed_out(0), false),
        after("devices-signed-out-others", words.others_signed_out(4), true),
        after("devices-signed-out-all", words.all_others_signed_out().to_owned(), true),
        after("devices-change-expired", words.change_expired().to_owned(), false),
        after("devices-change-unmade", words.change_unmade().to_owned(), false),
        after("devices-password-changed", words.password_changed(4), true),
        after("devices-password-changed-kept", words.password_changed_others_kept().to_owned(), true),
        event("page-session-ended", ("session-ended", "{}")),
        event("page-expiring-idle", ("session-expiring", EXPIRING_IDLE)),
        event("page-expiring-absolute", ("session-expiring", EXPIRING_ABSOLUTE)),
    ]
}

const EXPIRING_IDLE: &str = r#"{"expires_at":"2026-01-28T11:52:00Z","idle":true}"#;
const EXPIRING_ABSOLUTE: &str = r#"{"expires_at":"2026-01-28T11:52:00Z","idle":false}"#;

fn list(sample: &Sample, page: Page, devices: &DevicePage) -> SessionsPage {
    SessionsPage::new(page, &sample.places(), devices, true, sample.now)
}

/// This device and others with these numbers.
fn of(sample: &Sample, others: impl IntoIterator<Item = u16>) -> DevicePage {
    let others = sample.sessions(others);
    DevicePage { this: Some(sample.session(0)), is_sorted: true, count: others.len() + 1, others, next: None }
}

fn few(sample: &Sample) -> DevicePage {
    of(sample, 1..5)
}

/// Three phones of one model.
fn equal(sample: &Sample) -> DevicePage {
    of(sample, [1, 13, 25])
}

/// Devices with names that are as long as they may be.
fn named(sample: &Sample) -> DevicePage {
    let mut devices = few(sample);
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

fn many(sample: &Sample) -> DevicePage {
    DevicePage { count: 61, next: "1.550e8400-e29b-41d4-a716-446655440000".parse().ok(), ..of(sample, 1..50) }
}
