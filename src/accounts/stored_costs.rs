//! What it costs to check the stored password hashes, so that an unknown account takes as long to check as a known one.
//!
//! When the configured cost is raised, stored hashes keep their cost until their owners sign in, and so do the hashes of
//! another program. Checking an unknown account at the configured cost would then tell it from known ones. Instead, each
//! text that names no user is checked in the way of a stored hash: the schemes occur among unknown accounts as often as
//! among known ones, and each text always has the same.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;

use super::{
    passwords::Passwords,
    queries,
    stored_hash::{Scheme, StoredHash},
};
use crate::{
    clock::{Clock, Timestamp},
    db::{Database, UserId},
};

/// Stored hashes in a sample, chosen at random.
const SAMPLE_SIZE: i64 = 200;
/// How long a sample is used.
const SAMPLE_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// A sample of the stored costs, shared by the clones of one process.
#[derive(Clone)]
pub(super) struct StoredCosts {
    db: Database,
    clock: Clock,
    passwords: Passwords,
    sample: Arc<Mutex<Option<Sample>>>,
}

#[derive(Debug, Clone)]
struct Sample {
    /// In order, so that a number picks the same one as long as the sample stays similar.
    schemes: Arc<[Scheme]>,
    taken_at: Timestamp,
}

impl StoredCosts {
    pub fn new(db: Database, clock: Clock, passwords: Passwords) -> Self {
        Self { db, clock, passwords, sample: Arc::default() }
    }

    /// The scheme in which to check an account without a usable hash; `None` if there is no stored one. `number` is a random
    /// one that belongs to what was typed.
    pub async fn pick(&self, number: u64) -> Option<Scheme> {
        let schemes = self.schemes().await;
        // The place in proportion, so that one more hash moves only a few texts to another scheme.
        let place = (u128::from(number) * schemes.len() as u128) >> u64::BITS;
        usize::try_from(place).ok().and_then(|place| schemes.get(place).copied())
    }

    /// Has the next sign-in take a new sample: this process has stored a hash.
    pub fn invalidate(&self) {
        *self.sample.lock() = None;
    }

    async fn schemes(&self) -> Arc<[Scheme]> {
        let now = self.clock.now();
        let usable = |sample: &Sample| now.since(sample.taken_at) < SAMPLE_LIFETIME && sample.taken_at <= now;
        if let Some(sample) = self.sample.lock().clone().filter(usable) {
            return sample.schemes;
        }
        let random = UserId::random();
        match self.db.read(move |connection| queries::sample_hashes(connection, random, SAMPLE_SIZE)).await {
            Ok(hashes) => {
                let parse = |hash: &String| StoredHash::parse(hash, self.passwords.secrets()).ok();
                let mut schemes: Vec<Scheme> = hashes.iter().filter_map(parse).map(|hash| hash.scheme()).collect();
                schemes.sort_unstable();
                let schemes: Arc<[Scheme]> = schemes.into();
                *self.sample.lock() = Some(Sample { schemes: Arc::clone(&schemes), taken_at: now });
                schemes
            }
            // The lookup of the user fails as well, and that error is reported.
            Err(error) => {
                tracing::debug!(error = error.chain(), "could not sample the stored password hashes");
                Arc::new([])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        accounts::{hash_cost::HashCost, model::Password},
        db::{DatabaseOptions, migrate},
        sessions::User,
    };

    /// Runs the test on a new SQLite database.
    fn with_database(test: impl AsyncFnOnce(Database, Clock)) {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("keyrack.db").display()).parse().unwrap();
        migrate(&url).unwrap();
        let clock = Clock::fixed(Timestamp::from_micros(1_769_600_000_000_000));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(test(Database::open(DatabaseOptions::for_server(url)), clock));
    }

    async fn add_user(db: &Database, clock: &Clock, email: &'static str, cost: HashCost) {
        let password_hash = Passwords::new(cost).hash(Password::new("correct horse battery")).await.unwrap();
        let now = clock.now();
        let insert = move |connection: &mut _| {
            let user = User {
                id: UserId::random(),
                email: email.to_owned(),
                user_name: None,
                first_name: None,
                last_name: None,
                role: "user".to_owned(),
            };
            let password_hash = Some(password_hash.clone());
            queries::insert(connection, &queries::NewRow { user, password_hash, created_at: now, now })
        };
        db.transaction(insert).await.unwrap();
    }

    fn cost(text: &str) -> HashCost {
        text.parse().unwrap()
    }

    fn scheme(text: &str) -> Scheme {
        Scheme::own(cost(text))
    }

    #[test]
    fn unknown_accounts_cost_what_stored_hashes_cost() {
        with_database(async |db, clock| {
            let costs = StoredCosts::new(db.clone(), clock.clone(), Passwords::new(cost("m=32,t=1,p=1")));
            assert_eq!(costs.pick(7).await, None, "without a stored hash");
            add_user(&db, &clock, "one@example.com", cost("m=8,t=1,p=1")).await;
            assert_eq!(costs.pick(7).await, None, "the sample is still used");
            clock.advance(SAMPLE_LIFETIME);
            for number in 0..100 {
                assert_eq!(costs.pick(number).await, Some(scheme("m=8,t=1,p=1")));
            }
            add_user(&db, &clock, "two@example.com", cost("m=16,t=1,p=1")).await;
            costs.invalidate();
            let mut old = 0;
            for number in (0..100).map(|part| (2 * part + 1) * (u64::MAX / 200)) {
                let picked = costs.pick(number).await;
                assert_eq!(costs.pick(number).await, picked, "always the same for one text");
                old += u32::from(picked == Some(scheme("m=8,t=1,p=1")));
            }
            assert_eq!(old, 50, "as often as among the stored ones");
        });
    }
}
