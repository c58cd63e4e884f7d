//! Start: a sign-in.

use std::time::Duration;

use super::{
    Sessions,
    data::{CookieTerms, DataPatch, SessionData},
    model::{Client, EndReason, Sid, User},
    queries::{self, Change, NewRow, Rotation, Which},
};
use crate::{
    clock::Timestamp,
    db::{DbConnection, SessionId, UserId},
    error::{Error, Result},
};

/// Who signs in, from where, and for how long.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// The user, already authenticated.
    pub user_id: UserId,
    /// What was proved by a password; `None` if they proved themselves otherwise.
    pub proof: Option<Proof>,
    /// "Keep me signed in".
    pub remember: bool,
    /// The device.
    pub client: Client,
    /// What the application puts into the session at once.
    pub data: DataPatch,
    /// The sid that the browser is signed in with already. It is dead afterwards.
    pub presented: Option<Sid>,
}

/// What a password proved, and of whom: it must still be so when the session starts.
#[derive(Debug, Clone)]
pub struct Proof {
    /// The user, as they were found.
    pub user: User,
    /// When the password was set.
    pub password_changed_at: Timestamp,
}

impl NewSession {
    /// A sign-in of which nothing is known but who it is.
    pub fn of(user_id: UserId) -> Self {
        Self {
            user_id,
            proof: None,
            remember: false,
            client: Client::default(),
            data: DataPatch::default(),
            presented: None,
        }
    }
}

/// A sign-in that is committed.
#[derive(Debug, Clone)]
pub struct Started {
    /// Names the session.
    pub id: SessionId,
    /// The new secret for the cookie.
    pub sid: Sid,
    /// How long a browser should keep the cookie; `None`: until it is closed.
    pub max_age: Option<Duration>,
}

/// When a session ends, decided at its sign-in.
struct Terms {
    now: Timestamp,
    expires_at: Timestamp,
    cookie: CookieTerms,
}

impl Terms {
    fn max_age(&self, remember: bool) -> Option<Duration> {
        remember.then(|| self.expires_at.since(self.now))
    }
}

impl Sessions {
    /// Signs a user in. A browser that was signed in as the same user keeps its session, under a new sid and new limits;
    /// one that was signed in as somebody else is signed out there.
    ///
    /// # Errors
    /// [`Error::SessionEnded`] if the user was disabled, or their password changed, since they were authenticated.
    pub async fn start(&self, new: NewSession) -> Result<Started> {
        let sid = Sid::random()?;
        let (now, id) = (self.clock.now(), SessionId::random());
        if let Some(started) = self.start_together(&new, id, &sid, now).await? {
            return Ok(started);
        }
        let sessions = self.clone();
        self.db
            .transaction(move |connection| {
                let terms = sessions.terms(now, new.remember);
                let user = still_valid(connection, &new)?;
                let kept = match &new.presented {
                    Some(old) => sessions.take_over(connection, &new, old, &user, &sid, &terms)?,
                    None => None,
                };
                let id = if let Some(id) = kept {
                    id
                } else {
                    sessions.make_room(connection, user.id, now)?;
                    insert(connection, &new, id, &user, &sid, &terms)?
                };
                Ok(Started { id, sid: sid.clone(), max_age: terms.max_age(new.remember) })
            })
            .await
    }

    /// The ordinary sign-in, together with others. `None`, and nothing has been done, if it takes more: this browser has a session,
    /// there is a limit, or the user is no longer as they were found.
    async fn start_together(
        &self,
        new: &NewSession,
        id: SessionId,
        sid: &Sid,
        now: Timestamp,
    ) -> Result<Option<Started>> {
        let is_ordinary = new.presented.is_none() && self.policy.max_sessions.is_none();
        let Some(proof) = new.proof.as_ref().filter(|proof| is_ordinary && proof.user.id == new.user_id) else {
            return Ok(None);
        };
        let terms = self.terms(now, new.remember);
        let start = || {
            let data = data_of(new, &proof.user, &terms);
            Change::Start(Box::new(queries::Start::new(proof, &new_row(new, id, sid, &terms, &data))))
        };
        let started = self.group_commit.try_commit(start).await?;
        Ok(started.map(|id| Started { id, sid: sid.clone(), max_age: terms.max_age(new.remember) }))
    }

