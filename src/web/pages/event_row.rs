//! A security event in words, as the pages of its owner show it.

use std::collections::HashMap;

use crate::{
    clock::Timestamp,
    error::Result,
    events::{Actor, EventKind, SecurityEvent},
    sessions::{EndReason, SecondFactor, SessionId, SessionRecord, Sessions, UserId, WayIn},
    text::printable,
    web::{
        labels::{self, title_with_device},
        places::{AddressText, Places},
        time_text::TimeText,
    },
    words::Words,
};

/// An event of a list.
pub(super) struct EventRow {
    /// "Signed out"
    pub text: String,
    /// "By an administrator"; empty if the user did it.
    pub by: &'static str,
    pub time: TimeText,
    pub address: AddressText,
    /// The device of its session; empty if there is none, or if its history is deleted.
    pub device: String,
    /// The page of its session; empty if there is none.
    pub link: String,
    /// Whether it deserves a second look.
    pub is_alert: bool,
}

impl EventRow {
    /// Makes the rows of a user's events. One whose time can't be read is left out: an operator sees it in `keyrack events`.
    pub async fn all(
        sessions: &Sessions,
        places: &Places,
        user: UserId,
        events: &[SecurityEvent],
        now: Timestamp,
    ) -> Result<Vec<Self>> {
        let mut ids: Vec<SessionId> = events.iter().filter_map(|event| event.session_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let records = sessions.find_all_own(user, ids).await?;
        let records: HashMap<SessionId, SessionRecord> =
            records.into_iter().map(|record| (record.id, record)).collect();
        Ok(events.iter().filter_map(|event| Self::new(places, event, &records, now)).collect())
    }

    /// The row of one event of these sessions.
    pub fn new(
        places: &Places,
        event: &SecurityEvent,
        records: &HashMap<SessionId, SessionRecord>,
        now: Timestamp,
    ) -> Option<Self> {
        let words = places.words;
        let happened_at = event.happened_at()?;
        let record = event.session_id.and_then(|id| records.get(&id));
        Some(Self {
            text: text(words, event),
            by: by(words, event),
            time: TimeText::ago(words, happened_at, now),
            address: places.find(event.ip_address.as_deref().map(printable).as_deref()),
            device: record.map(|record| title_with_device(words, record)).unwrap_or_default(),
            link: record.map(|record| format!("/account/sessions/{}", record.id)).unwrap_or_default(),
            is_alert: is_alert(event),
        })
    }
}

/// Whether an event deserves a second look.
fn is_alert(event: &SecurityEvent) -> bool {
    match event.kind() {
        Some(EventKind::SignedIn) => event.text("elsewhere") == Some("device"),
        kind => matches!(
            kind,
            Some(
                EventKind::SignInFailed
                    | EventKind::SignInThrottled
                    | EventKind::AccountLocked
                    | EventKind::SessionReported
                    | EventKind::BoundSessionRefused
                    | EventKind::ProofFailed
                    | EventKind::SecondFactorRemoved
                    | EventKind::EmailChanged
                    | EventKind::FormRefused
                    | EventKind::AccessRefused
            )
        ),
    }
}

/// What happened.
fn text(words: Words, event: &SecurityEvent) -> String {
    let Some(kind) = event.kind() else { return printable(&event.kind.replace('_', " ")).into_owned() };
    let count = event.detail.get("count").and_then(serde_json::Value::as_u64).unwrap_or(1);
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let text = match kind {
        EventKind::SignInThrottled => return words.event_sign_ins_refused(count),
        EventKind::FormRefused => return words.event_forms_refused(count),
        EventKind::BoundSessionRefused => return words.event_bound_session_refused(count),
        EventKind::AccessRefused => return words.event_requests_refused(count),
        EventKind::RoleChanged => match (event.text("from"), event.text("to")) {
            (Some(from), Some(to)) => return words.event_role_changed_from_to(printable(from), printable(to)),
            _ => words.event_role_changed(),
        },
        EventKind::SignedIn => return signed_in(words, event),
        EventKind::SignInFailed => sign_in_failed(words, event),
        EventKind::SessionEnded => match event.text("reason") {
            Some("deleted") => words.event_session_replaced_by_peer(),
            reason => reason
                .and_then(EndReason::parse)
                .map_or(words.event_session_ended(), |reason| labels::end_reason(words, reason)),
        },
        EventKind::PasswordChanged if event.detail.contains_key("one_time") => words.event_one_time_password_set(),
        EventKind::PasswordChanged => words.event_password_changed(),
        EventKind::UnknownSignInsFailed => words.event_unknown_sign_ins_failed(),
        EventKind::AccountLocked => words.event_account_locked(),
        EventKind::AccountUnlocked => words.event_account_unlocked(),
        EventKind::SessionAdopted => words.event_session_adopted(),
        EventKind::SessionRotated => words.event_session_rotated(),
        EventKind::SessionRenamed => match event.text("name") {
            Some(name) => return words.event_session_renamed(printable(name)),
            None => words.event_session_name_removed(),
        },
        EventKind::SessionBound => words.event_session_bound(),
        EventKind::SessionReported => words.event_session_reported(),
        EventKind::BrowserRemembered => words.event_browser_remembered(),
        EventKind::BrowserTrusted => words.event_browser_trusted(),
        EventKind::BrowserTrustUsed => words.event_browser_trust_used(),
        EventKind::BrowserTrustEnded => return words.event_browser_trust_ended(count),
        EventKind::SecondFactorAdded => words.event_second_factor_added(),
        EventKind::SecondFactorRemoved => words.event_second_factor_removed(),
        EventKind::RecoveryCodesRemoved => words.event_recovery_codes_removed(),
        EventKind::RecoveryCodesMade => words.event_recovery_codes_made(),
        EventKind::PasskeyAdded => return words.event_passkey_added(name(event)),
        EventKind::PasskeyUsed => return words.event_passkey_used(name(event)),
        EventKind::PasskeyRenamed => return words.event_passkey_renamed(name(event)),
        EventKind::PasskeyRemoved => return words.event_passkey_removed(name(event)),
        EventKind::AccountCreated => words.event_account_created(),
        EventKind::AccountDeleted => words.event_account_deleted(),
        EventKind::AccountDisabled => words.event_account_disabled(),
        EventKind::AccountEnabled => words.event_account_enabled(),
        EventKind::EmailChanged => words.event_email_changed(),
        EventKind::EmailRestored => words.event_email_restored(),
        EventKind::LinkCreated if event.text("link") == Some("invitation") => words.event_invited(),
        EventKind::LinkCreated if event.text("link") == Some("email_change") => words.event_email_change_asked(),
        EventKind::LinkCreated => words.event_reset_requested(),
        EventKind::LinkRefused => words.event_reset_refused(),
        EventKind::LinkCancelled => words.event_email_change_cancelled(),
        EventKind::LinkUsed if event.text("link") == Some("invitation") => words.event_invitation_used(),
        EventKind::LinkUsed if event.text("link") == Some("notice") => words.event_notice_used(),
        EventKind::LinkUsed if event.text("link") == Some("email_change") => words.event_email_change_used(),
        EventKind::LinkUsed if event.text("link") == Some("email_changed") => words.event_email_restore_used(),
        EventKind::LinkUsed => words.event_reset_used(),
        EventKind::MailGivenUp => words.event_mail_given_up(),
        EventKind::ProofRequested => words.event_proof_requested(),
        EventKind::ProofGiven => words.event_proof_given(),
        EventKind::ProofFailed => words.event_proof_failed(),
        EventKind::SettingChanged => words.event_setting_changed(),
        EventKind::CommandRun => words.event_command_run(),
    };
    text.to_owned()
}

/// The name in its detail.
fn name(event: &SecurityEvent) -> String {
    printable(event.text("name").unwrap_or_default()).into_owned()
}

fn signed_in(words: Words, event: &SecurityEvent) -> String {
    let text = match event.text("elsewhere") {
        Some("device") => {
            let device = printable(event.text("device").unwrap_or_default());
            return words.event_signed_in_again_on_other_device(device);
        }
        Some(_) => words.event_signed_in_again_from_elsewhere(),
        None if event.detail.contains_key("again") => words.event_signed_in_again(),
        None => first_signed_in(words, event),
    };
    text.to_owned()
}

fn first_signed_in(words: Words, event: &SecurityEvent) -> &'static str {
    match event.text("authorised_by").and_then(WayIn::parse) {
        Some(WayIn::Password(factor)) => match factor {
            None => words.event_signed_in_password(),
            Some(SecondFactor::Totp) => words.event_signed_in_totp(),
            Some(SecondFactor::RecoveryCode) => words.event_signed_in_recovery_code(),
            Some(SecondFactor::Passkey) => words.event_signed_in_password_passkey(),
            Some(SecondFactor::TrustedBrowser) => words.event_signed_in_trusted_browser(),
        },
        Some(WayIn::OneTimePassword(factor)) => match factor {
            None | Some(SecondFactor::TrustedBrowser) => words.event_signed_in_one_time_password(),
            Some(SecondFactor::Totp) => words.event_signed_in_one_time_password_totp(),
            Some(SecondFactor::RecoveryCode) => words.event_signed_in_one_time_password_recovery_code(),
            Some(SecondFactor::Passkey) => words.event_signed_in_one_time_password_passkey(),
        },
        Some(WayIn::Reset(factor)) => match factor {
            None | Some(SecondFactor::TrustedBrowser) => words.event_signed_in_reset(),
            Some(SecondFactor::Totp) => words.event_signed_in_reset_totp(),
            Some(SecondFactor::RecoveryCode) => words.event_signed_in_reset_recovery_code(),
            Some(SecondFactor::Passkey) => words.event_signed_in_reset_passkey(),
        },
        Some(WayIn::Registration(factor)) => match factor {
            None | Some(SecondFactor::TrustedBrowser) => words.event_signed_in_registration(),
            Some(_) => words.event_signed_in_registration_factor(),
        },
        Some(WayIn::Invitation(factor)) => match factor {
            None | Some(SecondFactor::TrustedBrowser) => words.event_signed_in_invitation(),
            Some(SecondFactor::Totp) => words.event_signed_in_invitation_totp(),
            Some(SecondFactor::RecoveryCode) => words.event_signed_in_invitation_recovery_code(),
            Some(SecondFactor::Passkey) => words.event_signed_in_invitation_passkey(),
        },
        Some(WayIn::Passkey) => words.event_signed_in_passkey(),
        _ => words.event_signed_in(),
    }
}

