//! What follows from a session that its owner did not start: what it has added to the account, what that has let in, and so
//! on. The security events tell it, which are never changed.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    clock::Timestamp,
    db::{LinkId, PasskeyId, SessionId},
    events::{Actor, EventKind, SecurityEvent},
};

/// The consequences of a session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Consequences {
    /// The session, and those that were let in by what one of them has added.
    pub sessions: BTreeSet<SessionId>,
    /// Whether one of them has added the authenticator app that the account has now.
    pub has_added_app: bool,
    /// Whether one of them has made the recovery codes that the account has now.
    pub has_made_recovery_codes: bool,
    /// The passkeys of the account that one of them has added, and those that have let the session in.
    pub passkeys: BTreeSet<PasskeyId>,
    /// The other passkeys that have a name which one of them has given, with the name that each had before.
    pub passkey_names: BTreeMap<PasskeyId, String>,
    /// The link that puts back the address which the account had before one of them has changed it; `None` if the address
    /// that it has now is another one's choice.
    pub undo_link: Option<LinkId>,
    /// The sessions that have a name which one of them has given, with the name that each had before.
    pub names: BTreeMap<SessionId, Option<String>>,
    /// The links that would put back an address which one of them has chosen.
    pub foreign_restores: Vec<LinkId>,
    /// When the password that the account has was set, if that was by a mail to an address which one of them has chosen.
    pub reset_at: Option<Timestamp>,
    /// Whether they are left as they are, since what has proved the reporter's session is too new to undo them.
    pub is_held_back: bool,
}

/// What is known of an account while its events are read, the oldest first.
#[derive(Debug, Default)]
struct Replay {
    /// See [`Consequences::sessions`].
    sessions: BTreeSet<SessionId>,
    of_reporter: OfReporter,
    app: Added,
    recovery_codes: Added,
    passkeys: BTreeMap<PasskeyId, Added>,
    /// The passkeys that have let the session in: the person who has started it has them.
    used: BTreeSet<PasskeyId>,
    passkey_names: BTreeMap<PasskeyId, String>,
    /// The changes that have led to the address which the account has, the latest last.
    addresses: Vec<AddressChange>,
    /// Who has chosen the address to which the link was mailed that has set the password.
    password: Added,
    /// When that was.
    reset_at: Option<Timestamp>,
    names: BTreeMap<SessionId, Option<String>>,
}

/// A change of the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct AddressChange {
    by: Added,
    /// The link that takes it back.
    undo_link: Option<LinkId>,
}

/// What the reporter has signed in with.
#[derive(Debug, Default)]
struct OfReporter {
    /// The events that have added it.
    added: BTreeSet<i64>,
    /// The sessions in which their browsers were trusted.
    trusted_in: BTreeSet<SessionId>,
}

/// Who has added what the account has now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Added {
    /// No session of those that were read, or an operator.
    #[default]
    Otherwise,
    /// A sign-in, before its session has started.
    BySignIn,
    By(SessionId),
}

impl Consequences {
    /// The kinds of events that tell them.
    pub const KINDS: &'static [EventKind] = &[
        EventKind::SignedIn,
        EventKind::BrowserTrustUsed,
        EventKind::SecondFactorAdded,
        EventKind::SecondFactorRemoved,
        EventKind::RecoveryCodesMade,
        EventKind::RecoveryCodesRemoved,
        EventKind::PasskeyAdded,
        EventKind::PasskeyUsed,
        EventKind::PasskeyRenamed,
        EventKind::PasskeyRemoved,
        EventKind::SessionRenamed,
        EventKind::EmailChanged,
        EventKind::EmailRestored,
        EventKind::LinkUsed,
        EventKind::PasswordChanged,
        EventKind::SessionReported,
    ];

    /// Reads them from the events of the account since shortly before the session started, the oldest first. What has let
    /// the reporter's own session in is the reporter's, whichever session has added it: another person would not have its codes.
    pub fn of(session: SessionId, reporter: Option<SessionId>, events: &[SecurityEvent]) -> Self {
        let of_reporter = reporter.map(|reporter| used_by(reporter, events)).unwrap_or_default();
        let own = reporter.map(|reporter| passkeys_of(reporter, events)).unwrap_or_default();
        let used = passkeys_of(session, events).into_iter().filter(|id| !own.contains(id)).collect();
        let mut replay = Replay { sessions: [session].into(), of_reporter, used, ..Replay::default() };
        for event in events {
            replay.read(event);
        }
        let passkeys: BTreeSet<_> = replay.passkeys_of_sessions().collect();
        replay.passkey_names.retain(|id, _| !passkeys.contains(id));
        let sessions = replay.sessions.clone();
        Self {
            undo_link: replay.undo_link(&reported_among(events)),
            foreign_restores: replay.foreign_restores(),
            has_added_app: replay.app.is_of(&replay.sessions),
            has_made_recovery_codes: replay.recovery_codes.is_of(&replay.sessions),
            passkeys,
            passkey_names: replay.passkey_names,
            names: replay.names,
            reset_at: replay.reset_at.filter(|_| replay.password.is_of(&sessions)),
            sessions,
            is_held_back: false,
        }
    }

    /// Nothing but the end of the session, for a reporter who may not undo what follows from it.
    pub fn held_back(self, session: SessionId) -> Self {
        let only_end = Self { sessions: [session].into(), ..Self::default() };
        Self { is_held_back: self != only_end, ..only_end }
    }
}