    /// Ends the least recently active sessions until one more fits under the limit. The user's row is locked, so that of
    /// many sign-ins at once each sees those before it.
    fn make_room(&self, connection: &mut DbConnection, user: UserId, now: Timestamp) -> Result<()> {
        let Some(limit) = self.policy.max_sessions else { return Ok(()) };
        for id in queries::active_beyond(connection, user, now, limit.get() - 1)? {
            queries::end(connection, &Which::Id(id), self.how(EndReason::Replaced))?;
        }
        Ok(())
    }

    fn terms(&self, now: Timestamp, remembered: bool) -> Terms {
        let timeouts = &self.policy.timeouts;
        let expires_at = now + timeouts.absolute(remembered);
        let idle = timeouts.idle(remembered);
        Terms { now, expires_at, cookie: self.cookie_terms(idle, expires_at.min(now + idle)) }
    }

    /// What the data says of the cookie.
    pub(super) fn cookie_terms(&self, idle: Duration, expires: Timestamp) -> CookieTerms {
        CookieTerms {
            original_max_age: idle,
            expires,
            secure: self.policy.secure_cookies,
            domain: self.policy.cookie_domain.clone(),
        }
    }

    /// Deals with the session that the browser has: rotates the user's own, ends another's.
    fn take_over(
        &self,
        connection: &mut DbConnection,
        new: &NewSession,
        old: &Sid,
        user: &User,
        sid: &Sid,
        terms: &Terms,
    ) -> Result<Option<SessionId>> {
        let Some((live, owner, sess)) = queries::lock_live(connection, old, terms.now)? else { return Ok(None) };
        let data = SessionData::parse_of(owner, &sess).filter(|_| owner == user.id);
        let Some(mut data) = data else {
            // A reason of its own would tell no more: the browser left that account.
            queries::end(connection, &Which::Id(live.id), self.how(EndReason::SignedOut))?;
            return Ok(None);
        };
        data.apply(&new.data);
        data.sign_in(user, &terms.cookie);
        let rotation =
            Rotation { id: live.id, old, new: sid, data: &data, expire: terms.cookie.expires, now: terms.now };
        // The new limits come first: the data's end is capped by the session's.
        queries::renew_terms(connection, live.id, &new.client, new.remember, terms.expires_at, terms.now)?;
        queries::rotate(connection, &rotation)?;
        Ok(Some(live.id))
    }
}

/// Makes sure that what was true when the user was authenticated is still true.
fn still_valid(connection: &mut DbConnection, new: &NewSession) -> Result<User> {
    let found = queries::lock_user(connection, new.user_id)?.ok_or(Error::SessionEnded)?;
    let other_password = new.proof.as_ref().is_some_and(|proof| proof.password_changed_at != found.password_changed_at);
    if found.disabled || other_password { Err(Error::SessionEnded) } else { Ok(found.user) }
}

fn insert(
    connection: &mut DbConnection,
    new: &NewSession,
    id: SessionId,
    user: &User,
    sid: &Sid,
    terms: &Terms,
) -> Result<SessionId> {
    let data = data_of(new, user, terms);
    queries::insert(connection, &new_row(new, id, sid, terms, &data))?;
    Ok(id)
}

fn data_of(new: &NewSession, user: &User, terms: &Terms) -> SessionData {
    let mut data = SessionData::for_sign_in(user, &terms.cookie);
    data.apply(&new.data);
    data
}

fn new_row<'a>(new: &'a NewSession, id: SessionId, sid: &'a Sid, terms: &Terms, data: &'a SessionData) -> NewRow<'a> {
    NewRow {
        id,
        sid,
        user_id: new.user_id,
        client: &new.client,
        remembered: new.remember,
        created_at: terms.now,
        expires_at: terms.expires_at,
        expire: terms.cookie.expires,
        data,
    }
}
