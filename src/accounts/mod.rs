//! Accounts: who can sign in, and the proof that it is them.

mod authenticate;
mod hash_cost;
mod hash_threads;
mod model;
mod password_rules;
mod passwords;
mod queries;
mod throttle;
mod turns;
mod users;

use std::sync::Arc;

use crate::{
    clock::Clock,
    db::{Database, Lookups},
    sessions::Sessions,
};

pub use authenticate::Outcome;
pub use hash_cost::{HashCost, InvalidHashCost};
pub use model::{Authenticated, Email, InvalidEmail, NewUser, Role, User};
pub use password_rules::{MAX_LENGTH, MIN_LENGTH, PasswordProblem};
pub use passwords::Password;
pub use users::CreateProblem;

use passwords::Passwords;
use queries::UserRow;
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
    lookups: Lookups<Email, UserRow>,
}

impl Accounts {
    /// Accounts that live in `db`. `sessions` are those that end when a user is disabled or gets a new password.
    pub fn new(db: Database, clock: Clock, sessions: Sessions, cost: HashCost) -> Self {
        let lookups = Lookups::of_a_page(db.clone(), queries::find_each);
        Self { db, clock, sessions, passwords: Passwords::new(cost), throttle: Arc::default(), lookups }
    }
}