/// The events that have added the apps, recovery codes and passkeys with which this session was signed in to, and where its
/// browser was trusted. If the password of its sign-in was set by a mail, the event that has chosen the address is among them:
/// the reporter reads its mails, and another person would not know the password.
fn used_by(session: SessionId, events: &[SecurityEvent]) -> OfReporter {
    let (mut app, mut recovery_codes, mut used) = (None, None, OfReporter::default());
    let (mut passkeys, mut addresses, mut address_of_password) = (BTreeMap::new(), Vec::new(), None);
    for event in events {
        match event.kind() {
            Some(EventKind::SecondFactorAdded) => (app, recovery_codes) = (Some(event.id), Some(event.id)),
            Some(EventKind::RecoveryCodesMade) => recovery_codes = Some(event.id),
            Some(EventKind::EmailChanged) => addresses.push((event.id, undo_link_of(event))),
            Some(EventKind::EmailRestored) => take_back(&mut addresses, event, |(_, undo_link)| *undo_link),
            Some(EventKind::LinkUsed) if event.text("link") == Some("reset") => {
                let address = addresses.last().map(|(id, _)| *id);
                address_of_password = address.filter(|_| is_mailed_reset(event));
            }
            Some(EventKind::PasswordChanged) if event.actor() != Some(Actor::User) => address_of_password = None,
            Some(EventKind::SignedIn) if event.session_id == Some(session) => {
                let way_in = event.text("authorised_by").unwrap_or_default();
                used.added.extend(app.filter(|_| way_in.ends_with("+totp")));
                used.added.extend(recovery_codes.filter(|_| way_in.ends_with("+recovery_code")));
                used.added.extend(address_of_password.filter(|_| is_by_password(way_in)));
            }
            Some(EventKind::BrowserTrustUsed) if event.session_id == Some(session) => {
                used.trusted_in.extend(trusted_in(event));
            }
            Some(EventKind::PasskeyAdded) => {
                passkeys.insert(event.passkey(), event.id);
            }
            Some(EventKind::PasskeyUsed) if event.session_id == Some(session) => {
                used.added.extend(passkeys.get(&event.passkey()));
            }
            _ => {}
        }
    }
    used
}

/// The passkeys that have let this session in.
pub(super) fn passkeys_of(session: SessionId, events: &[SecurityEvent]) -> BTreeSet<PasskeyId> {
    let uses = events.iter().filter(|event| event.kind() == Some(EventKind::PasskeyUsed));
    uses.filter(|event| event.session_id == Some(session)).filter_map(SecurityEvent::passkey).collect()
}

/// The sessions that were reported before.
fn reported_among(events: &[SecurityEvent]) -> BTreeSet<SessionId> {
    let is_report = |event: &&SecurityEvent| event.kind() == Some(EventKind::SessionReported);
    events.iter().filter(is_report).filter_map(|event| event.session_id).collect()
}

/// Whether a link for a new password had come by a mail to the address that the account had, and so has let in who reads
/// that: a visitor had asked for it, or a link had put that address back. One of an operator has not.
fn is_mailed_reset(event: &SecurityEvent) -> bool {
    event.detail.get("requested").and_then(serde_json::Value::as_bool).unwrap_or_default()
}

