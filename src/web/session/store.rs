//! actix-session's store, over the sessions module.
//!
//! What the middleware calls, and what that means here:
//!
//! | call | when | verb |
//! |---|---|---|
//! | `load` | a cookie is presented | resume |
//! | `save` | state, but no session | start, if the state names a user |
//! | `update` | the state changed | save |
//! | `delete` | the session was purged | sign out |
//! | `delete`, then `save` | the session was renewed, as every sign-in does | start or rotate, in one transaction |
//!
//! The key that the middleware passes says nothing: which session a request is about, its [`Visit`] knows.
//!
//! The store never returns an error: the middleware would turn it into an answer without a request. It records what went
//! wrong in the [`Visit`], and the layer outside answers by it.

use std::collections::HashMap;

use actix_session::storage::{LoadError, SaveError, SessionKey, SessionStore, UpdateError};
use actix_web::cookie::time::Duration;
use serde_json::Value;

use super::visit::{VISIT, Visit};
use crate::{
    db::UserId,
    error::{Error, Result},
    sessions::{Changes, LiveSession, NewSession, Sessions, Sid, Started},
};

/// actix-session 0.11 keeps each value as its JSON text; its next release keeps JSON values. Only this file knows.
type State = HashMap<String, String>;

/// The key in the state that names the user: actix-identity's, and the one that Express applications use.
pub(super) const USER_KEY: &str = "userId";

#[derive(Clone)]
pub struct Store {
    sessions: Sessions,
}

impl Store {
    pub fn new(sessions: Sessions) -> Self {
        Self { sessions }
    }

    async fn resume(&self, visit: &Visit, sid: &Sid) -> Result<Option<State>> {
        let Some(live) = self.sessions.resume(sid).await? else { return Ok(None) };
        let state = live.data.entries().map(|(key, value)| (key.to_owned(), to_text(value))).collect();
        visit.resumed(live);
        Ok(Some(state))
    }

    async fn start(&self, visit: &Visit, state: State) -> Result<()> {
        let values = parse(state)?;
        let old = visit.take_renewed();
        let user_id = user_of(&values)?;
        let live = visit.live();
        let same_user = live.as_ref().filter(|live| live.user.id == user_id);
        let started = match (&old, same_user, visit.sign_in()) {
            (Some(old), Some(live), None) => self.sessions.rotate(old, changes(live, &values)?).await?,
            (_, _, sign_in) => {
                let data = Changes::beside_sign_in(brought_along(live.as_deref(), user_id, &values))?;
                let new = NewSession {
                    user_id,
                    password_changed_at: sign_in.map(|sign_in| sign_in.who.password_changed_at),
                    remember: sign_in.is_some_and(|sign_in| sign_in.remember),
                    client: visit.client().clone(),
                    data,
                    presented: old,
                };
                self.sessions.start(new).await?
            }
        };
        let Started { id, sid, max_age } = started;
        visit.issue_cookie(id, sid, max_age);
        Ok(())
    }

    async fn update_data(&self, visit: &Visit, sid: &Sid, state: State) -> Result<()> {
        let live = visit.live().ok_or(Error::Ended)?;
        self.sessions.save(sid, changes(&live, &parse(state)?)?).await
    }

    async fn sign_out(&self, visit: &Visit, sid: &Sid) -> Result<()> {
        self.sessions.sign_out(sid).await?;
        visit.forget_cookie();
        Ok(())
    }
}

impl SessionStore for Store {
    async fn load(&self, _: &SessionKey) -> Result<Option<State>, LoadError> {
        let visit = VISIT.get();
        let Some(sid) = visit.presented() else { return Ok(None) };
        let outcome = self.resume(&visit, sid).await;
        Ok(outcome.unwrap_or_else(|error| {
            visit.could_not_read(error);
            None
        }))
    }

    async fn save(&self, state: State, _: &Duration) -> Result<SessionKey, SaveError> {
        let visit = VISIT.get();
        if let Err(error) = self.start(&visit, state).await {
            visit.could_not_write(error);
        }
        // The layer outside writes the real cookie, or none.
        String::new().try_into().map_err(|error| SaveError::Other(anyhow::Error::new(error)))
    }

    async fn update(&self, key: SessionKey, state: State, _: &Duration) -> Result<SessionKey, UpdateError> {
        let visit = VISIT.get();
        if let Some(sid) = visit.presented()
            && let Err(error) = self.update_data(&visit, sid, state).await
        {
            visit.could_not_write(error);
        }
        Ok(key)
    }

    /// Nothing to do: activity is recorded when the session is resumed.
    async fn update_ttl(&self, _: &SessionKey, _: &Duration) -> anyhow::Result<()> {
        Ok(())
    }

    async fn delete(&self, _: &SessionKey) -> anyhow::Result<()> {
        let visit = VISIT.get();
        let Some(sid) = visit.presented() else { return Ok(()) };
        if visit.is_renewing() {
            // Half of a renewal: `save` follows and does both at once.
            visit.set_renewed(sid.clone());
        } else if let Err(error) = self.sign_out(&visit, sid).await {
            visit.could_not_write(error);
        }
        Ok(())
    }
}

/// A value as the state has it. Most are strings that need no escapes, as ids and names do.
fn to_text(value: &Value) -> String {
    match value.as_str().filter(|text| is_plain(text)) {
        Some(text) => ["\"", text, "\""].concat(),
        None => value.to_string(),
    }
}

fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\')
}

/// Whether the session's state is as it was when the session was resumed.
pub(super) fn is_state_of(live: &LiveSession, state: &State) -> bool {
    let mut count = 0;
    let is_same = live.data.entries().all(|(key, value)| {
        count += 1;
        state.get(key).is_some_and(|text| is_text_of(value, text))
    });
    is_same && count == state.len()
}

/// Whether [`to_text`] of the value is this text.
fn is_text_of(value: &Value, text: &str) -> bool {
    match value.as_str().filter(|plain| is_plain(plain)) {
        Some(plain) => text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) == Some(plain),
        None => text == to_text(value),
    }
}

fn parse(state: State) -> Result<Vec<(String, Value)>> {
    let parse = |(key, text): (String, String)| {
        let value =
            serde_json::from_str(&text).map_err(|error| Error::internal(format!("session key {key:?}: {error}")))?;
        Ok((key, value))
    };
    state.into_iter().map(parse).collect()
}

fn user_of(values: &[(String, Value)]) -> Result<UserId> {
    let user = values.iter().find(|(key, _)| key == USER_KEY).and_then(|(_, value)| value.as_str());
    user.and_then(|id| id.parse().ok()).ok_or_else(|| {
        Error::internal("session data was set without a signed-in user: Keyrack keeps data for signed-in sessions only")
    })
}

fn changes(live: &LiveSession, values: &[(String, Value)]) -> Result<Changes> {
    Changes::between(&live.data, values.iter().map(|(key, value)| (key.as_str(), value.clone())))
}

/// What a sign-in takes into its session: all that the application has set, but nothing that belonged to another user who
/// was signed in on this browser before.
fn brought_along<'a>(live: Option<&LiveSession>, user: UserId, values: &'a [(String, Value)]) -> Vec<(&'a str, Value)> {
    let anothers = live.filter(|live| live.user.id != user);
    let found = |key: &str| anothers.and_then(|live| live.data.entries().find(|(name, _)| *name == key));
    let is_new = |(key, value): &&(String, Value)| found(key).is_none_or(|(_, old)| old != value);
    values.iter().filter(is_new).map(|(key, value)| (key.as_str(), value.clone())).collect()
}
