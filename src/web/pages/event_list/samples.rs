//! Sample lists of events.

use std::{cmp::Reverse, collections::HashMap};

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

/// The events of a session, from its end back to its beginning.
pub(in crate::web::pages) fn of_session(sample: &Sample, record: &SessionRecord) -> EventList {
    list(sample, events_of(sample, record), &[record])
}

/// The events of a session that was reported when it ended.
pub(in crate::web::pages) fn of_reported(sample: &Sample, record: &SessionRecord) -> EventList {
    let mut events = events_of(sample, record);
    let end = events.last().cloned();
    let report = |end| changed(end, |event| EventKind::SessionReported.as_str().clone_into(&mut event.kind));
    events.extend(end.map(report));
    list(sample, events, &[record])
}

/// The events of an account: of three sessions, and of a person who did not know the password.
pub(in crate::web::pages) fn of_account(sample: &Sample) -> EventList {
    let named = SessionRecord {
        name: Some("Kitchen".to_owned()),
        authenticated_at: Some(sample.minutes_ago(40)),
        ..sample.session(2)
    };
    let records = [&sample.session(1), &named, &sample.ended(3, EndReason::RevokedByAdmin)];
    let unknown = ["198.51.100.7", "198.51.100.7"].into_iter().zip([25, 26]);
    let failures = unknown.map(|(address, minutes)| {
        let failed = SecurityEvent::sample(EventKind::SignInFailed, sample.minutes_ago(minutes));
        changed(with(failed, "cause", "wrong_password"), |event| event.ip_address = Some(address.to_owned()))
    });
    list(sample, records.iter().flat_map(|record| events_of(sample, record)).chain(failures).collect(), &records)
}

/// What the tables would have of a session.
fn events_of(sample: &Sample, record: &SessionRecord) -> Vec<SecurityEvent> {
    let event = |kind, at| {
        changed(SecurityEvent::sample(kind, at), |event| {
            event.session_id = Some(record.id);
            event.ip_address.clone_from(&record.ip_address);
        })
    };
    let mut events = vec![with(event(EventKind::SignedIn, record.created_at), "authorised_by", &record.authorised_by)];
    if let Some(at) = record.authenticated_at.filter(|at| *at > record.created_at) {
        events.push(event(EventKind::ProofGiven, at));
    }
    if let Some(name) = &record.name {
        events.push(with(event(EventKind::SessionRenamed, sample.minutes_ago(1)), "name", name));
    }
    if let Some((at, reason)) = record.logged_out_at.zip(record.end_reason.as_deref()) {
        let actor = match EndReason::parse(reason) {
            Some(EndReason::RevokedByAdmin | EndReason::AccountDisabled) => Actor::Admin,
            Some(EndReason::IdleTimeout | EndReason::AbsoluteTimeout) => Actor::System,
            _ => Actor::User,
        };
        let ended = with(event(EventKind::SessionEnded, at), "reason", reason);
        events.push(changed(ended, |event| actor.as_str().clone_into(&mut event.actor)));
    }
    events
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
    let events = (0..).zip(events).map(|(hours, event)| {
        changed(event, |event| {
            event.at = Some(sample.minutes_ago(hours * 60 + 3));
            event.session_id = event.ip_address.as_ref().map(|_| record.id);
        })
    });
    let next = Some("/account/activity?before=1".to_owned());
    let pagination = Pagination::newest_first(sample.words, pages(sample), None, next);
    EventList { pagination, ..list(sample, events.collect(), &[record]) }
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

/// A list of these events of these sessions, the latest first.
fn list(sample: &Sample, mut events: Vec<SecurityEvent>, records: &[&SessionRecord]) -> EventList {
    let records: HashMap<_, _> = records.iter().map(|record| (record.id, (*record).clone())).collect();
    events.sort_by_key(|event| Reverse(event.at));
    let row = |event: &SecurityEvent| EventRow::new(&sample.places(), event, &records, sample.now);
    EventList { rows: events.iter().filter_map(row).collect(), ..none(sample, true) }
}
