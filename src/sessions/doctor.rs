//! Doctor: checks the rules that the rows of a live database can break.

use std::time::Duration;

use super::{
    Sessions,
    data::SessionData,
    model::EndReason,
    queries::{self, DataWithSession, EndTarget, Ending},
};
use crate::{
    db::{self, DbConnection, Peers, Replication, SessionId, UserId},
    error::Result,
    events::{Source, find_lowered_retention},
};

/// Rows of data per query.
const DATA_PAGE_ROWS: i64 = 1000;

/// Maximum breaches repaired per transaction.
pub(super) const MAX_REPAIRS_PER_TRANSACTION: usize = 200;

/// A rule that the database breaks.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Breach {
    /// The rule, in a word or two.
    pub rule: &'static str,
    /// The session that breaks it, if it is about one session.
    pub session_id: Option<SessionId>,
    /// What is wrong and, where it cannot be repaired safely, what to do.
    pub detail: String,
    /// Whether [`Sessions::doctor`] repaired it.
    pub repaired: bool,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// Whether sessions that other programs write are adopted.
    pub peers: Peers,
    /// Whether writes wait for a synchronous standby, and how many are connected. `None` on SQLite.
    pub replication: Option<Replication>,
    /// What an operator should know, although no rule is broken.
    pub warnings: Vec<String>,
    /// Every breach, repaired or not.
    pub breaches: Vec<Breach>,
}

impl Report {
    /// Whether every breach was repaired.
    pub fn is_sound(&self) -> bool {
        self.breaches.iter().all(|breach| breach.repaired)
    }
}

type Repair = fn(&mut DbConnection, SessionId, &Ending) -> Result<()>;

/// A rule about single sessions.
struct Rule {
    name: &'static str,
    detail: &'static str,
    /// Finds the sessions that break it.
    find_breaches: fn(&mut DbConnection) -> Result<Vec<SessionId>>,
    /// Repairs one session; `None` if no repair is safe. It tests the breach again.
    repair: Option<Repair>,
}

const RULES: [Rule; 7] = [
    Rule {
        name: "active without data",
        detail: "the session is active but has no data: no request can use it",
        find_breaches: queries::active_without_data,
        repair: Some(|connection, id, ending| {
            queries::end(connection, &EndTarget::IdWithoutLiveData(id, ending.at), ending).map(drop)
        }),
    },
    Rule {
        name: "data of an ended session",
        detail: "the session has ended but its data still exists",
        find_breaches: queries::ended_with_data,
        repair: Some(|connection, id, _| queries::delete_data_of(connection, id)),
    },
    Rule {
        name: "end without time or reason",
        detail: "the session has ended but its end has no time or no reason",
        find_breaches: queries::end_incomplete,
        repair: Some(|connection, id, _| queries::complete_end(connection, id)),
    },
    Rule {
        name: "active with an end",
        detail: "the session is active but has an end: end it, or clear logged_out_at and end_reason",
        find_breaches: queries::active_with_end,
        repair: None,
    },
    Rule {
        name: "data outlives its session",
        detail: "the session's data expires after the session's absolute expiry",
        find_breaches: queries::outliving_data,
        repair: Some(|connection, id, _| queries::cap_expire(connection, id)),
    },
    Rule {
        name: "shared sid",
        detail: "another session has the same sid: end one of them, and restore the unique index",
        find_breaches: queries::shared_sids,
        repair: None,
    },
    Rule {
        name: "contradictory times",
        detail: "the session expires, was last seen or ended before it was created",
        find_breaches: queries::contradictory_times,
        repair: None,
    },
];

impl Sessions {
    /// Checks the database, and with `repair` repairs what can be repaired safely.
    ///
    /// It reads without locks, and repairs in small transactions that test each breach again.
    pub async fn doctor(&self, repair: bool) -> Result<Report> {
        let replication = self.db.replication().await?;
        let mut breaches = self.check_schema(repair).await?;
        breaches.extend(replication.and_then(missing_standby));
        breaches.extend(self.check_future_times(repair).await?);
        breaches.extend(self.check_events_retention(repair).await?);
        for rule in &RULES {
            breaches.extend(self.check(rule, repair).await?);
        }
        let (peers, mut warnings) = (self.db.peers().await?, self.db.read(db::creator_warnings).await?);
        warnings.extend(self.db.read(db::privilege_warnings).await?);
        warnings.extend(self.db.read(db::held_lock_warnings).await?);
        warnings.extend(self.db.read(db::unreadable_event_warnings).await?);
        let mut after = String::new();
        loop {
            let from = after.clone();
            let rows = self.db.read(move |connection| queries::data_after(connection, &from, DATA_PAGE_ROWS)).await?;
            let Some(last) = rows.last() else { return Ok(Report { peers, replication, warnings, breaches }) };
            last.sid.expose().clone_into(&mut after);
            breaches.extend(rows.iter().filter_map(data_breach));
            if peers == Peers::Express {
                breaches.extend(self.unknown_sessions(&rows).await?);
            }
        }
    }

