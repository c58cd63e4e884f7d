//! Sessions: their two tables, from the sign-in to the end, and the operations on them.
//!
//! A session is one signed-in browser or device: a row of `sessions`, kept as history after its end. Its data is a row
//! of `user_sessions`, which exists only while the session is alive. The verbs, one file each:
//!
//! | verb | what it does |
//! |---|---|
//! | [start](Sessions::start) | signs in: a new session, or the browser's existing one under a new sid |
//! | [resume](Sessions::resume) | checks a request and records that its device was active (touch) |
//! | [save](Sessions::save) | writes what a request changed in the data |
//! | [rotate](Sessions::rotate) | gives the same session a new sid, also when its user has proved again who they are |
//! | [rename](Sessions::rename) | gives a session the name by which its owner knows it |
//! | [report](Sessions::let_in_since) | finds the sessions let in since one that its owner has not started |
//! | `bind` | ties a session to a key of its browser |
//! | [end](Sessions::sign_out) | signs out or revokes one session, or [many](Sessions::revoke_others) |
//! | [adopt](Sessions::adopt) | imports the sessions that an Express application started before |
//! | [purge](Sessions::purge) | ends expired sessions, deletes what is past its retention |
//!
//! A public function opens the transaction; the functions of `queries/` run inside it.

mod addresses;
mod adopt;
mod bind;
mod binding;
mod browsers;
mod checked_factor;
mod clock_check;
mod copied_cookies;
mod data;
mod device;
mod doctor;
mod end;
mod end_many;
mod end_store;
mod ended;
mod first_batch;
mod future_times;
#[cfg(test)]
mod fuzz_tests;
mod limit;
mod list;
mod metrics;
mod model;
mod name;
mod new_session;
mod other_tab;
mod pending_touches;
mod policy;
mod purge;
mod queries;
mod reauthenticate;
mod remember_browser;
mod rename;
mod repeated_form;
mod report;
mod resume;
mod reuse;
mod role_change;
mod rotate;
mod save;
mod sent_form;
mod start;
mod touch;
mod user_turns;
mod way_in;

use std::sync::Arc;

use parking_lot::Mutex;

use crate::{
    clock::Clock,
    db::{Database, GroupCommit, LookupThreads, Lookups},
    events::{Events, Source},
};
use metrics::Metrics;
use pending_touches::PendingTouches;
use queries::{GroupedWrite, LiveSessionKey, LiveSessionRow, UserAt, Written};
use user_turns::UserTurns;

pub use crate::db::{PasskeyId, SessionId, UserId};
pub use addresses::UsedAddress;
pub(crate) use addresses::network_of;
pub use adopt::Adoption;
pub use bind::DeviceKey;
pub(crate) use bind::{BoundKey, DeviceProof};
pub use binding::Binding;
pub use browsers::{BrowserIdHash, SignInBrowser};
#[cfg(test)]
pub(crate) use browsers::{MAX_BROWSERS_PER_ACCOUNT, MAX_NEW_BROWSERS_PER_DAY};
pub use checked_factor::CheckedFactor;
pub use data::{DataPatch, SessionData};
pub(crate) use device::{ACCEPT_CH, IN_APP_BROWSER};
pub use device::{ClientHints, Device, DeviceKind};
pub use doctor::{Breach, Report};
pub(crate) use end_many::FirstBatch;
pub use end_many::RevokeProgress;
pub use ended::{Liveness, SessionEnd};
pub(crate) use first_batch::{FirstBatchMode, with_first_batch};
pub use list::{DevicePage, HistoryPage, LivePage, PageCursor};
pub use model::{Activity, Client, EndReason, IssuedSession, Proof, Purged, SessionRecord, Sid, UsedPasskey, User};
pub use name::{InvalidSessionName, SessionName};
pub use new_session::NewSession;
pub use policy::{Policy, Timeouts};
pub(crate) use queries::UserRow;
pub(crate) use reauthenticate::{EndedOthers, NewProof, PresentedSession, ReauthenticatedSession};
pub use rename::Renaming;
pub(crate) use repeated_form::{REPEATED_FORM_WINDOW, is_in_window};
pub use report::SessionsSince;
pub use resume::LiveSession;
pub use sent_form::SentForm;
pub use way_in::{SecondFactor, WayIn};

/// The sessions of one database.
#[derive(Clone)]
pub struct Sessions {
    db: Database,
    clock: Clock,
    policy: Policy,
    live_by_sid: Lookups<LiveSessionKey, LiveSessionRow>,
    live_by_user: Lookups<UserAt, Vec<SessionRecord>>,
    group_commit: GroupCommit<GroupedWrite, Written>,
    touches: Arc<PendingTouches>,
    /// Lets one task at a time end many sessions of a user.
    user_turns: Arc<UserTurns>,
    /// Where the purge continues its scan over all sessions.
    scan_cursor: Arc<Mutex<Option<SessionId>>>,
    /// Where it continues its scan over all users.
    user_cursor: Arc<Mutex<Option<UserId>>>,
    metrics: Arc<Metrics>,
    /// Who ends sessions through this value; `None` if only the reason says so.
    source: Option<Source>,
}

impl Sessions {
    /// The sessions of `db`, with times from `clock`, under `policy`.
    pub fn new(db: Database, clock: Clock, policy: Policy) -> Self {
        Self {
            live_by_sid: db.new_lookups(queries::find_live, LookupThreads::Many),
            live_by_user: db.new_lookups(queries::live_of, LookupThreads::Few),
            group_commit: db.new_group_commit(queries::write_grouped),
            db,
            clock,
            policy,
            touches: Arc::default(),
            user_turns: Arc::default(),
            scan_cursor: Arc::default(),
            user_cursor: Arc::default(),
            metrics: Arc::default(),
            source: None,
        }
    }

    /// The same sessions, for what this source does: the events of the sessions that it starts and ends name it.
    #[must_use]
    pub fn on_behalf_of(&self, source: Source) -> Self {
        Self { source: Some(source), ..self.clone() }
    }

    /// The security events in the same database.
    pub fn events(&self) -> Events {
        Events::new(self.db.clone(), self.clock.clone())
    }

    /// Applies the journal of ends whenever the database may have gone back to an earlier state, if the database was
    /// opened with a journal. From now on no session is found before all of the journal's ends hold.
    pub fn watch_history(&self) {
        self.db.watch_history(end_store::SessionEnds, self.clock.clone());
    }

    /// Whether ends can be confirmed: the journal has all that were committed.
    ///
    /// # Errors
    /// [`Error::Unavailable`] while it can't be written.
    pub(crate) fn check_recorded_ends(&self) -> crate::error::Result<()> {
        self.db.check_recorded_ends()
    }

    /// Stops what [`Sessions::watch_history`] has started.
    pub fn stop_watching_history(&self) {
        self.db.stop_watching_history();
    }

    /// The purge's counters since the program started, in Prometheus' text format.
    pub fn metrics(&self) -> String {
        self.metrics.text()
    }

    /// The rules for these sessions.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }
}
