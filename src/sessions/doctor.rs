//! Doctor: every rule that a live database can show to be kept or broken.

use super::{
    Sessions,
    data::SessionData,
    model::EndReason,
    queries::{self, DataBesideSession, End, Which},
};
use crate::{
    clock::Timestamp,
    db::{self, SessionId, UserId, connection::DbConnection},
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
            let (rows, known) = self.db.read(move |connection| page_of_data(connection, &from)).await?;
            let Some(last) = rows.last() else { return Ok(Report { breaches }) };
            last.sid.expose().clone_into(&mut after);
            let now = self.clock.now();
            breaches.extend(rows.iter().filter_map(|row| disagreement(row, &known, now)));
        }
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
    let missing = db::missing_objects(connection)?
        .into_iter()
        .map(|name| breach("missing trigger or index", format!("{name} is missing: restore it from the migrations")));
    let own_zone = db::own_time_zone(connection)?.map(|zone| {
        let detail = format!(
            "this program's connections are in {zone} by PGTZ or the URL: peers that are not read other times in expire"
        );
        breach("time zone of its own", detail)
    });
    Ok(missing.chain(own_zone).collect())
}

/// The next rows of data, and which of the users that they name without having a session there are.
fn page_of_data(connection: &mut DbConnection, after: &str) -> Result<(Vec<DataBesideSession>, Vec<UserId>)> {
    let rows = queries::data_after(connection, after, PAGE)?;
    let named =
        rows.iter().filter(|row| row.session.is_none()).filter_map(|row| named_by(&SessionData::parse(&row.sess)?));
    let known = queries::known_users(connection, named.collect())?;
    Ok((rows, known))
}

fn named_by(data: &SessionData) -> Option<UserId> {
    data.user_id()?.parse().ok()
}

fn disagreement(row: &DataBesideSession, known: &[UserId], now: Timestamp) -> Option<Breach> {
    let data = SessionData::parse(&row.sess);
    let breach =
        |rule, session_id, detail: &str| Some(Breach { rule, session_id, detail: detail.to_owned(), repaired: false });
    match (row.session, data.as_ref()) {
        // A peer's data without a user, of one whom only the peer knows, of one who has signed out, or that has run out has no
        // business in `sessions`.
        (None, data) => {
            let signed_in = data.filter(|data| named_by(data).is_some_and(|id| known.contains(&id) && data.is_of(id)));
            signed_in.filter(|_| row.expire > now)?;
            breach("data of an unknown session", None, "a row of user_sessions names a user but has no session")
        }
        (Some((id, _, _)), None) => breach("unreadable data", Some(id), "the session's data is not a JSON object"),
        (Some((id, owner, true)), Some(data)) if !data.is_of(owner) => {
            breach("data of another user", Some(id), "the session's data names another user than the session")
        }
        _ => None,
    }
}
