//! The model: what the tables must contain after each step, in plain collections.

use std::{collections::BTreeMap, time::Duration};

use keyrack::{
    accounts::{Accounts, Email, HashCost, NewUser, Password, Role},
    clock::{Clock, Timestamp},
    db::{Database, DatabaseOptions},
    error::Error,
    sessions::{DataPatch, NewSession, Policy, SessionId, Sessions, Sid, UserId},
};
use serde_json::{Value, json};

use crate::support::{EngineKind, PASSWORD, TestDatabase, wait};

/// One step of a sequence. A `usize` called `sid` is an index into all sids created so far.
#[derive(Debug, Clone)]
pub enum Step {
    Start {
        user: usize,
        remember: bool,
    },
    StartOver {
        sid: usize,
        user: usize,
    },
    Resume(usize),
    Save {
        sid: usize,
        key: u8,
        value: Option<u8>,
    },
    Rotate(usize),
    SignOut(usize),
    Revoke {
        user: usize,
        sid: usize,
    },
    RevokeOthers(usize),
    RevokeByAdmin(usize),
    Disable(usize),
    Enable(usize),
    Advance(u64),
    RecordActivity,
    Purge,
    /// connect-pg-simple's upsert.
    ForeignSet(usize),
    ForeignTouch(usize),
    ForeignDestroy(usize),
    /// The seed's own UPDATE.
    ForeignEnd(usize),
}

/// A session in the model.
#[derive(Debug, Clone)]
struct Session {
    user: usize,
    sid: Sid,
    remembered: bool,
    last_seen_at: Timestamp,
    expires_at: Timestamp,
    expire: Timestamp,
    data: BTreeMap<String, Value>,
    ended: Option<&'static str>,
}

/// The program and its model.
pub struct World {
    database: TestDatabase,
    clock: Clock,
    sessions: Sessions,
    accounts: Accounts,
    users: Vec<(Email, UserId, bool)>,
    /// Every sid created so far, and its session.
    sids: Vec<(Sid, SessionId)>,
    model: BTreeMap<SessionId, Session>,
    noted: BTreeMap<SessionId, Timestamp>,
}

impl World {
    pub fn new(engine: EngineKind) -> Self {
        let database = TestDatabase::new(engine);
        // Triggers use the database's clock, so the model's clock starts at the same time and runs ahead of it.
        let clock = Clock::fixed(Clock::System.now());
        let mut options = DatabaseOptions::for_command(database.parsed_url());
        options.pool_size = 2;
        let handle = Database::open(options);
        let sessions = Sessions::new(handle.clone(), clock.clone(), Policy::default());
        let accounts = Accounts::new(handle, clock.clone(), sessions.clone(), HashCost::minimal());
        let users = ["a@example.com", "b@example.com"].map(|email| {
            let email: Email = email.parse().unwrap();
            let user = NewUser {
                email: email.clone(),
                user_name: None,
                first_name: None,
                last_name: None,
                role: Role::User,
                password: Password::new(PASSWORD),
            };
            (email, wait(accounts.create(user)).unwrap(), false)
        });
        let (sids, model, noted) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        Self { database, clock, sessions, accounts, users: users.to_vec(), sids, model, noted }
    }

    fn sid(&self, index: usize) -> Option<(Sid, SessionId)> {
        (!self.sids.is_empty()).then(|| self.sids[index % self.sids.len()].clone())
    }

    /// The session that this sid resumes in the model.
    fn is_alive(&self, sid: &Sid) -> Option<SessionId> {
        let now = self.clock.now();
        let (id, session) = self.model.iter().find(|(_, session)| session.sid == *sid)?;
        let enabled = !self.users[session.user].2;
        let alive = session.ended.is_none() && session.expire > now && session.expires_at > now && enabled;
        alive.then_some(*id)
    }

    /// The session that this sid may change.
    fn session_mut(&mut self, sid: &Sid) -> Option<&mut Session> {
        let id = self.is_alive(sid)?;
        self.model.get_mut(&id)
    }

    fn end(&mut self, id: SessionId, reason: &'static str) {
        self.model.get_mut(&id).unwrap().ended.get_or_insert(reason);
    }

