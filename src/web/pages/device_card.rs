//! A session as the list and the history show it.

use std::collections::HashMap;

use crate::{
    clock::Timestamp,
    sessions::{Binding, DeviceKind, SessionRecord},
    web::{
        labels::{self, device_of_named, session_title, title_with_device},
        places::{AddressText, Places},
        time_text::TimeText,
    },
    words::Words,
};

/// An active session.
pub(super) struct DeviceCard {
    pub id: String,
    pub title: String,
    /// The device, if its owner has given the session a name; otherwise empty.
    pub device: String,
    /// Whether its browser was unknown to the account until a day ago.
    pub is_new: bool,
    /// What its buttons are called: it differs from all others of the page. See [`set_labels`].
    pub label: String,
    pub kind: &'static str,
    pub kind_label: &'static str,
    pub user_agent: String,
    pub address: AddressText,
    /// Where it was used last, if that was in another network than the sign-in.
    pub latest: AddressText,
    pub signed_in: TimeText,
    pub last_active: TimeText,
    pub expires: TimeText,
    /// Whether it also expires if it is used.
    pub has_absolute_expiry: bool,
    pub remembered: bool,
    /// Whether it is bound to its browser.
    pub binding: Binding,
}

impl DeviceCard {
    pub fn new(places: &Places, record: &SessionRecord, now: Timestamp) -> Self {
        let words = places.words;
        let device = record.device();
        Self {
            id: record.id.to_string(),
            label: title_with_device(words, record),
            title: session_title(words, record),
            device: device_of_named(words, record),
            is_new: record.is_new(now),
            kind: DeviceKind::as_str(device.kind),
            kind_label: labels::kind(words, device.kind),
            user_agent: record.user_agent.clone().unwrap_or_default(),
            address: places.find(record.ip_address.as_deref()),
            latest: places.find(record.last_ip_address.as_deref()),
            signed_in: TimeText::ago(words, record.created_at, now),
            last_active: TimeText::activity(words, record.last_seen_at, now),
            expires: TimeText::ahead(words, record.expires_at, now),
            has_absolute_expiry: record.has_absolute_expiry,
            remembered: record.remembered,
            binding: record.binding,
        }
    }
}

/// Makes the labels of a page's devices differ, since two phones of one model have the same title: by the address, else
/// by the time of the sign-in, and at last by a number.
pub(super) fn set_labels<'a>(words: Words, cards: impl IntoIterator<Item = &'a mut DeviceCard>) {
    let mut cards: Vec<&mut DeviceCard> = cards.into_iter().collect();
    let distinguish: [fn(Words, &DeviceCard) -> String; 2] = [
        |_, card| [card.label.as_str(), &card.address.ip].join(", "),
        |words, card| words.device_signed_in(&card.label, &card.signed_in.exact),
    ];
    for (step, label) in distinguish.into_iter().enumerate() {
        let counts = label_counts(&cards);
        let twins = cards.iter_mut().filter(|card| counts[&card.label] > 1);
        for card in twins.filter(|card| step > 0 || !card.address.ip.is_empty()) {
            card.label = label(words, card);
        }
    }
    let counts = label_counts(&cards);
    let mut numbers: HashMap<String, usize> = HashMap::new();
    for card in cards.iter_mut().filter(|card| counts[&card.label] > 1) {
        let number = numbers.entry(card.label.clone()).or_default();
        *number += 1;
        card.label = words.device_number(&card.label, *number);
    }
}

fn label_counts(cards: &[&mut DeviceCard]) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for card in cards {
        *counts.entry(card.label.clone()).or_default() += 1;
    }
    counts
}

/// An ended session.
pub(super) struct EndedCard {
    pub id: String,
    pub title: String,
    /// The device, if its owner has given the session a name; otherwise empty.
    pub device: String,
    pub kind: &'static str,
    pub kind_label: &'static str,
    pub user_agent: String,
    pub address: AddressText,
    pub signed_in: TimeText,
    pub ended: TimeText,
    pub reason: &'static str,
}

impl EndedCard {
    pub fn new(places: &Places, record: &SessionRecord, now: Timestamp) -> Self {
        let words = places.words;
        let device = record.device();
        Self {
            id: record.id.to_string(),
            title: session_title(words, record),
            device: device_of_named(words, record),
            kind: DeviceKind::as_str(device.kind),
            kind_label: labels::kind(words, device.kind),
            user_agent: record.user_agent.clone().unwrap_or_default(),
            address: places.find(record.ip_address.as_deref()),
            signed_in: TimeText::ago(words, record.created_at, now),
            ended: TimeText::ago(words, record.logged_out_at.unwrap_or(record.expires_at), now),
            reason: labels::end_of(words, record),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Language;

    fn card(title: &str, address: &str, minute: u8) -> DeviceCard {
        let time = TimeText { text: String::new(), exact: format!("11:{minute}"), iso: String::new() };
        DeviceCard {
            id: String::new(),
            title: title.to_owned(),
            label: title.to_owned(),
            device: String::new(),
            is_new: false,
            kind: "phone",
            kind_label: "Phone",
            user_agent: String::new(),
            address: AddressText { ip: address.to_owned(), ..AddressText::default() },
            latest: AddressText::default(),
            signed_in: time.clone(),
            last_active: time.clone(),
            expires: time,
            has_absolute_expiry: true,
            remembered: false,
            binding: Binding::Unbound,
        }
    }

    #[test]
    fn labels_of_equal_devices_differ() {
        let mut cards = [
            card("Laptop", "192.0.2.1", 10),
            card("Phone", "192.0.2.1", 10),
            card("Phone", "192.0.2.2", 10),
            card("Phone", "192.0.2.2", 11),
            card("Phone", "192.0.2.3", 10),
            card("Phone", "192.0.2.3", 10),
            card("Phone", "", 10),
        ];
        set_labels(Words::new(Language::En), &mut cards);
        assert_eq!(
            cards.map(|card| card.label),
            [
                "Laptop",
                "Phone, 192.0.2.1",
                "Phone, 192.0.2.2, signed in 11:10",
                "Phone, 192.0.2.2, signed in 11:11",
                "Phone, 192.0.2.3, signed in 11:10, number 1",
                "Phone, 192.0.2.3, signed in 11:10, number 2",
                "Phone",
            ]
        );
    }
}
