//! Accounts: who can sign in, and the proof that it is them.

mod authenticate;
mod fair_queue;
mod hash_cost;
mod hash_threads;
mod model;
mod password_rules;
mod passwords;
mod queries;
mod throttle;
mod users;

use std::sync::Arc;

use crate::{
    clock::Clock,
    db::{Database, LookupThreads, Lookups},
    sessions::Sessions,
};

pub use authenticate::AuthenticationResult;
pub use hash_cost::{HashCost, InvalidHashCost};
pub use model::{Account, Authenticated, Email, InvalidEmail, NewUser, Role};
pub use password_rules::{MAX_LENGTH, MIN_LENGTH, PasswordPolicyError};
pub use passwords::Password;
pub use users::CreateUserError;

use passwords::Passwords;
use queries::AccountRow;
use throttle::Throttle;

/// The accounts of one database.
#[derive(Clone)]
pub struct Accounts {
    db: Database,
    clock: Clock,
    sessions: Sessions,
    passwords: Passwords,
    throttle: Arc<Throttle>,
    /// Whom the address of a sign-in belongs to.
    lookups: Lookups<Email, AccountRow>,
}

impl Accounts {
    /// Accounts that live in `db`. `sessions` are those that end when a user is disabled or gets a new password.
    pub fn new(db: Database, clock: Clock, sessions: Sessions, cost: HashCost) -> Self {
        let lookups = Lookups::new(db.clone(), queries::find_each, LookupThreads::Few);
        Self { db, clock, sessions, passwords: Passwords::new(cost), throttle: Arc::default(), lookups }
    }
}