/// When a password was first set by a mail.
pub(super) fn first_mailed_reset(events: &[SecurityEvent]) -> Option<Timestamp> {
    let resets = events.iter().filter(|event| event.kind() == Some(EventKind::LinkUsed));
    resets.filter(|event| event.text("link") == Some("reset") && is_mailed_reset(event)).find_map(|event| event.at)
}

fn undo_link_of(event: &SecurityEvent) -> Option<LinkId> {
    event.text("undo_link")?.parse().ok()
}

/// Takes the change back whose link an event names, and all later ones; all, if that change is not among them.
fn take_back<T>(changes: &mut Vec<T>, restored: &SecurityEvent, undo_link: impl Fn(&T) -> Option<LinkId>) {
    let link = undo_link_of(restored);
    let first = changes.iter().position(|change| link.is_some() && undo_link(change) == link);
    changes.truncate(first.unwrap_or_default());
}

/// Whether a sign-in was by the password, or by the link that has set it.
fn is_by_password(way_in: &str) -> bool {
    matches!(way_in.split('+').next(), Some("password" | "reset"))
}

/// The session in which the browser was trusted whose trust this event tells of.
fn trusted_in(event: &SecurityEvent) -> Option<SessionId> {
    event.text("trusted_in")?.parse().ok()
}

impl Replay {
    fn read(&mut self, event: &SecurityEvent) {
        let Some(kind) = event.kind() else { return };
        match kind {
            EventKind::SignedIn => {
                if let (Some(session), Some(way_in)) = (event.session_id, event.text("authorised_by")) {
                    self.sign_in(session, way_in);
                }
            }
            EventKind::BrowserTrustUsed => self.use_trust(event),
            EventKind::SecondFactorAdded => {
                self.app = self.added_by(event);
                self.recovery_codes = self.app;
            }
            EventKind::SecondFactorRemoved => {
                self.app = Added::Otherwise;
                self.recovery_codes = Added::Otherwise;
            }
            EventKind::RecoveryCodesRemoved => self.recovery_codes = Added::Otherwise,
            EventKind::RecoveryCodesMade => self.recovery_codes = self.added_by(event),
            EventKind::PasskeyAdded
            | EventKind::PasskeyUsed
            | EventKind::PasskeyRenamed
            | EventKind::PasskeyRemoved => {
                if let Some(id) = event.passkey() {
                    self.read_passkey(kind, id, event);
                }
            }
            EventKind::SessionRenamed => self.rename(event),
            EventKind::EmailChanged => {
                self.addresses.push(AddressChange { by: self.added_by(event), undo_link: undo_link_of(event) });
            }
            EventKind::EmailRestored => take_back(&mut self.addresses, event, |change| change.undo_link),
            EventKind::LinkUsed if event.text("link") == Some("reset") => {
                self.password = if is_mailed_reset(event) { self.address() } else { Added::Otherwise };
                self.reset_at = event.at;
            }
            EventKind::PasswordChanged if event.actor() != Some(Actor::User) => self.password = Added::Otherwise,
            _ => {}
        }
    }

    fn read_passkey(&mut self, kind: EventKind, id: PasskeyId, event: &SecurityEvent) {
        match kind {
            EventKind::PasskeyAdded => {
                self.passkeys.insert(id, self.added_by(event));
            }
            // A passkey that is not among them was added before the first of these events.
            EventKind::PasskeyUsed if self.follows(id) => {
                self.sessions.extend(event.session_id);
            }
            EventKind::PasskeyRenamed if self.is_restored(event) => {}
            EventKind::PasskeyRenamed if Added::by(event).is_of(&self.sessions) => {
                if let Some(former) = event.text("from") {
                    self.passkey_names.entry(id).or_insert_with(|| former.to_owned());
                }
            }
            EventKind::PasskeyRenamed => {
                self.passkey_names.remove(&id);
            }
            EventKind::PasskeyRemoved => {
                self.passkeys.remove(&id);
                self.used.remove(&id);
                self.passkey_names.remove(&id);
            }
            _ => {}
        }
    }

