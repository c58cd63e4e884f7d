//! Sessions: their two tables, from sign-in to the end, and what can be asked of them.
//!
//! A session is one signed-in browser or device: a row of `sessions`, kept as history after its end. Its data is a row of
//! `user_sessions`, there only while the session lives. The verbs, one file each:
//!
//! | verb | what it does |
//! |---|---|
//! | [start](Sessions::start) | a sign-in: a new session, or the browser's own one under a new sid |
//! | [resume](Sessions::resume) | checks a request, and records that its device was active (touch) |
//! | [save](Sessions::save) | writes what a request changed in the data |
//! | [rotate](Sessions::rotate) | a new sid for the same session |
//! | [end](Sessions::sign_out) | signs out, revokes |
//! | [adopt](Sessions::adopt) | takes in the sessions that an Express application had before |
//! | [purge](Sessions::purge) | ends what has run out, removes what is past its retention |
//!
//! A public function opens the transaction; the functions of `queries/` run inside it.

mod adopt;
mod data;
mod device;
mod doctor;
mod end;
mod list;
mod metrics;
mod model;
mod policy;
mod purge;
mod queries;
mod resume;
mod rotate;
mod save;
mod start;
mod touch;

use std::sync::{Arc, Mutex};

use crate::{
    clock::Clock,
    db::{Database, GroupCommit, LookupThreads, Lookups},
};
use metrics::Metrics;
use queries::{Change, Found, Wanted, Whose};
use touch::Touches;

pub use crate::db::{SessionId, UserId};
pub use adopt::Adoption;
pub use data::{DataPatch, SessionData};
pub use device::{Device, DeviceKind};
pub use doctor::{Breach, Report};
pub use list::{HistoryCursor, HistoryPage};
pub use model::{Client, EndReason, SessionRecord, Sid, User};
pub use policy::{Policy, Timeouts};
pub use purge::Purged;
pub(crate) use queries::UserRow;
pub use resume::LiveSession;
pub use start::{NewSession, Proof, Started};

/// The sessions of one database.
#[derive(Clone)]
pub struct Sessions {
    db: Database,
    clock: Clock,
    policy: Policy,
    lookups: Lookups<Wanted, Found>,
    lists: Lookups<Whose, Vec<SessionRecord>>,
    group_commit: GroupCommit<Change, SessionId>,
    touches: Arc<Touches>,
    /// Where the purge goes on in its walk over all sessions.
    walked: Arc<Mutex<Option<SessionId>>>,
    metrics: Arc<Metrics>,
}

impl Sessions {
    /// Sessions that live in `db`, measured by `clock`, under `policy`.
    pub fn new(db: Database, clock: Clock, policy: Policy) -> Self {
        Self {
            lookups: db.lookups(queries::find_live, LookupThreads::Many),
            lists: db.lookups(queries::active_of, LookupThreads::Few),
            group_commit: db.group_commit(queries::commit),
            db,
            clock,
            policy,
            touches: Arc::default(),
            walked: Arc::default(),
            metrics: Arc::default(),
        }
    }

    /// What the purge has done since the program started, in Prometheus' text format.
    pub fn metrics(&self) -> String {
        self.metrics.text()
    }

    /// The rules that these sessions live under.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }
}
