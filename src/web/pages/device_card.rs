//! A session as the list and the history show it.

use crate::{
    clock::Timestamp,
    sessions::{DeviceKind, SessionRecord},
    web::time_text::TimeText,
};

/// An active session.
pub(super) struct DeviceCard {
    pub id: String,
    pub title: String,
    pub kind: &'static str,
    pub kind_label: &'static str,
    pub user_agent: String,
    pub ip_address: String,
    pub signed_in: TimeText,
    pub last_active: TimeText,
    pub expires: TimeText,
    /// Whether it also expires if it is used.
    pub has_absolute_expiry: bool,
    pub remembered: bool,
}

impl DeviceCard {
    pub fn new(record: &SessionRecord, now: Timestamp) -> Self {
        let device = record.device();
        Self {
            id: record.id.to_string(),
            title: device.title(),
            kind: DeviceKind::as_str(device.kind),
            kind_label: DeviceKind::label(device.kind),
            user_agent: record.user_agent.clone().unwrap_or_default(),
            ip_address: record.ip_address.clone().unwrap_or_default(),
            signed_in: TimeText::ago(record.created_at, now),
            last_active: TimeText::activity(record.last_seen_at, now),
            expires: TimeText::ahead(record.expires_at, now),
            has_absolute_expiry: record.has_absolute_expiry,
            remembered: record.remembered,
        }
    }
}

/// An ended session.
pub(super) struct EndedCard {
    pub title: String,
    pub kind: &'static str,
    pub kind_label: &'static str,
    pub user_agent: String,
    pub ip_address: String,
    pub signed_in: TimeText,
    pub ended: TimeText,
    pub reason: String,
}

impl EndedCard {
    pub fn new(record: &SessionRecord, now: Timestamp) -> Self {
        let device = record.device();
        Self {
            title: device.title(),
            kind: DeviceKind::as_str(device.kind),
            kind_label: DeviceKind::label(device.kind),
            user_agent: record.user_agent.clone().unwrap_or_default(),
            ip_address: record.ip_address.clone().unwrap_or_default(),
            signed_in: TimeText::ago(record.created_at, now),
            ended: TimeText::ago(record.logged_out_at.unwrap_or(record.expires_at), now),
            reason: record.reason_label().to_owned(),
        }
    }
}
