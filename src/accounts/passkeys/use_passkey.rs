//! An answer of a passkey: at a sign-in, or as a proof in a session.

use std::{net::IpAddr, time::Duration};

use crate::{
    accounts::{
        Accounts,
        authenticate::SignInClient,
        browser_id::{BrowserId, BrowserIdHash},
        client_network::ClientNetwork,
        codes::SecondFactorState,
        failure_keys::{CountedNetwork, FailureKey},
        failures::Failures,
        model::AuthenticatedUser,
        own_password::lock_user_of,
        queries::{self, AccountRow, StoredPasskey},
        second_factor::PendingSignIn,
        throttle::Refusal,
        webauthn::{NoPasskeys, PasskeyChallenge, PasskeyRequest, ReadAnswer, Rejection, VerifiedUse, user_handle},
    },
    db::{DbConnection, PasskeyId, UserId},
    error::{Error, Result},
    events::{EventCause, EventKind, NewEvent, Source, log_event, record},
    sessions::{CheckedFactor, NewProof, PresentedSession, ReauthenticatedSession, Sid, WayIn},
};

/// An answer as a form has sent it.
#[derive(Debug, Clone)]
pub(crate) struct PasskeyAnswer {
    /// What `navigator.credentials` returned: JSON.
    pub json: String,
    /// The challenge of the form; `None` if it is not this page's, or too old.
    pub challenge: Option<PasskeyChallenge>,
    /// Names the form. If it is sent twice, so is its answer.
    pub form: String,
}

/// Why an answer is not accepted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PasskeyError {
    /// It is not right, or its user may not sign in (not distinguished).
    #[error("the passkey was not accepted")]
    Rejected,
    /// There is no such passkey: it was removed. Who has it may learn that.
    #[error("the passkey is unknown")]
    Unknown {
        /// How its authenticator names it, in base64url.
        credential_id: String,
    },
    /// The challenge is too old, or was answered before.
    #[error("the challenge has expired")]
    Expired,
    /// It was not checked, because too many were wrong, or too many right ones were given within a short time.
    #[error("too many passkeys were wrong")]
    Throttled {
        /// How long the client must wait before it may try again.
        retry_after: Duration,
    },
    /// The database failed, or the session has ended.
    #[error(transparent)]
    Failed(#[from] Error),
}

/// What decides about an answer at a sign-in.
struct Found {
    passkey: Option<(StoredPasskey, AccountRow)>,
    /// The browser, if the account knows it.
    browser: Option<BrowserIdHash>,
    /// How long the client has to wait.
    delay: Duration,
    /// Under which keys a failure counts. None is the account's: an answer can't be guessed, and who knows the id of a
    /// passkey must not be able to keep its owner out.
    failure_keys: Vec<FailureKey>,
}

impl Accounts {
    /// Asks for a passkey at a sign-in: for any that the device has for this site.
    pub(crate) fn passkey_request(&self) -> Result<Result<PasskeyRequest, NoPasskeys>> {
        self.relying_party.request(&[], self.clock.now())
    }

    /// Asks for one of the passkeys of this user; `None` if they have none here.
    pub(crate) async fn passkey_request_for(&self, user: UserId) -> Result<Option<PasskeyRequest>> {
        let site = self.relying_party.id().to_owned();
        let own = self.db.read(move |connection| queries::passkeys_of(connection, user)).await?;
        let of_site = own.into_iter().filter(|passkey| passkey.rp_id == site);
        let credentials: Vec<_> = of_site.map(|passkey| passkey.credential).collect();
        if credentials.is_empty() {
            return Ok(None);
        }
        Ok(self.relying_party.request(&credentials, self.clock.now())?.ok())
    }

    /// Whether this user has a passkey that works here.
    pub(crate) async fn has_passkeys(&self, user: UserId) -> Result<bool> {
        let site = self.relying_party.id().to_owned();
        self.db.read(move |connection| queries::has_passkeys(connection, user, &site)).await
    }

