//! What follows from a session that its owner did not start: what it has added to the account, what that has let in, and so
//! on. The security events tell it, which are never changed.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    db::{PasskeyId, SessionId},
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
    /// The passkeys of the account that one of them has added.
    pub passkeys: BTreeSet<PasskeyId>,
    /// The other passkeys that have a name which one of them has given, with the name that each had before.
    pub passkey_names: BTreeMap<PasskeyId, String>,
    /// The sessions that have a name which one of them has given, with the name that each had before.
    pub names: BTreeMap<SessionId, Option<String>>,
}

/// What is known of an account while its events are read, the oldest first.
#[derive(Debug, Default)]
struct Replay {
    /// See [`Consequences::sessions`].
    sessions: BTreeSet<SessionId>,
    /// The events that have added what the reporter has signed in with.
    of_reporter: BTreeSet<i64>,
    app: Added,
    recovery_codes: Added,
    passkeys: BTreeMap<PasskeyId, Added>,
    passkey_names: BTreeMap<PasskeyId, String>,
    names: BTreeMap<SessionId, Option<String>>,
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
        EventKind::SecondFactorAdded,
        EventKind::SecondFactorRemoved,
        EventKind::RecoveryCodesMade,
        EventKind::RecoveryCodesRemoved,
        EventKind::PasskeyAdded,
        EventKind::PasskeyUsed,
        EventKind::PasskeyRenamed,
        EventKind::PasskeyRemoved,
        EventKind::SessionRenamed,
    ];

    /// Reads them from the events of the account since shortly before the session started, the oldest first. What has let
    /// the reporter's own session in is the reporter's, whichever session has added it: another person would not have its codes.
    pub fn of(session: SessionId, reporter: Option<SessionId>, events: &[SecurityEvent]) -> Self {
        let of_reporter = reporter.map(|reporter| used_by(reporter, events)).unwrap_or_default();
        let mut replay = Replay { sessions: [session].into(), of_reporter, ..Replay::default() };
        for event in events {
            replay.read(event);
        }
        let passkeys: BTreeSet<_> = replay.passkeys_of_sessions().collect();
        replay.passkey_names.retain(|id, _| !passkeys.contains(id));
        Self {
            has_added_app: replay.app.is_of(&replay.sessions),
            has_made_recovery_codes: replay.recovery_codes.is_of(&replay.sessions),
            passkeys,
            passkey_names: replay.passkey_names,
            sessions: replay.sessions,
            names: replay.names,
        }
    }
}