    fn limits(remember: bool) -> (Duration, Duration) {
        let timeouts = Policy::default().timeouts;
        (timeouts.idle(remember), timeouts.absolute(remember))
    }

    pub fn apply(&mut self, step: &Step) {
        match *step {
            Step::Start { user, remember } => self.start(user, remember, None),
            Step::StartOver { sid, user } => {
                let old = self.sid(sid).map(|(sid, _)| sid);
                self.start(user, false, old);
            }
            Step::Resume(sid) => {
                if let Some((sid, _)) = self.sid(sid) {
                    self.resume(&sid);
                }
            }
            Step::Save { sid, key, value } => self.save(sid, key, value),
            Step::Rotate(sid) => self.rotate(sid),
            Step::SignOut(_) | Step::Revoke { .. } | Step::RevokeOthers(_) | Step::RevokeByAdmin(_) => {
                self.apply_end(step);
            }
            Step::Disable(user) => {
                wait(self.accounts.disable(&self.users[user].0)).unwrap();
                self.users[user].2 = true;
                self.end_all(|session| session.user == user, "account_disabled");
            }
            Step::Enable(user) => {
                wait(self.accounts.enable(&self.users[user].0)).unwrap();
                self.users[user].2 = false;
            }
            Step::Advance(seconds) => self.clock.advance(Duration::from_secs(seconds)),
            Step::RecordActivity => self.record_activity(),
            Step::Purge => self.purge(),
            Step::ForeignSet(sid) | Step::ForeignTouch(sid) | Step::ForeignDestroy(sid) | Step::ForeignEnd(sid) => {
                if let Some((sid, _)) = self.sid(sid) {
                    self.apply_foreign(step, &sid);
                }
            }
        }
    }

    fn start(&mut self, user: usize, remember: bool, previous_sid: Option<Sid>) {
        let now = self.clock.now();
        let new = NewSession { remember, previous_sid: previous_sid.clone(), ..NewSession::of(self.users[user].1) };
        let started = match (wait(self.sessions.start(new)), self.users[user].2) {
            (Ok(started), false) => started,
            (Err(Error::SessionEnded), true) => return,
            (outcome, disabled) => panic!("{outcome:?}, disabled: {disabled}"),
        };
        if let Some(sid) = &previous_sid {
            // The browser's former session gets the reason of its expiry now, not at the next purge.
            self.end_expired(|session| session.sid == *sid);
        }
        let before = previous_sid.and_then(|sid| self.is_alive(&sid)).map(|id| (id, self.model[&id].clone()));
        let (idle, absolute) = Self::limits(remember);
        let expires_at = now + absolute;
        let mut session = Session {
            user,
            sid: started.sid.clone(),
            remembered: remember,
            last_seen_at: now,
            expires_at,
            expire: expires_at.min(now + idle),
            data: BTreeMap::new(),
            ended: None,
        };
        match before {
            Some((id, old)) if old.user == user => {
                assert_eq!(started.id, id, "the same user's session continues");
                session.data = old.data;
            }
            Some((id, _)) => self.end(id, "signed_out"),
            None => assert!(!self.model.contains_key(&started.id)),
        }
        self.sids.push((started.sid, started.id));
        self.model.insert(started.id, session);
    }

    fn resume(&mut self, sid: &Sid) {
        let found = wait(self.sessions.resume(sid)).unwrap();
        let expected = self.is_alive(sid);
        assert_eq!(found.as_ref().map(|live| live.id), expected);
        let Some(live) = found else { return };
        let session = &self.model[&live.id];
        let data: BTreeMap<String, Value> = live
            .data
            .entries()
            .filter(|(key, _)| key.starts_with("key"))
            .map(|(key, text)| (key.to_owned(), serde_json::from_str(text).unwrap()))
            .collect();
        assert_eq!(data, session.data);
        let now = self.clock.now();
        if now.since(session.last_seen_at) >= Duration::from_secs(60) {
            let noted = self.noted.entry(live.id).or_insert(now);
            *noted = now.max(*noted);
        }
    }