    fn follows(&self, id: PasskeyId) -> bool {
        self.used.contains(&id) || self.passkeys.get(&id).is_some_and(|added| added.is_of(&self.sessions))
    }

    /// The passkeys that the account has and that follow.
    fn passkeys_of_sessions(&self) -> impl Iterator<Item = PasskeyId> {
        self.passkeys.keys().chain(&self.used).copied().filter(|id| self.follows(*id))
    }

    /// Of the last changes that were made by these sessions, or by those that were reported before, the link of the first
    /// one: what one of them has chosen must not come back because another one has changed it since.
    fn undo_link(&self, reported: &BTreeSet<SessionId>) -> Option<LinkId> {
        let is_foreign = |change: &&AddressChange| change.by.is_of(&self.sessions) || change.by.is_of(reported);
        let foreign: Vec<_> = self.addresses.iter().rev().take_while(is_foreign).collect();
        let is_new = foreign.iter().any(|change| change.by.is_of(&self.sessions));
        foreign.last().filter(|_| is_new)?.undo_link
    }

    /// The links that have been mailed to addresses which these sessions have chosen.
    fn foreign_restores(&self) -> Vec<LinkId> {
        let changes = self.addresses.iter().zip(self.addresses.iter().skip(1));
        let left = changes.filter(|(former, _)| former.by.is_of(&self.sessions));
        left.filter_map(|(_, next)| next.undo_link).collect()
    }

    /// Who has chosen the address that the account has.
    fn address(&self) -> Added {
        self.addresses.last().map_or(Added::Otherwise, |change| change.by)
    }

    /// A session starts, or continues with a sign-in. From a password nothing follows, unless it was set by a mail to an
    /// address that one of the sessions has chosen: the owner has another one, or one that others know by other means.
    fn sign_in(&mut self, session: SessionId, way_in: &str) {
        let mut follows = is_by_password(way_in) && self.password.is_of(&self.sessions);
        for proof in way_in.split('+') {
            let added = match proof {
                "totp" => Some(self.app.claimed_by(session)),
                "recovery_code" => Some(&mut self.recovery_codes),
                _ => None,
            };
            follows |= added.is_some_and(|added| added.is_of(&self.sessions));
        }
        if self.recovery_codes == Added::BySignIn {
            self.recovery_codes = self.app;
        }
        if follows {
            self.sessions.insert(session);
        }
    }

    /// A session has needed no second factor, since another one had trusted the browser.
    fn use_trust(&mut self, event: &SecurityEvent) {
        let Some((session, trusted_in)) = event.session_id.zip(trusted_in(event)) else { return };
        if self.sessions.contains(&trusted_in) && !self.of_reporter.trusted_in.contains(&trusted_in) {
            self.sessions.insert(session);
        }
    }

    /// Whether a report by one of these sessions has given the name back: it is the one before another session's.
    fn is_restored(&self, event: &SecurityEvent) -> bool {
        let is_restored = event.detail.get("restored").and_then(serde_json::Value::as_bool).unwrap_or_default();
        is_restored && Added::by(event).is_of(&self.sessions)
    }

    fn added_by(&self, event: &SecurityEvent) -> Added {
        if self.of_reporter.added.contains(&event.id) { Added::Otherwise } else { Added::by(event) }
    }

    fn rename(&mut self, event: &SecurityEvent) {
        let Some(renamed) = event.session_id.filter(|_| !self.is_restored(event)) else { return };
        if Added::by(event).is_of(&self.sessions) {
            self.names.entry(renamed).or_insert_with(|| event.text("former").map(str::to_owned));
        } else {
            self.names.remove(&renamed);
        }
    }
}

impl Added {
    /// Who has done what an event tells.
    fn by(event: &SecurityEvent) -> Self {
        match event.by_session() {
            Some(session) => Self::By(session),
            None if event.actor() == Some(Actor::User) => Self::BySignIn,
            None => Self::Otherwise,
        }
    }

    /// The same, now that the session of a sign-in starts which may have added it.
    fn claimed_by(&mut self, session: SessionId) -> &mut Self {
        if *self == Self::BySignIn {
            *self = Self::By(session);
        }
        self
    }

    fn is_of(self, sessions: &BTreeSet<SessionId>) -> bool {
        matches!(self, Self::By(session) if sessions.contains(&session))
    }
}

#[cfg(test)]
mod tests;
