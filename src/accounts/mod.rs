//! Accounts: the users of one database, and checking their passwords.

mod authenticate;
mod client_network;
mod doctor;
mod email;
mod fair_queue;
mod hash_cost;
mod hash_threads;
mod model;
mod name;
mod password_policy;
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
pub use email::{Email, InvalidEmail};
pub use hash_cost::{HashCost, InvalidHashCost};
pub use model::{Account, AuthenticatedUser, NewUser, Password, Role};
pub use name::{InvalidName, check_name};
pub use password_policy::{MAX_LENGTH, MIN_LENGTH, PasswordPolicyError};
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
    /// Finds the user of an address; concurrent sign-ins share one statement.
    users_by_email: Lookups<Email, AccountRow>,
}

impl Accounts {
    /// The accounts in `db`. `sessions` are the ones to end when a user is disabled or gets a new password.
    pub fn new(db: Database, clock: Clock, sessions: Sessions, cost: HashCost) -> Self {
        let users_by_email = db.new_lookups(queries::find_each, LookupThreads::Few);
        Self { db, clock, sessions, passwords: Passwords::new(cost), throttle: Arc::default(), users_by_email }
    }
}