    fn save(&mut self, sid: usize, key: u8, value: Option<u8>) {
        let Some((sid, _)) = self.sid(sid) else { return };
        let key = format!("key{key}");
        let Some(live) = wait(self.sessions.resume(&sid)).unwrap() else { return self.resume(&sid) };
        self.resume(&sid);
        let mut left: BTreeMap<String, String> =
            live.data.entries().map(|(key, text)| (key.to_owned(), text.to_owned())).collect();
        match value {
            Some(value) => left.insert(key.clone(), value.to_string()),
            None => left.remove(&key),
        };
        let changes = DataPatch::between(&live.data, left.iter().map(|(key, text)| (key.as_str(), text))).unwrap();
        wait(self.sessions.save(&sid, changes)).unwrap();
        let data = &mut self.session_mut(&sid).unwrap().data;
        match value {
            Some(value) => data.insert(key, json!(value)),
            None => data.remove(&key),
        };
    }

    fn rotate(&mut self, sid: usize) {
        let Some((sid, _)) = self.sid(sid) else { return };
        let rotated = wait(self.sessions.rotate(&sid, DataPatch::default()));
        match (rotated, self.is_alive(&sid)) {
            (Ok(started), Some(id)) => {
                assert_eq!(started.id, id);
                let now = self.clock.now();
                let idle = Self::limits(self.model[&id].remembered).0;
                let session = self.model.get_mut(&id).unwrap();
                session.sid = started.sid.clone();
                session.expire = session.expires_at.min(now + idle);
                self.sids.push((started.sid, id));
            }
            (Err(Error::SessionEnded), None) => {}
            (outcome, alive) => panic!("{outcome:?}, in the model: {alive:?}"),
        }
    }

    fn apply_end(&mut self, step: &Step) {
        let (Step::SignOut(index)
        | Step::RevokeOthers(index)
        | Step::RevokeByAdmin(index)
        | Step::Revoke { sid: index, .. }) = *step
        else {
            return;
        };
        let Some((sid, id)) = self.sid(index) else { return };
        let owner = self.model[&id].user;
        match *step {
            Step::SignOut(_) => {
                wait(self.sessions.sign_out(&sid)).unwrap();
                // The old sid of a rotated session ends nothing.
                if self.model[&id].sid == sid {
                    self.end(id, "signed_out");
                }
            }
            Step::Revoke { user, .. } => {
                let found = wait(self.sessions.revoke(self.users[user].1, id)).unwrap();
                assert_eq!(found.is_some(), user == owner, "only the owner can revoke it");
                if user == owner {
                    self.end(id, "revoked");
                }
            }
            Step::RevokeOthers(_) => {
                wait(self.sessions.revoke_others(self.users[owner].1, id)).unwrap();
                let others: Vec<_> = self.model.keys().copied().filter(|other| *other != id).collect();
                for other in others.into_iter().filter(|other| self.model[other].user == owner).collect::<Vec<_>>() {
                    self.end(other, "revoked");
                }
            }
            _ => {
                let was_active = self.model[&id].ended.is_none();
                assert_eq!(wait(self.sessions.revoke_by_admin(id)).unwrap(), was_active);
                self.end(id, "revoked_by_admin");
            }
        }
    }

    fn end_all(&mut self, matches: impl Fn(&Session) -> bool, reason: &'static str) {
        for session in self.model.values_mut().filter(|session| matches(session)) {
            session.ended.get_or_insert(reason);
        }
    }

    fn record_activity(&mut self) {
        wait(self.sessions.record_activity()).unwrap();
        for (id, at) in std::mem::take(&mut self.noted) {
            let idle = Self::limits(self.model[&id].remembered).0;
            let session = self.model.get_mut(&id).unwrap();
            if session.ended.is_none() && session.last_seen_at < at {
                session.last_seen_at = at;
                session.expire = session.expire.max(session.expires_at.min(at + idle));
            }
        }
    }

    fn end_expired(&mut self, is_in_scope: impl Fn(&Session) -> bool) {
        let now = self.clock.now();
        let expired = |session: &Session| is_in_scope(session) && session.expire <= now;
        self.end_all(|session| expired(session) && session.expire < session.expires_at, "idle_timeout");
        self.end_all(expired, "absolute_timeout");
    }

    fn purge(&mut self) {
        wait(self.sessions.purge(|_| ())).unwrap();
        self.end_expired(|_| true);
    }

