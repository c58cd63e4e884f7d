//! Sample lists of events.

use std::collections::HashMap;

use super::{EventList, EventRow, Pagination};
use crate::{
    events::{Actor, EventKind, SecurityEvent},
    sessions::{EndReason, SessionRecord},
    web::sample::Sample,
};

/// No events.
pub(in crate::web::pages) fn none(sample: &Sample, is_first: bool) -> EventList {
    let first = (!is_first).then(|| "/account/activity".to_owned());
    EventList { rows: Vec::new(), pagination: Pagination::newest_first(sample.words, pages(sample), first, None) }
}

/// Some events of a session.
pub(in crate::web::pages) fn few(sample: &Sample, record: &SessionRecord) -> EventList {
    let kinds = [EventKind::SessionRenamed, EventKind::ProofGiven, EventKind::SignedIn];
    let events = kinds.iter().map(|kind| SecurityEvent::sample(*kind, sample.now));
    EventList { rows: rows(sample, events, record), ..none(sample, true) }
}

/// An event of each kind, by each actor, and each end of a session.
pub(in crate::web::pages) fn every(sample: &Sample, record: &SessionRecord) -> EventList {
    let event = |kind| SecurityEvent::sample(kind, sample.now);
    let kinds = EventKind::ALL.iter().map(|kind| event(*kind));
    let ends = EndReason::ALL.iter().map(|reason| with(event(EventKind::SessionEnded), "reason", reason.as_str()));
    let causes = ["wrong_password", "disabled", "no_password", "used_up_password"];
    let failures = causes.iter().map(|cause| with(event(EventKind::SignInFailed), "cause", cause));
    let actors = [Actor::Admin, Actor::Peer]
        .map(|actor| changed(event(EventKind::SessionEnded), |event| actor.as_str().clone_into(&mut event.actor)));
    let others = [
        with(event(EventKind::SessionRenamed), "name", &"W".repeat(64)),
        with(event(EventKind::PasswordChanged), "one_time", "yes"),
        with(event(EventKind::SignedIn), "authorised_by", "password"),
        with(event(EventKind::SignedIn), "authorised_by", "one_time_password"),
        with(event(EventKind::SignedIn), "authorised_by", "reset"),
        with(event(EventKind::SignedIn), "authorised_by", "invitation"),
        with(event(EventKind::LinkCreated), "link", "invitation"),
        with(event(EventKind::LinkUsed), "link", "invitation"),
        with(event(EventKind::SignedIn), "again", "yes"),
        changed(event(EventKind::SignedIn), |event| "a_kind_of_a_later_version".clone_into(&mut event.kind)),
        changed(event(EventKind::AccountLocked), |event| event.ip_address = None),
    ];
    let events = kinds.chain(ends).chain(failures).chain(actors).chain(others);
    let next = Some("/account/activity?before=1".to_owned());
    let pagination = Pagination::newest_first(sample.words, pages(sample), None, next);
    EventList { rows: rows(sample, events, record), pagination }
}

fn pages(sample: &Sample) -> &'static str {
    sample.words.activity_pages()
}

fn changed(mut event: SecurityEvent, change: impl FnOnce(&mut SecurityEvent)) -> SecurityEvent {
    change(&mut event);
    event
}

fn with(mut event: SecurityEvent, key: &str, value: &str) -> SecurityEvent {
    event.detail.insert(key.to_owned(), value.into());
    event
}

/// The rows of events of a session, each an hour before the one above.
fn rows(sample: &Sample, events: impl Iterator<Item = SecurityEvent>, record: &SessionRecord) -> Vec<EventRow> {
    let records = HashMap::from([(record.id, record.clone())]);
    let events = (0..).zip(events).map(|(hours, mut event)| {
        event.at = Some(sample.minutes_ago(hours * 60 + 3));
        event.session_id = event.ip_address.as_ref().map(|_| record.id);
        event
    });
    events.filter_map(|event| EventRow::new(&sample.places(), &event, &records, sample.now)).collect()
}