fn sign_in_failed(words: Words, event: &SecurityEvent) -> &'static str {
    match event.text("cause") {
        Some("wrong_password") => words.event_sign_in_failed_wrong_password(),
        Some("disabled") => words.event_sign_in_failed_disabled(),
        Some("no_password") => words.event_sign_in_failed_no_password(),
        Some("wrong_passkey") => words.event_sign_in_failed_passkey(),
        Some("used_passkey") => words.event_sign_in_failed_passkey_used(),
        Some("copied_passkey") => words.event_sign_in_failed_passkey_copied(),
        Some("used_up_password") => words.event_sign_in_failed_used_up(),
        Some("wrong_code") => words.event_sign_in_failed_wrong_code(),
        Some("used_code") => words.event_sign_in_failed_used_code(),
        Some("unreadable_factor") => words.event_sign_in_failed_unreadable_factor(),
        _ => words.event_sign_in_failed(),
    }
}

/// Who did it, if it was not the user. A reason that says so already is not repeated.
fn by(words: Words, event: &SecurityEvent) -> &'static str {
    match event.actor() {
        Some(Actor::Admin | Actor::Command) if event.text("reason") == Some("revoked_by_admin") => "",
        Some(Actor::Admin | Actor::Command) => words.by_administrator(),
        Some(Actor::Peer) if event.kind() == Some(EventKind::SessionAdopted) => "",
        Some(Actor::Peer) => words.by_application(),
        Some(Actor::User | Actor::System) | None => "",
    }
}