    /// Checks the answer of a passkey at a sign-in. It is used up, or counted as a failure, before this returns, and also if
    /// the client has gone.
    ///
    /// Must be called in a Tokio runtime.
    pub(crate) async fn authenticate_with_passkey(
        &self,
        answer: PasskeyAnswer,
        client: SignInClient,
    ) -> Result<AuthenticatedUser, PasskeyError> {
        let (passkey, account) = self.check_at_sign_in(answer, client, None).await?;
        Ok(AuthenticatedUser {
            user: account.user.into(),
            password_changed_at: account.password_changed_at.into(),
            // A password that is good for one sign-in stays so: this is none by it.
            must_change_password: false,
            has_breached_password: false,
            way_in: WayIn::Passkey,
            passkey: Some(passkey.as_used()),
            second_factor: SecondFactorState::NotDue,
        })
    }

    /// Checks the answer of a passkey as the second factor of a sign-in whose password was right, in the same way.
    pub(crate) async fn give_passkey(
        &self,
        pending: PendingSignIn,
        answer: PasskeyAnswer,
        client: SignInClient,
    ) -> Result<AuthenticatedUser, PasskeyError> {
        let (passkey, _) = self.check_at_sign_in(answer, client, Some(pending.user)).await?;
        let find = {
            let pending = pending.clone();
            move |connection: &mut DbConnection| pending.find_user(connection)
        };
        match self.db.read(find).await? {
            Some(found) => {
                let authenticated = pending.passed(found, CheckedFactor::Passkey(passkey.id));
                Ok(AuthenticatedUser { passkey: Some(passkey.as_used()), ..authenticated })
            }
            None => Err(PasskeyError::Rejected),
        }
    }

    async fn check_at_sign_in(
        &self,
        answer: PasskeyAnswer,
        client: SignInClient,
        of: Option<UserId>,
    ) -> Result<(StoredPasskey, AccountRow), PasskeyError> {
        let accounts = self.clone();
        // In a task of its own: a client that closes the connection must not keep a failure from being counted.
        let checked = tokio::spawn(async move { accounts.check_and_use(answer, client, of).await });
        checked.await.map_err(Error::internal)?
    }

    async fn check_and_use(
        &self,
        answer: PasskeyAnswer,
        client: SignInClient,
        of: Option<UserId>,
    ) -> Result<(StoredPasskey, AccountRow), PasskeyError> {
        let challenge = answer.challenge.ok_or(PasskeyError::Expired)?;
        let read = ReadAnswer::parse(&answer.json).ok_or(PasskeyError::Rejected)?;
        let found = self.find_for_sign_in(&read.credential_id, &client).await?;
        self.admit_passkey(&found, client.ip_address)?;
        let Some((passkey, account)) = found.passkey else {
            log_event(&NewEvent::of_cause(EventCause::WrongPasskey, &Source::user(client.ip_address)));
            self.count_wrong_passkey(found.failure_keys, None).await?;
            return Err(PasskeyError::Unknown { credential_id: read.credential_id });
        };
        let is_of_owner = match of {
            // A passkey that was asked for by its id need not say whose it is.
            Some(of) => of == passkey.user && read.user_handle.is_none_or(|handle| handle == user_handle(of)),
            None => read.user_handle == Some(user_handle(passkey.user)),
        };
        let cause = match self.verify(&passkey, &read, &challenge, &answer.form)? {
            Err(cause) => cause,
            Ok(_) if !is_of_owner => EventCause::WrongPasskey,
            Ok(_) if account.disabled_at.is_some() => EventCause::Disabled,
            Ok(verified) => {
                self.pace_passkey(&passkey, found.browser.clone(), client.ip_address)?;
                let (id, now) = (passkey.id, self.clock.now());
                let use_up = move |connection: &mut DbConnection| queries::use_passkey(connection, id, &verified, now);
                if self.db.transaction(use_up).await? {
                    return Ok((passkey, account));
                }
                EventCause::UsedPasskey
            }
        };
        let event = NewEvent::of_cause(cause, &Source::user(client.ip_address)).user(passkey.user);
        let event = event.detail("passkey", passkey.id.to_string()).detail("known_browser", found.browser.is_some());
        self.count_wrong_passkey(found.failure_keys, Some((event, passkey.id, cause))).await?;
        Err(if cause == EventCause::UsedPasskey { PasskeyError::Expired } else { PasskeyError::Rejected })
    }