/// The events that have added the apps, recovery codes and passkeys with which this session was signed in to.
fn used_by(session: SessionId, events: &[SecurityEvent]) -> BTreeSet<i64> {
    let (mut app, mut recovery_codes, mut used) = (None, None, BTreeSet::new());
    let mut passkeys = BTreeMap::new();
    for event in events {
        match event.kind() {
            Some(EventKind::SecondFactorAdded) => (app, recovery_codes) = (Some(event.id), Some(event.id)),
            Some(EventKind::RecoveryCodesMade) => recovery_codes = Some(event.id),
            Some(EventKind::SignedIn) if event.session_id == Some(session) => {
                let way_in = event.text("authorised_by").unwrap_or_default();
                used.extend(app.filter(|_| way_in.ends_with("+totp")));
                used.extend(recovery_codes.filter(|_| way_in.ends_with("+recovery_code")));
            }
            Some(EventKind::PasskeyAdded) => {
                passkeys.insert(event.passkey(), event.id);
            }
            Some(EventKind::PasskeyUsed) if event.session_id == Some(session) => {
                used.extend(passkeys.get(&event.passkey()));
            }
            _ => {}
        }
    }
    used
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
            _ => {}
        }
    }

    fn read_passkey(&mut self, kind: EventKind, id: PasskeyId, event: &SecurityEvent) {
        match kind {
            EventKind::PasskeyAdded => {
                self.passkeys.insert(id, self.added_by(event));
            }
            // A passkey that is not among them was added before the first of these events.
            EventKind::PasskeyUsed if self.passkeys.get(&id).is_some_and(|added| added.is_of(&self.sessions)) => {
                self.sessions.extend(event.session_id);
            }
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
                self.passkey_names.remove(&id);
            }
            _ => {}
        }
    }

    /// The passkeys that the account has and one of the sessions has added.
    fn passkeys_of_sessions(&self) -> impl Iterator<Item = PasskeyId> {
        let added = self.passkeys.iter().filter(|(_, added)| added.is_of(&self.sessions));
        added.map(|(id, _)| *id)
    }

    /// A session starts, or continues with a sign-in. From a password nothing follows: whoever reports has proved that they
    /// know the one that the account has.
    fn sign_in(&mut self, session: SessionId, way_in: &str) {
        let mut follows = false;
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

    fn added_by(&self, event: &SecurityEvent) -> Added {
        if self.of_reporter.contains(&event.id) { Added::Otherwise } else { Added::by(event) }
    }

    fn rename(&mut self, event: &SecurityEvent) {
        let Some(renamed) = event.session_id else { return };
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
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    /// The events of an account.
    #[derive(Default)]
    struct History(Vec<SecurityEvent>);

    impl History {
        fn event(&mut self, kind: EventKind) -> &mut SecurityEvent {
            let mut event = SecurityEvent::sample(kind, Timestamp::from_micros(1_769_600_000_000_000));
            event.id = i64::try_from(self.0.len()).unwrap();
            self.0.push(event);
            self.0.last_mut().unwrap()
        }

        fn sign_in(&mut self, way_in: &str) -> SessionId {
            let id = SessionId::random();
            let event = self.event(EventKind::SignedIn);
            event.session_id = Some(id);
            event.detail.insert("authorised_by".to_owned(), way_in.into());
            id
        }

        fn change(&mut self, kind: EventKind, by: SessionId) -> &mut SecurityEvent {
            let event = self.event(kind);
            event.detail.insert("by_session".to_owned(), by.to_string().into());
            event
        }

        fn rename(&mut self, session: SessionId, former: Option<&str>, by: SessionId) {
            let event = self.change(EventKind::SessionRenamed, by);
            event.session_id = Some(session);
            event.detail.insert("former".to_owned(), former.into());
        }

        fn passkey(&mut self, kind: EventKind, id: PasskeyId, by: SessionId) -> PasskeyId {
            let event = self.change(kind, by);
            event.session_id = Some(by);
            event.detail.insert("passkey".to_owned(), id.to_string().into());
            id
        }

        fn rename_passkey(&mut self, id: PasskeyId, former: &str, by: SessionId) {
            self.passkey(EventKind::PasskeyRenamed, id, by);
            self.0.last_mut().unwrap().detail.insert("from".to_owned(), former.into());
        }

        fn of(&self, session: SessionId) -> Consequences {
            Consequences::of(session, None, &self.0)
        }

        fn reported_by(&self, reporter: SessionId, session: SessionId) -> Consequences {
            Consequences::of(session, Some(reporter), &self.0)
        }
    }

    #[test]
    fn sessions_follow_from_an_app_for_as_long_as_it_is_there() {
        let mut history = History::default();
        let owner = history.sign_in("password");
        let thief = history.sign_in("password");
        history.change(EventKind::SecondFactorAdded, thief);
        let by_app = history.sign_in("password+totp");
        let by_code = history.sign_in("password+recovery_code");
        history.change(EventKind::RecoveryCodesMade, owner);
        history.sign_in("password+recovery_code");
        assert_eq!(history.of(thief).sessions, [thief, by_app, by_code].into());
        assert!(history.of(thief).has_added_app && !history.of(thief).has_made_recovery_codes);
        history.change(EventKind::SecondFactorRemoved, owner);
        history.change(EventKind::SecondFactorAdded, owner);
        history.sign_in("password+totp");
        let after = history.of(thief);
        assert_eq!(after.sessions, [thief, by_app, by_code].into());
        assert!(!after.has_added_app && !after.has_made_recovery_codes);
        assert!(history.of(owner).has_added_app);
    }

    #[test]
    fn additions_of_later_sessions_follow_from_the_first() {
        let mut history = History::default();
        let thief = history.sign_in("password");
        history.change(EventKind::SecondFactorAdded, thief);
        let second = history.sign_in("password+totp");
        history.change(EventKind::RecoveryCodesMade, second);
        let third = history.sign_in("password+recovery_code");
        history.change(EventKind::SecondFactorRemoved, third);
        history.change(EventKind::SecondFactorAdded, third);
        let found = history.of(thief);
        assert_eq!(found.sessions, [thief, second, third].into());
        assert!(found.has_added_app && found.has_made_recovery_codes);
        assert_eq!(history.of(third).sessions, [third].into());
    }

    #[test]
    fn app_belongs_to_the_sign_in_that_had_to_add_it() {
        let mut history = History::default();
        history.event(EventKind::SecondFactorAdded);
        let other = history.sign_in("password");
        let thief = history.sign_in("password+totp");
        assert!(history.of(thief).has_added_app && history.of(thief).has_made_recovery_codes);
        assert!(!history.of(other).has_added_app);
    }

    #[test]
    fn factor_of_the_reporter_does_not_follow() {
        let mut history = History::default();
        let lost = history.sign_in("invitation");
        history.change(EventKind::SecondFactorAdded, lost);
        let desk = history.sign_in("password+totp");
        let other = history.sign_in("password+totp");
        let found = history.reported_by(desk, lost);
        assert_eq!((found.sessions, found.has_added_app), ([lost].into(), false));
        assert_eq!(history.of(lost).sessions, [lost, desk, other].into());
        history.change(EventKind::RecoveryCodesMade, lost);
        let by_code = history.sign_in("password+recovery_code");
        let found = history.reported_by(desk, lost);
        assert_eq!((found.sessions, found.has_made_recovery_codes), ([lost, by_code].into(), true));
        assert!(!history.reported_by(by_code, lost).has_made_recovery_codes);
    }

    #[test]
    fn sessions_follow_from_a_passkey_that_was_added() {
        let mut history = History::default();
        let owner = history.sign_in("password");
        let own = history.passkey(EventKind::PasskeyAdded, PasskeyId::random(), owner);
        let thief = history.sign_in("passkey");
        history.passkey(EventKind::PasskeyUsed, own, thief);
        let first = history.passkey(EventKind::PasskeyAdded, PasskeyId::random(), thief);
        let second = history.passkey(EventKind::PasskeyAdded, PasskeyId::random(), thief);
        let by_passkey = history.sign_in("passkey");
        history.passkey(EventKind::PasskeyUsed, first, by_passkey);
        let as_factor = history.sign_in("password+passkey");
        history.passkey(EventKind::PasskeyUsed, second, as_factor);
        let third = history.passkey(EventKind::PasskeyAdded, PasskeyId::random(), as_factor);
        history.passkey(EventKind::PasskeyRemoved, first, thief);
        let found = history.of(thief);
        assert_eq!(found.sessions, [thief, by_passkey, as_factor].into());
        assert_eq!(found.passkeys, [second, third].into());
        assert_eq!(history.of(owner).sessions, [owner, thief, by_passkey, as_factor].into());
        assert_eq!(history.of(owner).passkeys, [own, second, third].into());
    }

    #[test]
    fn passkey_that_let_the_reporter_in_does_not_follow() {
        let mut history = History::default();
        let lost = history.sign_in("password");
        let own = history.passkey(EventKind::PasskeyAdded, PasskeyId::random(), lost);
        let other = history.passkey(EventKind::PasskeyAdded, PasskeyId::random(), lost);
        let desk = history.sign_in("passkey");
        history.passkey(EventKind::PasskeyUsed, own, desk);
        let found = history.reported_by(desk, lost);
        assert_eq!((found.sessions, found.passkeys), ([lost].into(), [other].into()));
        assert_eq!(history.of(lost).passkeys, [own, other].into());
    }

    #[test]
    fn names_of_passkeys_become_what_they_were() {
        let mut history = History::default();
        let owner = history.sign_in("password");
        let [own, other] = [PasskeyId::random(), PasskeyId::random()];
        history.passkey(EventKind::PasskeyAdded, own, owner);
        history.passkey(EventKind::PasskeyAdded, other, owner);
        let thief = history.sign_in("password");
        history.rename_passkey(own, "Phone", thief);
        history.rename_passkey(own, "x", thief);
        history.rename_passkey(other, "Key", thief);
        let added = history.passkey(EventKind::PasskeyAdded, PasskeyId::random(), thief);
        history.rename_passkey(added, "Thief", thief);
        let names = [(own, "Phone".to_owned()), (other, "Key".to_owned())];
        assert_eq!(history.of(thief).passkey_names, names.into());
        history.rename_passkey(own, "y", owner);
        history.passkey(EventKind::PasskeyRemoved, other, owner);
        assert_eq!(history.of(thief).passkey_names, BTreeMap::new());
    }

    #[test]
    fn nothing_follows_from_a_password() {
        let mut history = History::default();
        let invited = history.sign_in("invitation");
        history.change(EventKind::PasswordChanged, invited);
        let later = history.sign_in("password");
        history.change(EventKind::SecondFactorAdded, later);
        let found = history.of(invited);
        assert_eq!((found.sessions, found.has_added_app), ([invited].into(), false));
    }

    #[test]
    fn operators_and_unknown_words_belong_to_no_session() {
        let mut history = History::default();
        let thief = history.sign_in("password");
        history.event(EventKind::RecoveryCodesMade).actor = Actor::Command.as_str().to_owned();
        history.event(EventKind::SecondFactorAdded).actor = "moon".to_owned();
        history.event(EventKind::SignedIn).kind = "signed_in_by_moon".to_owned();
        history.sign_in("reset+totp+moon");
        let expected = Consequences { sessions: [thief].into(), ..Consequences::default() };
        assert_eq!(history.of(thief), expected);
    }

    #[test]
    fn names_become_what_they_were_before_the_first_of_them() {
        let mut history = History::default();
        let owner = history.sign_in("password");
        let thief = history.sign_in("password");
        history.rename(owner, Some("My desk"), thief);
        history.rename(owner, Some("x"), thief);
        history.rename(thief, None, thief);
        assert_eq!(history.of(thief).names, [(owner, Some("My desk".to_owned())), (thief, None)].into());
        history.rename(owner, Some("y"), owner);
        assert_eq!(history.of(thief).names, [(thief, None)].into());
    }
}
