//! The log line of an event.
//!
//! A server logs each event that it causes once it is committed, and `follow_log` those of peers and commands: one line
//! per event, with the target `security`. A line may be missing if the process is killed between the two; the table has
//! all of them.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Map, Value as Json};

use super::{
    event::{NewEvent, SecurityEvent},
    source::Actor,
};
use crate::{db::after_commit, text::printable};

/// Whether events are logged.
static IS_LOGGED: AtomicBool = AtomicBool::new(true);

/// Turns the log lines of this process off, or on again.
pub(crate) fn set_logged(is_logged: bool) {
    IS_LOGGED.store(is_logged, Ordering::Relaxed);
}

/// Logs an event after the commit of this thread's transaction. For an event that a trigger writes.
///
/// Those of commands are left to the server (`follow_log`): a command's output is not its log.
pub(crate) fn log_after_commit(event: NewEvent) {
    if event.actor != Actor::Command {
        after_commit(move || {
            if IS_LOGGED.load(Ordering::Relaxed) {
                log_event(&event);
            }
        });
    }
}

/// Logs an event that is committed, or that is not stored.
pub(crate) fn log_event(event: &NewEvent) {
    let NewEvent { kind, user_id, session_id, actor, ip_address, detail } = event;
    let line = Line {
        kind: kind.as_str(),
        user_id: user_id.as_ref().map(ToString::to_string),
        session_id: session_id.as_ref().map(ToString::to_string),
        actor: actor.as_str(),
        ip_address: ip_address.as_deref(),
        detail,
    };
    line.write();
}

/// Logs an event that was read.
pub(super) fn log_read_event(event: &SecurityEvent) {
    let line = Line {
        kind: &event.kind,
        user_id: event.user_id.as_ref().map(ToString::to_string),
        session_id: event.session_id.as_ref().map(ToString::to_string),
        actor: &event.actor,
        ip_address: event.ip_address.as_deref(),
        detail: &event.detail,
    };
    line.write();
}

struct Line<'a> {
    kind: &'a str,
    user_id: Option<String>,
    session_id: Option<String>,
    actor: &'a str,
    ip_address: Option<&'a str>,
    detail: &'a Map<String, Json>,
}

impl Line<'_> {
    /// Writes the line, with all that the detail may contain: a log store on another machine has nothing else to go by.
    /// Texts of other programs are cleaned: a line break in one would look like another line.
    fn write(self) {
        let Self { kind, user_id, session_id, actor, ip_address, detail } = self;
        let text = |key: &str| detail.get(key).and_then(Json::as_str).map(|text| printable(text).into_owned());
        let number = |key: &str| detail.get(key).and_then(Json::as_u64);
        let is_so = |key: &str| detail.get(key).and_then(Json::as_bool);
        let cause = text("cause").or_else(|| text("reason"));
        tracing::info!(
            target: "security",
            kind = %printable(kind),
            user_id,
            session_id,
            ip_address = ip_address.map(|address| printable(address).into_owned()),
            actor,
            cause,
            by_session = text("by_session"),
            requested_session = text("requested_session"),
            os_user = text("os_user"),
            command = text("command"),
            count = number("count"),
            authorised_by = text("authorised_by"),
            again = is_so("again"),
            device = text("device"),
            name = text("name"),
            elsewhere = text("elsewhere"),
            known_browser = is_so("known_browser"),
            failures = number("failures"),
            ended_at = text("ended_at"),
            role = text("role"),
            one_time = is_so("one_time"),
            setting = text("setting"),
            from = text("from"),
            to = text("to"),
            database_role = text("database_role"),
            "security event"
        );
    }
}