    /// Refuses a client from whose network too many sign-ins have failed, as for passwords. A browser that the account knows
    /// is admitted.
    fn admit_passkey(&self, found: &Found, ip_address: Option<IpAddr>) -> Result<(), PasskeyError> {
        if found.delay.is_zero() {
            return Ok(());
        }
        let user = found.passkey.as_ref().map(|(passkey, _)| passkey.user);
        self.record_refusal(Refusal::Wait(found.delay).cause(), user, ip_address);
        Err(PasskeyError::Throttled { retry_after: found.delay })
    }

    /// Bounds right answers, as right passwords are.
    fn pace_passkey(
        &self,
        passkey: &StoredPasskey,
        browser: Option<BrowserIdHash>,
        ip_address: Option<IpAddr>,
    ) -> Result<(), PasskeyError> {
        self.pacer.take((passkey.user, browser), self.clock.now()).map_err(|retry_after| {
            self.record_refusal(EventCause::Pace, Some(passkey.user), ip_address);
            PasskeyError::Throttled { retry_after }
        })
    }

    async fn find_for_sign_in(&self, credential_id: &str, client: &SignInClient) -> Result<Found> {
        let (credential_id, site) = (credential_id.to_owned(), self.relying_party.id().to_owned());
        let browsers: Vec<_> = client.browsers.iter().map(BrowserId::hash).collect();
        let network = client.ip_address.map(ClientNetwork::from);
        let networks = network.map(|network| self.throttle.networks(network)).unwrap_or_default();
        let now = self.clock.now();
        let find = move |connection: &mut DbConnection| {
            let passkey = queries::find_passkey(connection, &credential_id)?.filter(|found| found.rp_id == site);
            let (mut found, mut browser) = (None, None);
            if let Some(passkey) = passkey
                && let Some(account) = queries::find_by_id(connection, passkey.user)?
            {
                browser = queries::find_known_browser(connection, passkey.user, &browsers)?;
                found = Some((passkey, account));
            }
            if browser.is_some() {
                return Ok(Found { passkey: found, browser, delay: Duration::ZERO, failure_keys: Vec::new() });
            }
            let mut delay = Duration::ZERO;
            for CountedNetwork { key, size } in &networks {
                let failures = queries::find_failures(connection, key)?;
                delay = delay.max(Failures::network_delay(failures, 0, now, size.limit(), size.step()));
            }
            let failure_keys = networks.iter().map(|network| network.key.clone()).collect();
            Ok(Found { passkey: found, browser, delay, failure_keys })
        };
        self.db.read(find).await
    }

    fn verify(
        &self,
        passkey: &StoredPasskey,
        read: &ReadAnswer,
        challenge: &PasskeyChallenge,
        form: &str,
    ) -> Result<Result<VerifiedUse, EventCause>> {
        // An answer that comes again brings the counter of its own first use: that tells nothing of a copy.
        let is_repeated = passkey.is_of_form(form, self.clock.now()) || challenge.made_at <= passkey.challenged_at;
        let counter = if is_repeated { 0 } else { passkey.credential.counter };
        let checked = self.relying_party.check(challenge, read, (&passkey.credential, counter), form)?;
        Ok(checked.map_err(|rejection| match rejection {
            Rejection::Wrong => EventCause::WrongPasskey,
            Rejection::Copied => EventCause::CopiedPasskey,
        }))
    }

    /// Counts a failure, and records it in the account of the passkey, if that is known.
    async fn count_wrong_passkey(
        &self,
        keys: Vec<FailureKey>,
        of_account: Option<(NewEvent, PasskeyId, EventCause)>,
    ) -> Result<(), PasskeyError> {
        let now = self.clock.now();
        let mut of_account = of_account;
        let mut is_recorded = true;
        if let (true, Some((event, id, cause))) = (keys.is_empty(), &mut of_account) {
            // Nothing limits the attempts of a browser that the account knows.
            let admitted = self.event_rate.admit(format!("{} {id}", cause.as_str()), now);
            is_recorded = admitted.is_some();
            if !is_recorded && *cause != EventCause::CopiedPasskey {
                return Ok(());
            }
            *event = event.clone().detail("count", admitted.unwrap_or(1));
        }
        let count = move |connection: &mut DbConnection| {
            if !keys.is_empty() {
                queries::count_failure(connection, &keys, now)?;
            }
            if let Some((event, id, cause)) = &of_account {
                if is_recorded {
                    record(connection, event.clone(), now)?;
                }
                if *cause == EventCause::CopiedPasskey {
                    queries::note_copy(connection, *id, now)?;
                }
            }
            Ok(())
        };
        Ok(self.db.transaction(count).await?)
    }

