//! Doctor: every rule that a live database can show to be kept or broken.

use super::{
    Sessions,
    data::SessionData,
    model::EndReason,
    queries::{self, DataBesideSession, End, Which},
};
use crate::{
    db::{self, DbConnection, SessionId, UserId},
    error::Result,
};

/// How many rows of data one query reads.
const PAGE: i64 = 1000;

/// How many breaches one transaction mends.
const BATCH: usize = 200;

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

const RULES: [Rule; 7] = [
    Rule {
        name: "active without data",
        detail: "the session is active but its data is gone: nobody can use it",
        broken_by: queries::active_without_data,
        mend: Some(|connection, id, end| queries::end(connection, &Which::RunOut(id, end.at), end).map(drop)),
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
        name: "shared sid",
        detail: "another session has the same sid: end one of them, and restore the unique index",
        broken_by: queries::shared_sids,
        mend: None,
    },
    Rule {
        name: "contradictory times",
        detail: "the session ends, was seen or was signed out before it was created",
        broken_by: queries::contradictory_times,
        mend: None,
    },
];

impl Sessions {
    /// Examines the database, and with `repair` mends what has one safe answer.
    ///
    /// It reads without holding anything up, and mends in small transactions, in which each breach is looked at again.
    pub async fn doctor(&self, repair: bool) -> Result<Report> {
        let mut breaches = self.db.read(whole_database).await?;
        for rule in &RULES {
            breaches.extend(self.examine(rule, repair).await?);
        }
        let mut after = String::new();
        loop {
            let from = after.clone();
            let rows = self.db.read(move |connection| queries::data_after(connection, &from, PAGE)).await?;
            let Some(last) = rows.last() else { return Ok(Report { breaches }) };
            last.sid.expose().clone_into(&mut after);
            breaches.extend(rows.iter().filter_map(disagreement));
            breaches.extend(self.unknown_sessions(&rows).await?);
        }
    }

    /// Live data of known users that has no session. What else peers keep there is their business.
    async fn unknown_sessions(&self, rows: &[DataBesideSession]) -> Result<Vec<Breach>> {
        let now = self.clock.now();
        let alone = rows.iter().filter(|row| row.session.is_none() && row.expire > now);
        let named: Vec<UserId> = alone.filter_map(signed_in_user).collect();
        if named.is_empty() {
            return Ok(Vec::new());
        }
        let ids = named.clone();
        let known = self.db.read(move |connection| queries::known_users(connection, &ids)).await?;
        let breach = Breach {
            rule: "data of an unknown session",
            session_id: None,
            detail: "a row of user_sessions names a user but has no session: `keyrack adopt --apply` gives it one"
                .to_owned(),
            repaired: false,
        };
        Ok(named.iter().filter(|id| known.contains(id)).map(|_| breach.clone()).collect())
    }

    async fn examine(&self, rule: &'static Rule, repair: bool) -> Result<Vec<Breach>> {
        let ids = self.db.read(rule.broken_by).await?;
        let mend = rule.mend.filter(|_| repair);
        if let Some(mend) = mend {
            let end = self.how(EndReason::SignedOut);
            for batch in ids.chunks(BATCH) {
                let batch = batch.to_vec();
                let mending =
                    self.db.transaction(move |connection| batch.iter().try_for_each(|id| mend(connection, *id, end)));
                mending.await?;
            }
        }
        let breach = |id| Breach {
            rule: rule.name,
            session_id: Some(id),
            detail: rule.detail.to_owned(),
            repaired: mend.is_some(),
        };
        Ok(ids.into_iter().map(breach).collect())
    }
}

/// What is wrong with the database as a whole.
fn whole_database(connection: &mut DbConnection) -> Result<Vec<Breach>> {
    let breach = |rule, detail| Breach { rule, session_id: None, detail, repaired: false };
    let missing = db::missing_schema_objects(connection)?
        .into_iter()
        .map(|name| breach("missing trigger or index", format!("{name} is missing: restore it from the migrations")));
    Ok(missing.collect())
}

/// Whom data says to be signed in.
fn signed_in_user(row: &DataBesideSession) -> Option<UserId> {
    let data = SessionData::parse(&row.sess)?;
    let user = data.user_id()?.parse().ok()?;
    data.is_of(user).then_some(user)
}

fn disagreement(row: &DataBesideSession) -> Option<Breach> {
    let data = SessionData::parse(&row.sess);
    let breach =
        |rule, session_id, detail: &str| Some(Breach { rule, session_id, detail: detail.to_owned(), repaired: false });
    match (row.session, data.as_ref()) {
        (Some((id, _, _)), None) => breach("unreadable data", Some(id), "the session's data is not a JSON object"),
        (Some((id, owner, true)), Some(data)) if !data.is_of(owner) => {
            breach("data of another user", Some(id), "the session's data names another user than the session")
        }
        _ => None,
    }
}
