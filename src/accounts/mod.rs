//! Accounts: the users of one database, and checking their passwords.

mod authenticate;
mod breached_passwords;
mod browser_id;
mod change_password;
mod client_network;
mod codes;
mod doctor;
#[cfg(test)]
mod documented_limits;
mod email;
mod email_change;
mod failed_sign_in;
mod failure_keys;
mod failures;
mod fair_queue;
#[cfg(test)]
mod fuzz_tests;
mod hash_cost;
mod hash_queue;
mod hash_threads;
mod import;
mod job_queue;
mod known_browsers;
mod links;
mod mail_language;
mod mail_requests;
mod model;
mod name;
mod new_password;
mod notices;
mod own_password;
mod passkeys;
mod password_policy;
mod passwords;
mod purge;
mod queries;
mod registration;
mod removed_passkey;
mod second_factor;
mod sign_in_pace;
mod stored_costs;
mod stored_hash;
mod throttle;
mod undo;
mod unlock;
mod users;
mod ways_in;
mod webauthn;

use std::num::NonZeroU32;

use crate::{
    clock::Clock,
    db::{Database, LookupThreads, Lookups, UserId},
    events::{DeferredEvents, EventKind, EventRate, NewEvent, Source},
    mail::{LinkTokens, Outbox},
    sessions::Sessions,
};

pub use authenticate::{AuthenticationResult, SignInClient};
pub use breached_passwords::{
    BreachFileBuilder, BreachedPasswords, BuildError, BuildReport, InvalidBreachFile, ListFormat, UnusableBreachFile,
};
pub use browser_id::BrowserId;
pub(crate) use change_password::{ChangePasswordError, PasswordChange};
pub use codes::{SecondFactorPolicy, SecondFactorState};
pub use email::{Email, InvalidEmail};
pub use email_change::SetEmailError;
pub(crate) use email_change::{AddressLink, AddressLinkProblem, ChangeAnswer, PendingEmail};
pub use hash_cost::{HashCost, InvalidHashCost};
pub use import::{ExistingUsers, ImportReport, ImportedUser, InvalidImport};
pub(crate) use known_browsers::{BROWSER_LIFETIME, SignInBrowserIds};
pub use links::{AccountLink, LinkKind};
pub(crate) use links::{InvalidLink, UseLinkError};
pub(crate) use mail_requests::{DEFAULT_NEW_ADDRESS_MAILS, MailRequest, RequestAnswer};
pub use model::{Account, AuthenticatedUser, InvitedUser, NewUser, Password, PasswordUse, Role};
pub(crate) use name::MAX_CHARS as MAX_NAME_CHARS;
pub use name::{InvalidName, check_name};
pub(crate) use notices::{Notice, NoticeScope};
pub(crate) use own_password::OwnPasswordError;
pub(crate) use passkeys::{
    AddPasskeyError, NewPasskey, PasskeyAnswer, PasskeyError, PasskeyOverview, PasskeysAtReset, PasskeysStay, Removal,
};
pub use password_policy::{MAX_LENGTH, MIN_LENGTH, PasswordPolicy, PasswordPolicyError};
pub(crate) use registration::{NewAccount, RegisterError};
pub(crate) use second_factor::{
    CodeError, FactorSetUp, FactorState, PendingSignIn, RecoveryCodesError, SecondFactorOverview, SecondStep,
    SetUpBinding, SetUpError, SetUpRequest, TRUST_LIFETIME, TrustedBrowser, TypedCode,
};
pub use sign_in_pace::{InvalidSignInPace, SignInPace};
pub use stored_hash::{FirebaseSignerKey, HashSecrets, InvalidSignerKey, UnusableHash};
pub(crate) use undo::{EmailUndoing, Undoing};
pub use unlock::ForgottenFailures;
pub use users::CreateUserError;
pub(crate) use webauthn::{NoPasskeys, PasskeyChallenge};

use codes::SecondFactors;
use job_queue::JobQueue;
use passwords::Passwords;
use queries::{SignInKey, SignInRecord};
use sign_in_pace::SignInPacer;
use stored_costs::StoredCosts;
use throttle::Throttle;
use webauthn::RelyingParty;

