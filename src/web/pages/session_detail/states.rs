//! The states of the page of one session.

use super::{AddressUse, SessionFacts, SessionPage, SessionRecord, device_title};
use crate::{
    sessions::{ClientHints, EndReason},
    web::{
        pages::event_list::samples,
        sample::{PageState, Sample},
    },
};

pub(in crate::web) fn all(sample: &Sample) -> Vec<PageState> {
    let words = sample.words;
    let show = |name, record: &SessionRecord| PageState::new(name, &page(sample, record));
    let named = SessionRecord { name: Some("W".repeat(64)), ..sample.session(2) };
    let hinted = SessionRecord { client_hints: ClientHints::parse(HINTS), last_ip_address: None, ..sample.session(4) };
    let renewed = SessionRecord { authenticated_at: Some(sample.minutes_ago(3)), ..sample.session(1) };
    let expired = SessionRecord {
        created_at: sample.minutes_ago(24 * 60 + 1),
        expires_at: sample.minutes_ago(1),
        ..sample.session(2)
    };
    let rejected = SessionPage {
        name: "pay\u{202e}lap".to_owned(),
        name_error: Some(words.name_hidden_character("U+202E")),
        ..page(sample, &sample.session(1))
    };
    let too_often = SessionPage {
        name: "Kitchen".to_owned(),
        name_error: Some(words.name_too_often(words.in_minutes(12))),
        ..page(sample, &sample.session(1))
    };
    let kitchen = SessionRecord { name: Some("Kitchen".to_owned()), ..sample.session(1) };
    let after = |record: &SessionRecord, text| SessionPage {
        page: sample.page_after(text, true).with_places(&sample.places()),
        ..page(sample, record)
    };
    let device = || device_title(words, &sample.session(1).device());
    let renamed = after(&kitchen, words.session_named(device(), "Kitchen"));
    let unnamed = after(&sample.session(1), words.session_unnamed(device()));
    let without_places = Sample { has_places: false, ..*sample };
    let addresses = sample.addresses();
    let addresses = addresses.iter().map(|used| AddressUse::new(&sample.places(), used, sample.now)).collect();
    let moved = SessionPage { addresses, ..page(sample, &sample.moved()) };
    let quiet = SessionPage { events: samples::none(sample, true), ..page(sample, &sample.session(11)) };
    let mut states = vec![
        show("session-current", &sample.session(0)),
        show("session-new", &sample.session(1)),
        show("session-named", &named),
        show("session-with-client-hints", &hinted),
        show("session-proved-again", &renewed),
        show("session-of-application", &sample.session(3)),
        show("session-expired", &expired),
        PageState::new("session-moved", &moved),
        PageState::new("session-unknown-device", &quiet),
        PageState::new("session-name-rejected", &rejected),
        PageState::new("session-named-too-often", &too_often),
        PageState::new("session-renamed", &renamed),
        PageState::new("session-unnamed", &unnamed),
        PageState::new("session-without-places", &page(&without_places, &sample.session(2))),
    ];
    states.extend(ENDS.map(|(name, reason)| show(name, &sample.ended(1, reason))));
    states
}

const HINTS: &str = r#"platform="Android", platform-version="16.0.0", model="Pixel 9 Pro""#;

const ENDS: [(&str, EndReason); 8] = [
    ("session-signed-out", EndReason::SignedOut),
    ("session-revoked", EndReason::Revoked),
    ("session-revoked-by-admin", EndReason::RevokedByAdmin),
    ("session-password-changed", EndReason::PasswordChanged),
    ("session-idle", EndReason::IdleTimeout),
    ("session-absolute", EndReason::AbsoluteTimeout),
    ("session-replaced", EndReason::Replaced),
    ("session-disabled", EndReason::AccountDisabled),
];

fn page(sample: &Sample, record: &SessionRecord) -> SessionPage {
    SessionPage {
        page: sample.page_with_places(),
        csrf_token: Sample::token(),
        device: SessionFacts::new(&sample.places(), record, sample.session(0).id, sample.now),
        name: record.name.clone().unwrap_or_default(),
        name_error: None,
        addresses: Vec::new(),
        events: samples::of_session(sample, record),
    }
}
