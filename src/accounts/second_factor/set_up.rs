//! Adds an authenticator app to an account. Nothing is stored before its first right code: until then, the secret travels
//! in the form, encrypted.

use std::time::Duration;

use super::sign_in::{PendingSignIn, secret_context};
use crate::{
    accounts::{
        Accounts,
        codes::{RecoveryCode, TotpSecret},
        model::AuthenticatedUser,
        own_password::lock_user_who_adds,
        queries::{self, TotpFactor, UsedStep},
    },
    clock::Timestamp,
    db::{DbConnection, SessionId, UserId},
    error::{Error, Result},
    events::{EventKind, NewEvent, Source, record},
    sessions::{CheckedFactor, PresentedSession, REPEATED_FORM_WINDOW, User},
};

/// How long a secret waits for its first code.
const SET_UP_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// Separates the time and the secret in a token. Base64url does not contain it.
const SEPARATOR: char = '.';

/// A secret that waits for its first code.
#[derive(Debug)]
pub(crate) struct FactorSetUp {
    /// The secret, sealed, for the form.
    pub token: String,
    /// What apps scan.
    pub uri: String,
    /// What is typed into an app that can't scan.
    pub secret: String,
}

/// Who sets an app up, and where.
#[derive(Debug, Clone)]
pub(crate) enum SetUpBinding {
    /// A user in their session, after a recent proof.
    Session(PresentedSession),
    /// A sign-in that waits for it, whose client has this address.
    SignIn(PendingSignIn, Option<std::net::IpAddr>),
}

/// The form that sets an app up.
#[derive(Debug, Clone)]
pub(crate) struct SetUpRequest {
    pub binding: SetUpBinding,
    /// The sealed secret.
    pub token: String,
    pub code: String,
    /// Names the form. If it is sent twice, both answers are the same.
    pub form: String,
}

/// Why no app was added.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetUpError {
    /// The code is not that of the secret.
    #[error("the code is wrong")]
    WrongCode,
    /// The secret has waited for too long, or was made for another session or by another secret.
    #[error("the secret has expired")]
    Expired,
    /// The user has an app already.
    #[error("the user has a second factor")]
    Exists,
    /// The sign-in has to begin anew.
    #[error("the sign-in is over")]
    Over,
    /// The database failed.
    #[error(transparent)]
    Failed(#[from] Error),
}

/// What has become of a set-up.
enum Added {
    Done {
        codes: Vec<RecoveryCode>,
        /// The user of a sign-in that had to add it.
        signing_in: Option<Box<AuthenticatedUser>>,
    },
    Exists,
    Over,
}

impl SetUpBinding {
    fn user(&self) -> UserId {
        match self {
            Self::Session(session) => session.user,
            Self::SignIn(pending, _) => pending.user,
        }
    }

    fn session(&self) -> Option<SessionId> {
        match self {
            Self::Session(session) => Some(session.id),
            Self::SignIn(..) => None,
        }
    }

    fn source(&self) -> Source {
        match self {
            Self::Session(session) => session.source(),
            Self::SignIn(_, ip_address) => Source::user(*ip_address),
        }
    }

    /// What a sealed secret is bound to.
    fn context(&self, expiry: Timestamp) -> String {
        let place = self.session().map_or_else(|| "a sign-in".to_owned(), |session| session.to_string());
        format!("totp set-up of {} in {place} until {}", self.user(), expiry.as_micros())
    }
}

impl Accounts {
    /// Begins to set up an app: makes a secret. `site` is what the app will call it.
    pub(crate) fn new_set_up(&self, binding: &SetUpBinding, site: &str, user: &User) -> Result<FactorSetUp> {
        let (secret, expiry) = (TotpSecret::random()?, self.clock.now() + SET_UP_LIFETIME);
        let sealed = self.second_factors.keys.seal(&binding.context(expiry), secret.expose())?;
        let token = format!("{}{SEPARATOR}{sealed}", expiry.as_micros());
        Ok(FactorSetUp { token, uri: secret.uri(site, &user.email), secret: secret.to_base32() })
    }

    /// The same secret again, for a form whose code was wrong; `None` if it has expired.
    pub(crate) fn open_set_up(
        &self,
        binding: &SetUpBinding,
        site: &str,
        user: &User,
        token: &str,
    ) -> Option<FactorSetUp> {
        let secret = self.open_token(binding, token)?;
        Some(FactorSetUp { token: token.to_owned(), uri: secret.uri(site, &user.email), secret: secret.to_base32() })
    }