/// The accounts of one database.
#[derive(Clone)]
pub struct Accounts {
    db: Database,
    clock: Clock,
    sessions: Sessions,
    passwords: Passwords,
    password_policy: PasswordPolicy,
    throttle: Throttle,
    pacer: SignInPacer,
    second_factors: SecondFactors,
    stored_costs: StoredCosts,
    /// Finds what decides about a sign-in; concurrent sign-ins share one statement.
    sign_ins: Lookups<SignInKey, SignInRecord>,
    /// Who changes accounts through this value.
    source: Source,
    /// Bounds the events of refused attempts.
    event_rate: EventRate,
    /// The same for refused sign-ins whose address is unknown, of which nothing is stored.
    unknown_rate: EventRate,
    /// Those events, until they are stored.
    refusals: DeferredEvents,
    /// Makes the tokens of links.
    link_tokens: LinkTokens,
    /// Takes mails to users.
    outbox: Outbox,
    /// After how many requests for new accounts per hour no mail goes to addresses that have none; `None` for any number.
    new_address_mails: Option<NonZeroU32>,
    /// What follows the answers to requests for mails.
    requests: JobQueue,
    /// The site that passkeys are made for.
    relying_party: RelyingParty,
}

impl Accounts {
    /// The accounts in `db`. `sessions` are the ones to end when a user is disabled or gets a new password.
    ///
    /// For a program that signs nobody in; see [`for_server`](Self::for_server).
    pub fn new(db: Database, clock: Clock, sessions: Sessions, cost: HashCost) -> Self {
        Self::with_throttle(db, clock, sessions, cost, Throttle::alone())
    }

    /// The accounts of a server. Instances with the same `secret` count failed sign-ins together.
    pub fn for_server(
        db: Database,
        clock: Clock,
        sessions: Sessions,
        cost: HashCost,
        secret: &str,
        pace: SignInPace,
    ) -> Self {
        let accounts = Self::with_throttle(db, clock, sessions, cost, Throttle::new(secret));
        accounts.refusals.start();
        accounts.requests.start();
        Self { pacer: SignInPacer::new(pace), ..accounts }
    }

    /// Checks new passwords against this policy.
    #[must_use]
    pub fn with_password_policy(self, password_policy: PasswordPolicy) -> Self {
        Self { password_policy, ..self }
    }

    /// Checks the hashes of other programs with these secrets.
    #[must_use]
    pub fn with_hash_secrets(self, secrets: HashSecrets) -> Self {
        let passwords = self.passwords.with_secrets(secrets);
        let stored_costs = StoredCosts::new(self.db.clone(), self.clock.clone(), passwords.clone());
        Self { passwords, stored_costs, ..self }
    }

    /// Makes links with these secrets' tokens, and mails them by this queue. Without it, no link can be made.
    #[must_use]
    pub(crate) fn with_links(self, link_tokens: LinkTokens, outbox: Outbox) -> Self {
        Self { link_tokens, outbox, ..self }
    }

    /// Limits the requests for new accounts per hour, after which no mail goes to addresses that have none.
    #[must_use]
    pub(crate) fn with_new_address_mails(self, new_address_mails: Option<NonZeroU32>) -> Self {
        Self { new_address_mails, ..self }
    }

    /// Takes passkeys of the site at this URL, which browsers call by this name.
    #[must_use]
    pub(crate) fn with_passkeys(self, public_url: &str, site: &str) -> Self {
        Self { relying_party: RelyingParty::new(public_url, site), ..self }
    }

    fn with_throttle(db: Database, clock: Clock, sessions: Sessions, cost: HashCost, throttle: Throttle) -> Self {
        let sign_ins = db.new_lookups(queries::find_sign_ins, LookupThreads::Few);
        let (passwords, pacer) = (Passwords::new(cost), SignInPacer::new(SignInPace::default()));
        let stored_costs = StoredCosts::new(db.clone(), clock.clone(), passwords.clone());
        let password_policy = PasswordPolicy::default();
        // Without another source it is the application that embeds Keyrack.
        let (source, event_rate) = (Source::admin(None), EventRate::default());
        let refusals = DeferredEvents::new(db.clone());
        Self {
            db,
            clock,
            sessions,
            passwords,
            password_policy,
            throttle,
            pacer,
            second_factors: SecondFactors::default(),
            stored_costs,
            sign_ins,
            source,
            event_rate,
            unknown_rate: EventRate::default(),
            refusals,
            link_tokens: LinkTokens::new([]),
            outbox: Outbox::closed(),
            new_address_mails: None,
            requests: JobQueue::new(),
            relying_party: RelyingParty::none(),
        }
    }

    /// The same accounts, for what this source does: the events of what it changes name it.
    #[must_use]
    pub fn on_behalf_of(&self, source: Source) -> Self {
        let sessions = self.sessions.on_behalf_of(source.clone());
        Self { sessions, source, ..self.clone() }
    }

    /// An event of an account that this value changes.
    fn event(&self, kind: EventKind, user: UserId) -> NewEvent {
        NewEvent::new(kind, &self.source).user(user)
    }
}