    /// Checks the answer of a passkey of a session's user. If it is right, the session gets a new sid and a new time of
    /// proof, in the transaction that uses the answer up; if the same form is sent twice, once.
    pub(crate) async fn reauthenticate_with_passkey(
        &self,
        session: PresentedSession,
        answer: PasskeyAnswer,
    ) -> Result<ReauthenticatedSession, PasskeyError> {
        let challenge = answer.challenge.ok_or(PasskeyError::Expired)?;
        let read = ReadAnswer::parse(&answer.json).ok_or(PasskeyError::Rejected)?;
        let (credential_id, site) = (read.credential_id.clone(), self.relying_party.id().to_owned());
        let find = {
            let credential_id = credential_id.clone();
            move |connection: &mut DbConnection| queries::find_passkey(connection, &credential_id)
        };
        let found = self.db.read(find).await?;
        let Some(passkey) = found.filter(|found| found.rp_id == site && found.user == session.user) else {
            return Err(PasskeyError::Unknown { credential_id: read.credential_id });
        };
        let is_of_user = read.user_handle.is_none_or(|handle| handle == user_handle(session.user));
        let verified = match self.verify(&passkey, &read, &challenge, &answer.form)? {
            Ok(verified) if is_of_user => verified,
            Ok(_) => return self.refuse_proof(&session, &passkey, EventCause::WrongPasskey).await,
            Err(cause) => return self.refuse_proof(&session, &passkey, cause).await,
        };
        let sessions = self.sessions.on_behalf_of(session.source());
        let (new, now, presented) = (Sid::random()?, self.clock.now(), session.clone());
        let (id, added_at) = (passkey.id, passkey.created_at);
        let renew = move |connection: &mut DbConnection| {
            lock_user_of(connection, &presented)?;
            // Another form, or the password, must not hand the session on to one who presents its former sid.
            let stored = queries::find_passkey(connection, &credential_id)?;
            let may_be_repeated = stored.is_some_and(|stored| stored.is_of_form(&verified.form, now));
            if !queries::use_passkey(connection, id, &verified, now)? {
                return Ok(None);
            }
            let proof = NewProof { passkey_added_at: Some(added_at), may_be_repeated };
            let renewed = sessions.reauthenticate_within(connection, &presented, &new, (now, proof))?;
            if !renewed.is_repeated {
                let event = NewEvent::new(EventKind::ProofGiven, &presented.source()).user(presented.user);
                record(connection, event.session(presented.id).detail("passkey", id.to_string()), now)?;
            }
            Ok(Some(renewed))
        };
        match self.db.transaction(renew).await? {
            Some(renewed) => Ok(renewed),
            None => self.refuse_proof(&session, &passkey, EventCause::UsedPasskey).await,
        }
    }

    /// Records a wrong proof, at most once per quarter of an hour: answers can't be guessed, so they are not limited.
    async fn refuse_proof<T>(
        &self,
        session: &PresentedSession,
        passkey: &StoredPasskey,
        cause: EventCause,
    ) -> Result<T, PasskeyError> {
        let (now, id) = (self.clock.now(), passkey.id);
        let event = NewEvent::new(EventKind::ProofFailed, &session.source()).user(session.user).session(session.id);
        let event = event.detail("passkey", id.to_string()).detail("passkey_cause", cause.as_str());
        let admitted = self.event_rate.admit(format!("{} {}", cause.as_str(), session.id), now);
        if cause == EventCause::CopiedPasskey || admitted.is_some() {
            let write = move |connection: &mut DbConnection| {
                if admitted.is_some() {
                    record(connection, event.clone(), now)?;
                }
                if cause == EventCause::CopiedPasskey { queries::note_copy(connection, id, now) } else { Ok(()) }
            };
            self.db.transaction(write).await?;
        }
        Err(if cause == EventCause::UsedPasskey { PasskeyError::Expired } else { PasskeyError::Rejected })
    }
}
