//! Tests of what follows from a session

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

    /// A sign-in on a browser that this session has trusted.
    fn trusted(&mut self, by: SessionId) -> SessionId {
        let id = self.sign_in("password+trusted_browser");
        let event = self.event(EventKind::BrowserTrustUsed);
        event.session_id = Some(id);
        event.detail.insert("trusted_in".to_owned(), by.to_string().into());
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

    fn change_address(&mut self, by: SessionId) -> LinkId {
        let link = LinkId::random();
        let event = self.change(EventKind::EmailChanged, by);
        event.detail.insert("undo_link".to_owned(), link.to_string().into());
        link
    }

    fn restore(&mut self, link: LinkId) {
        let event = self.event(EventKind::EmailRestored);
        event.detail.insert("undo_link".to_owned(), link.to_string().into());
    }

    /// A link for a new password is used.
    fn reset(&mut self, requested: bool) {
        let event = self.event(EventKind::LinkUsed);
        event.detail.insert("link".to_owned(), "reset".into());
        event.detail.insert("requested".to_owned(), requested.into());
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
    let thief = history.sign_in("password");
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
    assert_eq!(history.of(owner).sessions, [owner].into());
    assert_eq!(history.of(owner).passkeys, [own].into());
}

#[test]
fn passkey_that_let_the_session_in_follows_with_all_that_it_let_in() {
    let mut history = History::default();
    let laptop = history.sign_in("password");
    let foreign = history.passkey(EventKind::PasskeyAdded, PasskeyId::random(), laptop);
    let first = history.sign_in("passkey");
    history.passkey(EventKind::PasskeyUsed, foreign, first);
    let reported = history.sign_in("passkey");
    history.passkey(EventKind::PasskeyUsed, foreign, reported);
    let found = history.reported_by(laptop, reported);
    assert_eq!((found.sessions, found.passkeys), ([first, reported].into(), [foreign].into()));
    // One that lets in both the reporter and the other is on the reporter's devices.
    let desk = history.sign_in("passkey");
    history.passkey(EventKind::PasskeyUsed, foreign, desk);
    let found = history.reported_by(desk, reported);
    assert_eq!((found.sessions, found.passkeys), ([reported].into(), BTreeSet::new()));
    history.passkey(EventKind::PasskeyRemoved, foreign, laptop);
    let found = history.reported_by(laptop, reported);
    assert_eq!((found.sessions, found.passkeys), ([first, reported, desk].into(), BTreeSet::new()));
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
fn sessions_follow_from_the_one_that_has_trusted_their_browser() {
    let mut history = History::default();
    let thief = history.sign_in("password");
    history.change(EventKind::SecondFactorAdded, thief);
    let trusting = history.sign_in("password+totp");
    let trusted = history.trusted(trusting);
    history.change(EventKind::RecoveryCodesMade, trusted);
    let by_code = history.sign_in("password+recovery_code");
    let desk = history.sign_in("password+trusted_browser");
    let found = history.of(thief);
    assert_eq!(found.sessions, [thief, trusting, trusted, by_code].into());
    assert!(found.has_made_recovery_codes && !found.sessions.contains(&desk));
    let found = history.reported_by(trusted, trusting);
    assert_eq!(found.sessions, [trusting].into(), "another person would not have the reporter's browser");
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
fn address_becomes_what_it_was_before_the_last_foreign_changes() {
    let mut history = History::default();
    let owner = history.sign_in("password");
    let thief = history.sign_in("password");
    let other = history.sign_in("password");
    history.change_address(owner);
    let first = history.change_address(thief);
    assert_eq!(history.of(thief).undo_link, Some(first));
    history.change_address(thief);
    assert_eq!(history.of(thief).undo_link, Some(first), "the first of several");
    assert_eq!(history.of(owner).undo_link, None, "it is another one's choice");
    history.change_address(other);
    assert_eq!(history.of(thief).undo_link, None);
    history.event(EventKind::SessionReported).session_id = Some(thief);
    assert_eq!(history.of(other).undo_link, Some(first), "that of a reported session does not come back");
    history.change_address(owner);
    assert_eq!((history.of(other).undo_link, history.of(thief).undo_link), (None, None));
}

#[test]
fn restored_address_is_that_before_the_link() {
    let mut history = History::default();
    let (thief, other) = (history.sign_in("password"), history.sign_in("password"));
    let first = history.change_address(thief);
    let second = history.change_address(other);
    history.restore(second);
    assert_eq!((history.of(other).undo_link, history.of(thief).undo_link), (None, Some(first)));
    history.restore(first);
    assert_eq!(history.of(thief).undo_link, None);
    let third = history.change_address(other);
    history.restore(LinkId::random());
    assert_eq!(history.of(other).undo_link, None, "by a link that was not read, all of them");
    assert_ne!(third, first);
}

#[test]
fn sign_ins_by_mail_follow_from_the_address() {
    let mut history = History::default();
    let owner = history.sign_in("password");
    let thief = history.sign_in("password");
    history.reset(true);
    history.sign_in("reset");
    history.change_address(thief);
    history.reset(true);
    let by_mail = history.sign_in("reset+totp");
    history.reset(false);
    let by_operator = history.sign_in("reset");
    assert_eq!(history.of(thief).sessions, [thief, by_mail].into());
    let found = history.reported_by(by_operator, thief);
    assert!(found.undo_link.is_some(), "the operator's link proves no address");
    let found = history.reported_by(by_mail, thief);
    assert_eq!((found.sessions, found.undo_link), ([thief].into(), None), "the reporter reads its mails");
    history.change_address(owner);
    history.reset(true);
    history.sign_in("reset");
    assert_eq!(history.of(thief).sessions, [thief, by_mail].into());
}

#[test]
fn reset_after_a_restore_follows_from_who_chose_the_address() {
    let mut history = History::default();
    let owner = history.sign_in("password");
    let thief = history.sign_in("password");
    let first = history.change_address(thief);
    let second = history.change_address(owner);
    history.restore(second);
    history.reset(true);
    let back = history.sign_in("reset");
    let foreign = history.passkey(EventKind::PasskeyAdded, PasskeyId::random(), back);
    let found = history.of(thief);
    assert_eq!((found.sessions, found.passkeys), ([thief, back].into(), [foreign].into()));
    assert_eq!(history.of(owner).sessions, [owner].into());
    let found = history.reported_by(back, thief);
    assert_eq!((found.sessions, found.undo_link), ([thief].into(), None), "the reporter reads its mails");
    history.restore(first);
    history.reset(true);
    history.sign_in("reset");
    assert_eq!(history.of(thief).sessions, [thief, back].into(), "the owner's restore");
}

#[test]
fn reporter_with_the_password_of_a_mail_reads_its_address() {
    let mut history = History::default();
    let thief = history.sign_in("password");
    history.change_address(thief);
    history.reset(true);
    let by_mail = history.sign_in("reset");
    let by_password = history.sign_in("password+totp");
    let found = history.reported_by(by_password, thief);
    assert_eq!((found.sessions, found.undo_link), ([thief].into(), None));
    history.change(EventKind::PasswordChanged, by_mail);
    let after_change = history.sign_in("password");
    assert_eq!(history.reported_by(after_change, thief).undo_link, None, "who changes it knows the former one");
    let by_passkey = history.sign_in("passkey");
    assert!(history.reported_by(by_passkey, thief).undo_link.is_some());
    history.event(EventKind::PasswordChanged).actor = Actor::Command.as_str().to_owned();
    let by_operator = history.sign_in("password");
    let found = history.reported_by(by_operator, thief);
    assert_eq!(found.sessions, [thief, by_mail, by_password, after_change].into());
    assert!(found.undo_link.is_some(), "an operator has set it");
    assert_eq!(found.reset_at, None, "so it stays");
}

#[test]
fn session_by_the_password_of_a_foreign_mail_follows() {
    let mut history = History::default();
    let thief = history.sign_in("password");
    let earlier = history.sign_in("password");
    history.change_address(thief);
    history.reset(true);
    let by_password = history.sign_in("password");
    let foreign = history.passkey(EventKind::PasskeyAdded, PasskeyId::random(), by_password);
    let by_passkey = history.sign_in("passkey");
    history.passkey(EventKind::PasskeyUsed, foreign, by_passkey);
    let found = history.of(thief);
    assert_eq!((found.sessions, found.passkeys), ([thief, by_password, by_passkey].into(), [foreign].into()));
    assert!(found.reset_at.is_some());
    history.reset(false);
    let by_operator = history.sign_in("password");
    let found = history.of(thief);
    assert!(!found.sessions.contains(&by_operator) && !found.sessions.contains(&earlier));
    assert_eq!(found.reset_at, None, "an operator's link has set another one");
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

#[test]
fn names_that_a_thief_has_put_back_by_a_report_stay() {
    let mut history = History::default();
    let owner = history.sign_in("password");
    let (thief, second) = (history.sign_in("password"), history.sign_in("password"));
    let key = history.passkey(EventKind::PasskeyAdded, PasskeyId::random(), owner);
    history.rename(owner, Some("My desk"), second);
    history.rename_passkey(key, "My key", second);
    history.rename(owner, Some("x"), thief);
    history.0.last_mut().unwrap().detail.insert("restored".to_owned(), true.into());
    history.rename_passkey(key, "y", thief);
    history.0.last_mut().unwrap().detail.insert("restored".to_owned(), true.into());
    let found = history.of(thief);
    assert!(found.names.is_empty() && found.passkey_names.is_empty(), "{found:?}");
}