    fn open_token(&self, binding: &SetUpBinding, token: &str) -> Option<TotpSecret> {
        let (expiry, sealed) = token.split_once(SEPARATOR)?;
        let expiry = Timestamp::parse_micros(expiry).filter(|expiry| self.clock.now() < *expiry)?;
        let opened = self.second_factors.keys.open(&binding.context(expiry), sealed)?;
        TotpSecret::from_bytes(&opened.bytes)
    }

    /// Adds an app whose first code is right, with new recovery codes. Returns these, as they are shown, and for a
    /// sign-in its user.
    pub(crate) async fn add_second_factor(
        &self,
        request: SetUpRequest,
    ) -> Result<(Vec<String>, Option<AuthenticatedUser>), SetUpError> {
        let secret = self.open_token(&request.binding, &request.token).ok_or(SetUpError::Expired)?;
        let typed: String = request.code.chars().filter(|c| !c.is_whitespace()).collect();
        let step = secret.find_step(&typed, self.clock.now()).ok_or(SetUpError::WrongCode)?;
        let accounts = self.clone();
        let add = move |connection: &mut DbConnection| accounts.add_within(connection, &request, &secret, step);
        match self.db.transaction(add).await? {
            Added::Done { codes, signing_in } => {
                Ok((codes.iter().map(RecoveryCode::to_groups).collect(), signing_in.map(|user| *user)))
            }
            Added::Exists => Err(SetUpError::Exists),
            Added::Over => Err(SetUpError::Over),
        }
    }

    fn add_within(
        &self,
        connection: &mut DbConnection,
        request: &SetUpRequest,
        secret: &TotpSecret,
        step: i64,
    ) -> Result<Added> {
        let (user, now) = (request.binding.user(), self.clock.now());
        if queries::lock_password(connection, user)?.is_none() {
            return Ok(Added::Over);
        }
        let waiting = match &request.binding {
            SetUpBinding::Session(session) => {
                lock_user_who_adds(connection, session)?;
                None
            }
            // Who has a passkey has a second factor. The password alone must not add another one.
            SetUpBinding::SignIn(..) if queries::has_passkeys(connection, user, self.relying_party.id())? => {
                return Ok(Added::Over);
            }
            SetUpBinding::SignIn(pending, _) => match pending.find_user(connection)? {
                None => return Ok(Added::Over),
                Some(found) => Some((pending.clone(), found)),
            },
        };
        let added_at = match queries::find_factor(connection, user)? {
            None => {
                self.insert_app(connection, request, secret, (step, now))?;
                now
            }
            Some(existing) if self.is_repeated(&existing, request, secret, now) => existing.created_at.into(),
            Some(_) => return Ok(Added::Exists),
        };
        let codes = self.second_factors.keys.recovery_codes(user, &request.token, added_at)?;
        let signing_in = waiting.map(|(pending, found)| Box::new(pending.passed(found, CheckedFactor::Totp(added_at))));
        Ok(Added::Done { codes, signing_in })
    }

    /// Whether the same form has just added this app. It carries the secret of that app: another one would be lost.
    fn is_repeated(&self, existing: &TotpFactor, request: &SetUpRequest, secret: &TotpSecret, now: Timestamp) -> bool {
        let opened = self.second_factors.keys.open(&secret_context(request.binding.user()), &existing.sealed_secret);
        existing.last_form == request.form
            && now.since(existing.created_at.into()) <= REPEATED_FORM_WINDOW
            && opened.is_some_and(|opened| opened.bytes == secret.expose())
    }

    fn insert_app(
        &self,
        connection: &mut DbConnection,
        SetUpRequest { binding, token, form, .. }: &SetUpRequest,
        secret: &TotpSecret,
        (step, now): (i64, Timestamp),
    ) -> Result<()> {
        let (user, keys) = (binding.user(), &self.second_factors.keys);
        let sealed = keys.seal(&secret_context(user), secret.expose())?;
        let codes = keys.recovery_codes(user, token, now)?;
        let hashes: Vec<_> = codes.iter().map(|code| keys.hash(user, code)).collect::<Result<_>>()?;
        queries::insert_factor(connection, (user, binding.session()), &sealed, &UsedStep { step, form, now })?;
        queries::replace_recovery_codes(connection, user, &hashes, now)?;
        let event = NewEvent::new(EventKind::SecondFactorAdded, &binding.source()).user(user);
        let event = binding.session().map_or(event.clone(), |session| event.session(session));
        record(connection, event, now)
    }
}