    /// Runs a statement of another program, and applies its effect to the model.
    fn apply_foreign(&mut self, step: &Step, sid: &Sid) {
        let (text, soon) = (sid.expose(), self.clock.now() + Duration::from_secs(1800));
        let expire = match self.database.kind() {
            EngineKind::Sqlite => format!("'{}'", soon.to_iso_micros()),
            EngineKind::Postgres => format!("to_timestamp({})", soon.as_micros() / 1_000_000),
        };
        let soon = match self.database.kind() {
            EngineKind::Sqlite => soon,
            EngineKind::Postgres => Timestamp::from_micros(soon.as_micros() / 1_000_000 * 1_000_000),
        };
        let holder = self.model.iter().find(|(_, session)| session.sid == *sid && session.ended.is_none());
        let holder = holder.map(|(id, _)| *id);
        match step {
            Step::ForeignSet(_) => {
                let sess = match holder {
                    Some(id) => self.foreign_sess(id),
                    None => json!({"cookie": {}, "userId": self.users[0].1}),
                };
                self.database.execute(&format!(
                    "INSERT INTO user_sessions (sess, expire, sid) SELECT '{sess}', {expire}, '{text}' WHERE true \
                     ON CONFLICT (sid) DO UPDATE SET sess = '{sess}', expire = {expire}"
                ));
                self.move_expire(holder, soon);
            }
            Step::ForeignTouch(_) => {
                self.database.execute(&format!("UPDATE user_sessions SET expire = {expire} WHERE sid = '{text}'"));
                self.move_expire(holder, soon);
            }
            Step::ForeignDestroy(_) => {
                self.database.execute(&format!("DELETE FROM user_sessions WHERE sid = '{text}'"));
                if let Some(id) = holder {
                    self.end(id, "foreign");
                }
            }
            _ => {
                let now = self.clock.now().to_iso_micros();
                self.database.execute(&format!(
                    "UPDATE sessions SET status = 'logged_out', updated_at = '{now}', logged_out_at = '{now}' \
                     WHERE sid = '{text}'"
                ));
                if let Some(id) = holder {
                    self.end(id, "signed_out");
                }
            }
        }
    }

    /// Moves `expire` as a peer does; the absolute expiry caps it.
    fn move_expire(&mut self, holder: Option<SessionId>, expire: Timestamp) {
        if let Some(session) = holder.and_then(|id| self.model.get_mut(&id)) {
            session.expire = expire.min(session.expires_at);
        }
    }

    /// The data that a peer writes back: what it has read.
    fn foreign_sess(&self, id: SessionId) -> Value {
        let session = &self.model[&id];
        let mut sess = json!({"cookie": {"originalMaxAge": 86_400_000}, "userId": self.users[session.user].1});
        for (key, value) in &session.data {
            sess[key] = value.clone();
        }
        sess
    }

    /// Asserts that the tables match the model.
    pub fn assert_matches(&mut self) {
        for (sid, _) in self.sids.clone() {
            self.resume(&sid);
        }
        let rows = self.database.texts("SELECT id || ' ' || coalesce(end_reason, '-') AS v FROM sessions ORDER BY id");
        let rows: BTreeMap<String, String> = rows
            .iter()
            .map(|row| row.split_once(' ').unwrap())
            .map(|(id, reason)| (id.to_owned(), reason.to_owned()))
            .collect();
        for (id, session) in &self.model {
            let (found, expected) = (rows[&id.to_string()].as_str(), session.ended.unwrap_or("-"));
            // The trigger derives the reason for a foreign DELETE from the row's times.
            let is_foreign =
                expected == "foreign" && ["signed_out", "idle_timeout", "absolute_timeout"].contains(&found);
            assert!(found == expected || is_foreign, "session {id}: {found}, in the model: {expected}");
        }
        assert_eq!(rows.len(), self.model.len());
        let live_data = self.model.values().filter(|session| session.ended.is_none()).count();
        assert_eq!(self.database.count("user_sessions", ""), live_data, "only live sessions have data");
        let report = wait(self.sessions.doctor(false)).unwrap();
        // The model's clock runs ahead of the database's, whose triggers date foreign deletions.
        let breaches: Vec<_> = report.breaches.iter().filter(|breach| breach.rule != "contradictory times").collect();
        assert!(breaches.is_empty(), "{breaches:#?}");
    }
}
