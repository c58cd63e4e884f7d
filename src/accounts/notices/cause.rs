//! Which events the owner of an account is told of.

use std::time::Duration;

use crate::{
    clock::Timestamp,
    db::{DbConnection, SessionId, UserId},
    error::Result,
    events::{Actor, EventCause, EventKind, SecurityEvent, latest_since},
    mail::{self, Change, MailKind, NoticeFacts},
    sessions::{SecondFactor, SessionRecord, Sessions, WayIn},
};

pub(super) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// So many failed sign-ins within a day are told: beyond them, the throttle lets unknown browsers wait.
const MANY_FAILURES: usize = 10;

/// So many wrong codes are: each had the right password before it.
const MANY_WRONG_CODES: usize = 5;

/// Why the sign-ins of a notice have failed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum FailedBecauseOf {
    Password,
    Passkey,
    Code,
}

/// The causes of wrong passkeys, and of wrong codes.
const OF_PASSKEYS: [EventCause; 3] = [EventCause::WrongPasskey, EventCause::UsedPasskey, EventCause::CopiedPasskey];
const OF_CODES: [EventCause; 2] = [EventCause::WrongCode, EventCause::UsedCode];

impl FailedBecauseOf {
    /// `None` for a failure that is not the doing of the one who tries.
    fn of(event: &SecurityEvent) -> Option<Self> {
        let is_among = |causes: &[EventCause]| causes.iter().any(|cause| event.text("cause") == Some(cause.as_str()));
        if is_among(&[EventCause::UnreadableFactor]) {
            return None;
        }
        let because = if is_among(&OF_CODES) {
            Self::Code
        } else if is_among(&OF_PASSKEYS) {
            Self::Passkey
        } else {
            Self::Password
        };
        Some(because)
    }

    /// The notice, and after so many failures.
    const fn notice(self) -> (MailKind, usize) {
        match self {
            Self::Password | Self::Passkey => (MailKind::ManyFailures, MANY_FAILURES),
            Self::Code => (MailKind::WrongCodes, MANY_WRONG_CODES),
        }
    }
}

/// The latest failures that are looked at.
const MAX_COUNTED_FAILURES: i64 = 1000;

/// A notice that is to be queued.
pub(super) struct NewNotice {
    pub kind: MailKind,
    /// The session that its link ends; `None` for all of the account.
    pub ends: Option<SessionId>,
    pub facts: NoticeFacts,
}

/// The notice of an event; `None` if it is not told. `batch` are the events that were read together with it.
pub(super) fn notice_of(
    connection: &mut DbConnection,
    user: UserId,
    event: &SecurityEvent,
    batch: &[SecurityEvent],
    now: Timestamp,
) -> Result<Option<NewNotice>> {
    let change = match event.kind() {
        Some(EventKind::BrowserRemembered) => return new_browser(connection, user, event),
        Some(EventKind::SignInFailed) => return many_failures(connection, user, event, now),
        Some(EventKind::PasswordChanged) => None,
        Some(EventKind::SecondFactorAdded) => Some(Change::AppAdded),
        Some(EventKind::SecondFactorRemoved) => Some(Change::AppRemoved),
        Some(EventKind::PasskeyAdded) => Some(Change::PasskeyAdded),
        Some(EventKind::PasskeyRemoved) => Some(Change::PasskeyRemoved),
        Some(EventKind::RecoveryCodesMade) => Some(Change::RecoveryCodesMade),
        Some(EventKind::SignedIn) if is_by_recovery_code(event) => Some(Change::RecoveryCodeUsed),
        _ => return Ok(None),
    };
    if change.is_none() && is_first_password(event, batch) {
        return Ok(None);
    }
    let kind = if change.is_some() { MailKind::WaysInChanged } else { MailKind::PasswordChanged };
    let mut facts = facts_of(event);
    if let Some(record) = find_session(connection, user, event.session_id)? {
        let address = facts.address.take();
        facts = NoticeFacts { at: facts.at, address, ..facts_of_session(&record) };
    }
    facts.change = change;
    facts.by_administrator = matches!(event.actor(), Some(Actor::Command | Actor::Admin));
    Ok(Some(NewNotice { kind, ends: None, facts }))
}

/// A browser that an account does not know may be another person's. The browser of its first sign-in is not told.
fn new_browser(connection: &mut DbConnection, user: UserId, event: &SecurityEvent) -> Result<Option<NewNotice>> {
    let record = find_session(connection, user, event.session_id)?.filter(|record| record.from_new_browser);
    Ok(record.map(|record| NewNotice {
        kind: MailKind::NewBrowser,
        ends: Some(record.id),
        facts: facts_of_session(&record),
    }))
}

/// Tells of failures once a day, however many there are: a stranger must not be able to fill the owner's mailbox. Wrong codes
/// and passkeys are told apart, since another thing has to be done: a wrong code proves that the password is known, and a wrong
/// passkey says nothing of it.
fn many_failures(
    connection: &mut DbConnection,
    user: UserId,
    event: &SecurityEvent,
    now: Timestamp,
) -> Result<Option<NewNotice>> {
    let Some(because) = FailedBecauseOf::of(event) else { return Ok(None) };
    let ((kind, at_least), of_passkeys) = (because.notice(), because == FailedBecauseOf::Passkey);
    let sent = mail::notices_since(connection, user, now - DAY)?;
    if sent.iter().any(|(sent, facts)| *sent == kind && facts.of_passkeys == of_passkeys) {
        return Ok(None);
    }
    let failed = latest_since(connection, user, EventKind::SignInFailed, now - DAY, MAX_COUNTED_FAILURES)?;
    let failures = failed.iter().filter(|event| FailedBecauseOf::of(event) == Some(because)).count();
    let facts = NoticeFacts { failures: Some(failures), of_passkeys, ..facts_of(event) };
    Ok((failures >= at_least).then_some(NewNotice { kind, ends: None, facts }))
}

fn is_by_recovery_code(event: &SecurityEvent) -> bool {
    let way_in = event.text("authorised_by").and_then(WayIn::parse);
    way_in.and_then(WayIn::second_factor) == Some(SecondFactor::RecoveryCode)
}

/// Whether an invited user has chosen their first password, by the link of the invitation.
fn is_first_password(event: &SecurityEvent, batch: &[SecurityEvent]) -> bool {
    let is_same = |other: &SecurityEvent| other.user_id == event.user_id && other.at == event.at;
    batch
        .iter()
        .filter(|other| is_same(other))
        .any(|other| other.kind() == Some(EventKind::LinkUsed) && other.text("link") == Some("invitation"))
}

fn find_session(
    connection: &mut DbConnection,
    user: UserId,
    session: Option<SessionId>,
) -> Result<Option<SessionRecord>> {
    session.map_or(Ok(None), |id| Sessions::find_own_within(connection, user, id))
}

fn facts_of_session(record: &SessionRecord) -> NoticeFacts {
    let device = record.device();
    NoticeFacts {
        at: Some(record.created_at.as_micros()),
        system: device.platform(),
        browser: device.browser.filter(|name| name != crate::sessions::IN_APP_BROWSER),
        address: record.ip_address.clone(),
        ..NoticeFacts::default()
    }
}

/// What a notice tells of an event that names no session.
fn facts_of(event: &SecurityEvent) -> NoticeFacts {
    NoticeFacts { at: event.at.map(Timestamp::as_micros), address: event.ip_address.clone(), ..NoticeFacts::default() }
}
