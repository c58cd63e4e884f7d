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
//! The key that the middleware passes says nothing: which session a request is about, its [`RequestSession`] knows.
//!
//! The store never returns an error: the middleware would turn it into an answer without a request. It records what went
//! wrong in the [`RequestSession`], and the layer outside answers by it.

use std::collections::HashMap;

use actix_session::storage::{LoadError, SaveError, SessionKey, SessionStore, UpdateError};
use actix_web::cookie::time::Duration;

use super::request_session::{RequestSession, VISIT};
use crate::{
    db::UserId,
    error::{Error, Result},
    sessions::{DataPatch, LiveSession, NewSession, Proof, Sessions, Sid, Started},
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

    async fn resume(&self, visit: &RequestSession, sid: &Sid) -> Result<Option<State>> {
        let Some(live) = self.sessions.resume(sid).await? else { return Ok(None) };
        let state = live.data.entries().map(|(key, text)| (key.to_owned(), text.to_owned())).collect();
        visit.resumed(live);
        Ok(Some(state))
    }

    async fn start(&self, visit: &RequestSession, state: State) -> Result<()> {
        let old = visit.take_renewed();
        let user_id = user_of(&state)?;
        let live = visit.live();
        let same_user = live.as_ref().filter(|live| live.user.id == user_id);
        let started = match (&old, same_user, visit.sign_in()) {
            (Some(old), Some(live), None) => self.sessions.rotate(old, changes(live, &state)?).await?,
            (_, _, sign_in) => {
                let data = DataPatch::beside_sign_in(brought_along(live.as_deref(), user_id, &state))?;
                let remember = sign_in.as_ref().is_some_and(|sign_in| sign_in.remember);
                let new = NewSession {
                    user_id,
                    proof: sign_in
                        .map(|sign_in| sign_in.who)
                        .map(|who| Proof { user: who.user, password_changed_at: who.password_changed_at }),
                    remember,
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

    async fn update_data(&self, visit: &RequestSession, sid: &Sid, state: State) -> Result<()> {
        let live = visit.live().ok_or(Error::SessionEnded)?;
        self.sessions.save(sid, changes(&live, &state)?).await
    }

    async fn sign_out(&self, visit: &RequestSession, sid: &Sid) -> Result<()> {
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

/// Whether the session's state is as it was when the session was resumed.
pub(super) fn is_state_of(live: &LiveSession, state: &State) -> bool {
    let mut count = 0;
    let is_same = live.data.entries().all(|(key, text)| {
        count += 1;
        state.get(key).is_some_and(|left| left == text)
    });
    is_same && count == state.len()
}

fn user_of(state: &State) -> Result<UserId> {
    let user: Option<String> = state.get(USER_KEY).and_then(|text| serde_json::from_str(text).ok());
    user.and_then(|id| id.parse().ok()).ok_or_else(|| {
        Error::internal("session data was set without a signed-in user: Keyrack keeps data for signed-in sessions only")
    })
}

fn changes(live: &LiveSession, state: &State) -> Result<DataPatch> {
    DataPatch::between(&live.data, state.iter().map(|(key, text)| (key.as_str(), text.as_str())))
}

/// What a sign-in takes into its session: all that the application has set, but nothing that belonged to another user who
/// was signed in on this browser before.
fn brought_along<'a>(live: Option<&LiveSession>, user: UserId, state: &'a State) -> Vec<(&'a str, &'a str)> {
    let anothers = live.filter(|live| live.user.id != user);
    let found = |key: &str| anothers.and_then(|live| live.data.json_of(key));
    let is_new = |(key, text): &(&'a str, &'a str)| found(key) != Some(text);
    state.iter().map(|(key, text)| (key.as_str(), text.as_str())).filter(is_new).collect()
}
