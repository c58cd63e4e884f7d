//! A security event in words, as the pages of its owner show it.

use std::collections::HashMap;

use crate::{
    clock::Timestamp,
    error::Result,
    events::{Actor, EventKind, SecurityEvent},
    sessions::{EndReason, SessionId, SessionRecord, Sessions, UserId, WayIn},
    text::printable,
    web::time_text::{TimeText, count_text},
};

/// An event of a list.
pub(super) struct EventRow {
    /// "Signed out"
    pub text: String,
    /// "By an administrator"; empty if the user did it.
    pub by: &'static str,
    pub time: TimeText,
    pub ip_address: String,
    /// The device of its session; empty if there is none, or if its history is deleted.
    pub device: String,
    /// The page of its session; empty if there is none.
    pub link: String,
    /// Whether it deserves a second look.
    pub is_alert: bool,
}

impl EventRow {
    /// Makes the rows of a user's events. One whose time can't be read is left out: an operator sees it in `keyrack events`.
    pub async fn all(sessions: &Sessions, user: UserId, events: &[SecurityEvent], now: Timestamp) -> Result<Vec<Self>> {
        let mut ids: Vec<SessionId> = events.iter().filter_map(|event| event.session_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let records = sessions.find_all_own(user, ids).await?;
        let records: HashMap<SessionId, SessionRecord> =
            records.into_iter().map(|record| (record.id, record)).collect();
        Ok(events.iter().filter_map(|event| Self::new(event, &records, now)).collect())
    }

    fn new(event: &SecurityEvent, records: &HashMap<SessionId, SessionRecord>, now: Timestamp) -> Option<Self> {
        let happened_at = event.happened_at()?;
        let record = event.session_id.and_then(|id| records.get(&id));
        Some(Self {
            text: text(event),
            by: by(event),
            time: TimeText::ago(happened_at, now),
            ip_address: event.ip_address.as_deref().map(|address| printable(address).into_owned()).unwrap_or_default(),
            device: record.map(|record| record.device().title()).unwrap_or_default(),
            link: record.map(|record| format!("/account/sessions/{}", record.id)).unwrap_or_default(),
            is_alert: matches!(
                event.kind(),
                Some(
                    EventKind::SignInFailed
                        | EventKind::SignInThrottled
                        | EventKind::AccountLocked
                        | EventKind::ProofFailed
                        | EventKind::FormRefused
                        | EventKind::AccessRefused
                )
            ),
        })
    }
}

/// What happened.
fn text(event: &SecurityEvent) -> String {
    let Some(kind) = event.kind() else { return printable(&event.kind.replace('_', " ")).into_owned() };
    let count = event.detail.get("count").and_then(serde_json::Value::as_u64).unwrap_or(1);
    let times = usize::try_from(count).unwrap_or(usize::MAX);
    match kind {
        EventKind::SignedIn if event.detail.contains_key("again") => "Signed in again".to_owned(),
        EventKind::SignedIn => match event.text("authorised_by").and_then(WayIn::parse) {
            Some(WayIn::Password) => "Signed in with the password".to_owned(),
            Some(WayIn::OneTimePassword) => "Signed in with a one-time password".to_owned(),
            _ => kind.label().to_owned(),
        },
        EventKind::SignInFailed => match event.text("cause") {
            Some("wrong_password") => "Sign-in failed: wrong password".to_owned(),
            Some("disabled") => "Sign-in failed: the account is disabled".to_owned(),
            Some("no_password") => "Sign-in failed: the account has no password".to_owned(),
            Some("used_up_password") => "Sign-in failed: the one-time password was used already".to_owned(),
            _ => kind.label().to_owned(),
        },
        EventKind::SignInThrottled => format!("{} refused after too many attempts", count_text(times, "sign-in")),
        EventKind::SessionEnded => match event.text("reason") {
            Some("deleted") => "Replaced by a record of the other application".to_owned(),
            reason => reason.and_then(EndReason::parse).map_or(kind.label(), EndReason::label).to_owned(),
        },
        EventKind::RoleChanged => match (event.text("from"), event.text("to")) {
            (Some(from), Some(to)) => format!("Role changed from {} to {}", printable(from), printable(to)),
            _ => kind.label().to_owned(),
        },
        EventKind::PasswordChanged if event.detail.contains_key("one_time") => "One-time password set".to_owned(),
        EventKind::FormRefused if times > 1 => format!("{} refused", count_text(times, "form")),
        EventKind::AccessRefused if times > 1 => {
            format!("{} refused: not one of your sessions", count_text(times, "request"))
        }
        _ => kind.label().to_owned(),
    }
}

/// Who did it, if it was not the user. A reason that says so already is not repeated.
fn by(event: &SecurityEvent) -> &'static str {
    match event.actor() {
        Some(Actor::Admin | Actor::Command) if event.text("reason") == Some("revoked_by_admin") => "",
        Some(Actor::Admin | Actor::Command) => "By an administrator",
        Some(Actor::Peer) if event.kind() == Some(EventKind::SessionAdopted) => "",
        Some(Actor::Peer) => "By another application",
        Some(Actor::User | Actor::System) | None => "",
    }
}