    /// Compares triggers, functions, indexes and tables with the migrations, and restores what can be restored safely:
    /// first of all, because the rules for rows are only kept where the triggers are.
    async fn check_schema(&self, repair: bool) -> Result<Vec<Breach>> {
        let mut breaches = Vec::new();
        for problem in self.db.read(db::find_schema_problems).await? {
            let mut breach =
                Breach { rule: problem.rule, session_id: None, detail: problem.detail.clone(), repaired: false };
            if repair && problem.is_repairable() {
                let repair = move |connection: &mut DbConnection| problem.repair(connection);
                match self.db.transaction(repair).await {
                    Ok(()) => breach.repaired = true,
                    Err(error) => breach.detail = format!("{}; that failed: {error}", breach.detail),
                }
            }
            breaches.push(breach);
        }
        Ok(breaches)
    }

    /// Finds a retention of security events that is lower than the policy's, and raises it.
    async fn check_events_retention(&self, repair: bool) -> Result<Option<Breach>> {
        let expected = self.policy.events_retention;
        let Some(lowered) = self.db.read(move |connection| find_lowered_retention(connection, expected)).await? else {
            return Ok(None);
        };
        if repair {
            let source = self.source.clone().unwrap_or_else(Source::system);
            self.events().restore_retention(expected, &source).await?;
        }
        let (lowered, expected) = (days_or_seconds(lowered), days_or_seconds(expected));
        let detail = format!(
            "new security events are kept for {lowered} only (events_retention_seconds in keyrack_settings), but \
             KEYRACK_EVENTS_RETENTION is {expected}: find out in keyrack events who lowered it, and raise it by keyrack \
             doctor --repair; a server with this setting raises it too"
        );
        Ok(Some(Breach { rule: "events retention", session_id: None, detail, repaired: repair }))
    }

    /// Finds live data of known users that has no session. Other data without a session belongs to peers.
    async fn unknown_sessions(&self, rows: &[DataWithSession]) -> Result<Vec<Breach>> {
        let now = self.clock.now();
        let orphans = rows.iter().filter(|row| row.session.is_none() && row.data_expiry > now);
        let users: Vec<UserId> = orphans.filter_map(signed_in_user).collect();
        if users.is_empty() {
            return Ok(Vec::new());
        }
        let ids = users.clone();
        let known = self.db.read(move |connection| queries::known_users(connection, &ids)).await?;
        let breach = Breach {
            rule: "data of an unknown session",
            session_id: None,
            detail: "a row of user_sessions has a user but no session: run `keyrack adopt --apply` to create it"
                .to_owned(),
            repaired: false,
        };
        Ok(users.iter().filter(|id| known.contains(id)).map(|_| breach.clone()).collect())
    }

    async fn check(&self, rule: &'static Rule, repair: bool) -> Result<Vec<Breach>> {
        let ids = self.db.read(rule.find_breaches).await?;
        let repair = rule.repair.filter(|_| repair);
        if let Some(repair) = repair {
            let ending = self.ending_now(EndReason::SignedOut);
            for batch in ids.chunks(MAX_REPAIRS_PER_TRANSACTION) {
                let (batch, ending) = (batch.to_vec(), ending.clone());
                let repair_batch = move |connection: &mut DbConnection| {
                    batch.iter().try_for_each(|id| repair(connection, *id, &ending))
                };
                self.db.transaction(repair_batch).await?;
            }
        }
        let breach = |id| Breach {
            rule: rule.name,
            session_id: Some(id),
            detail: rule.detail.to_owned(),
            repaired: repair.is_some(),
        };
        Ok(ids.into_iter().map(breach).collect())
    }
}

/// A length as the settings spell it.
fn days_or_seconds(length: Duration) -> String {
    const DAY: u64 = 24 * 3600;
    let seconds = length.as_secs();
    if seconds.is_multiple_of(DAY) { format!("{}d", seconds / DAY) } else { format!("{seconds}s") }
}

/// Every write is answered with 503 while a standby is required and none is connected.
fn missing_standby(replication: Replication) -> Option<Breach> {
    let breach = || {
        Breach {
        rule: "no synchronous standby",
        session_id: None,
        detail: "KEYRACK_REQUIRE_SYNC is on, but no synchronous standby is connected, so every sign-in and sign-out is \
                 answered with 503: set synchronous_standby_names, start the standby, and let Keyrack's role see it (GRANT \
                 pg_read_all_stats)"
            .to_owned(),
        repaired: false,
    }
    };
    (replication.is_required && replication.synchronous_standbys == 0).then(breach)
}

/// The user that data says is signed in.
fn signed_in_user(row: &DataWithSession) -> Option<UserId> {
    let data = SessionData::parse(&row.sess)?;
    let user = data.user_id()?.parse().ok()?;
    data.is_of(user).then_some(user)
}

/// Checks that data is readable and belongs to its session's user.
fn data_breach(row: &DataWithSession) -> Option<Breach> {
    let data = SessionData::parse(&row.sess);
    let breach =
        |rule, session_id, detail: &str| Some(Breach { rule, session_id, detail: detail.to_owned(), repaired: false });
    match (row.session, data.as_ref()) {
        (Some((id, _, _)), None) => breach("unreadable data", Some(id), "the session's data is not a JSON object"),
        (Some((id, owner, true)), Some(data)) if !data.belongs_to(owner) => {
            breach("data of another user", Some(id), "the session's data names a different user than the session")
        }
        _ => None,
    }
}
