//! Doctor: every rule that a live database can show to be kept or broken.

use super::{
    Sessions,
    data::SessionData,
    model::EndReason,
    queries::{self, DataBesideSession, End, Which},
};
use crate::{
    db::{self, SessionId, connection::DbConnection},
    error::Result,
};

/// How many rows of data one query reads.
const PAGE: i64 = 1000;

/// A rule that the database breaks.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Breach {
    /// The rule, in a word or two.
    pub rule: &'static str,
    /// Whose session breaks it, if it is about one.
    pub session_id: Option<SessionId>,
    /// What is wrong, and what it means.
    pub detail: String,
    /// Whether [`Sessions::doctor`] mended it.
    pub repaired: bool,
}

/// What an examination found.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// Every breach, repaired or not.
    pub breaches: Vec<Breach>,
}

impl Report {
    /// Whether no breach is left.
    pub fn is_sound(&self) -> bool {
        self.breaches.iter().all(|breach| breach.repaired)
    }
}

type Mend = fn(&mut DbConnection, SessionId, End) -> Result<()>;

/// A rule about single sessions: which rows break it, what that means, and what mends one, where there is one safe answer.
struct Rule {
    name: &'static str,
    detail: &'static str,
    broken_by: fn(&mut DbConnection) -> Result<Vec<SessionId>>,
    mend: Option<Mend>,
}

const RULES: [Rule; 6] = [
    Rule {
        name: "active without data",
        detail: "the session is active but its data is gone: nobody can use it",
        broken_by: queries::active_without_data,
        mend: Some(|connection, id, end| queries::end(connection, &Which::Id(id), end).map(drop)),
    },
    Rule {
        name: "data of an ended session",
        detail: "the session has ended but its data is still there",
        broken_by: queries::ended_with_data,
        mend: Some(|connection, id, _| queries::delete_data_of(connection, id)),
    },
    Rule {
        name: "end without time or reason",
        detail: "the session has ended without saying when, or why",
        broken_by: queries::end_incomplete,
        mend: Some(|connection, id, _| queries::complete_end(connection, id)),
    },
    Rule {
        name: "active with an end",
        detail: "the session is active but says that it ended: end it, or clear logged_out_at and end_reason",
        broken_by: queries::active_with_end,
        mend: None,
    },
    Rule {
        name: "data outlives its session",
        detail: "the session's data expires after the session's absolute end",
        broken_by: queries::outliving_data,
        mend: Some(|connection, id, _| queries::cap_expire(connection, id)),
    },
    Rule {
        name: "contradictory times",
        detail: "the session ends, was seen or was signed out before it was created",
        broken_by: queries::contradictory_times,
        mend: None,
    },
];

impl Sessions {
    /// Examines the database, and with `repair` mends what has one safe answer, each breach in the transaction that
    /// found it.
    pub async fn doctor(&self, repair: bool) -> Result<Report> {
        let end = End { reason: EndReason::SignedOut, at: self.clock.now(), keep_data: self.policy.keep_ended_data };
        self.db
            .transaction(move |connection| {
                let mut breaches = missing_objects(connection)?;
                for rule in &RULES {
                    breaches.extend(examine(connection, rule, repair.then_some(end))?);
                }
                breaches.extend(disagreeing_data(connection)?);
                Ok(Report { breaches })
            })
            .await
    }
}

fn missing_objects(connection: &mut DbConnection) -> Result<Vec<Breach>> {
    let missing = db::missing_objects(connection)?;
    let breach = |name: String| Breach {
        rule: "missing trigger or index",
        session_id: None,
        detail: format!("{name} is missing: restore it from the migrations"),
        repaired: false,
    };
    Ok(missing.into_iter().map(breach).collect())
}

fn examine(connection: &mut DbConnection, rule: &Rule, repair: Option<End>) -> Result<Vec<Breach>> {
    let mut breaches = Vec::new();
    for id in (rule.broken_by)(connection)? {
        let mend = repair.and_then(|end| Some((rule.mend?, end)));
        if let Some((mend, end)) = mend {
            mend(connection, id, end)?;
        }
        let detail = rule.detail.to_owned();
        breaches.push(Breach { rule: rule.name, session_id: Some(id), detail, repaired: mend.is_some() });
    }
    Ok(breaches)
}

/// Reads all data, page by page, and compares it with the sessions.
fn disagreeing_data(connection: &mut DbConnection) -> Result<Vec<Breach>> {
    let mut breaches = Vec::new();
    let mut after = String::new();
    loop {
        let rows = queries::data_after(connection, &after, PAGE)?;
        let Some(last) = rows.last() else { return Ok(breaches) };
        last.sid.expose().clone_into(&mut after);
        breaches.extend(rows.iter().filter_map(disagreement));
    }
}

fn disagreement(row: &DataBesideSession) -> Option<Breach> {
    let data = SessionData::parse(&row.sess);
    let breach =
        |rule, session_id, detail: &str| Some(Breach { rule, session_id, detail: detail.to_owned(), repaired: false });
    match (row.session, data.as_ref()) {
        // A peer's session that nobody has signed in to yet has no user, and no business in `sessions`.
        (None, data) if data.and_then(SessionData::user_id).is_none() => None,
        (None, _) => {
            breach("data of an unknown session", None, "a row of user_sessions names a user but has no session")
        }
        (Some((id, _, _)), None) => breach("unreadable data", Some(id), "the session's data is not a JSON object"),
        (Some((id, owner, true)), Some(data)) if !data.is_of(owner) => {
            breach("data of another user", Some(id), "the session's data names another user than the session")
        }
        _ => None,
    }
}
