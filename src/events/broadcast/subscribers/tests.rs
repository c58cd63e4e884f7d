//! Who is told what.

use serde_json::Map;

use super::*;

fn subscribe(broadcast: &Broadcast, user: UserId, session: SessionId) -> Subscription {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    broadcast.0.is_following.send_replace(true);
    runtime.block_on(broadcast.subscribe(user, session)).unwrap()
}

/// What a subscriber would get now.
fn taken(subscription: &Subscription) -> Option<Change> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(Duration::ZERO, subscription.next()).await.ok() })
}

fn event(id: i64, kind: EventKind, user: UserId, session: SessionId) -> SecurityEvent {
    SecurityEvent {
        id,
        at: None,
        kind: kind.as_str().to_owned(),
        user_id: Some(user),
        session_id: Some(session),
        actor: "peer".to_owned(),
        ip_address: None,
        detail: Map::from_iter([("reason".to_owned(), "revoked".into())]),
        unreadable: Vec::new(),
        transaction_id: 0,
    }
}

#[test]
fn end_is_told_to_its_session_and_to_the_others_of_its_user() {
    let broadcast = Broadcast::default();
    let (user, other_user) = (UserId::random(), UserId::random());
    let [first, second] = [SessionId::random(), SessionId::random()];
    let [own, same_user] = [first, second].map(|session| subscribe(&broadcast, user, session));
    let stranger = subscribe(&broadcast, other_user, first);
    broadcast.dispatch([&event(7, EventKind::SessionEnded, user, first)]);
    let ended = Some(Ended { reason: "revoked".to_owned(), at: None });
    assert_eq!(taken(&own), Some(Change { ended, list_changed: Some(7), ..Change::default() }));
    assert_eq!(taken(&same_user), Some(Change { list_changed: Some(7), ..Change::default() }));
    assert_eq!(taken(&stranger), None);
}

#[test]
fn changes_that_were_not_taken_are_told_as_one() {
    let broadcast = Broadcast::default();
    let (user, session) = (UserId::random(), SessionId::random());
    let subscription = subscribe(&broadcast, user, session);
    for (id, kind) in [(1, EventKind::SignedIn), (3, EventKind::SessionRenamed), (2, EventKind::SignedIn)] {
        broadcast.dispatch([&event(id, kind, user, SessionId::random())]);
    }
    assert_eq!(taken(&subscription), Some(Change { list_changed: Some(3), ..Change::default() }));
    assert_eq!(taken(&subscription), None);
}

#[test]
fn new_sid_is_told_to_the_session_that_has_got_it() {
    let broadcast = Broadcast::default();
    let (user, [first, second]) = (UserId::random(), [SessionId::random(), SessionId::random()]);
    let [own, other] = [first, second].map(|session| subscribe(&broadcast, user, session));
    broadcast.dispatch([&event(1, EventKind::SessionRotated, user, first)]);
    assert_eq!(taken(&own), Some(Change { has_new_sid: true, ..Change::default() }));
    assert_eq!(taken(&other), None);
    broadcast.dispatch([&event(2, EventKind::SignedIn, user, first)]);
    assert!(taken(&own).is_some_and(|change| change.has_new_sid && change.list_changed == Some(2)));
    assert!(taken(&other).is_some_and(|change| !change.has_new_sid));
}

#[test]
fn events_that_change_no_list_are_not_told() {
    let broadcast = Broadcast::default();
    let (user, session) = (UserId::random(), SessionId::random());
    let subscription = subscribe(&broadcast, user, session);
    broadcast.dispatch([&event(1, EventKind::SignInFailed, user, session)]);
    broadcast.dispatch([&event(2, EventKind::ProofGiven, user, session)]);
    assert_eq!(taken(&subscription), None);
}

#[test]
fn dropped_subscription_leaves_nothing() {
    let broadcast = Broadcast::default();
    let user = UserId::random();
    let subscriptions = [SessionId::random(), SessionId::random()].map(|id| subscribe(&broadcast, user, id));
    assert_eq!(broadcast.len(), 2);
    drop(subscriptions);
    assert!(broadcast.is_empty());
}

#[test]
fn one_session_has_no_more_than_its_share_of_subscribers() {
    let broadcast = Broadcast::default();
    let (user, session) = (UserId::random(), SessionId::random());
    let mut subscriptions: Vec<_> = (0..MAX_PER_SESSION).map(|_| subscribe(&broadcast, user, session)).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    assert!(runtime.block_on(broadcast.subscribe(user, session)).is_none());
    subscribe(&broadcast, user, SessionId::random());
    subscriptions.pop();
    subscribe(&broadcast, user, session);
}

#[test]
fn closing_tells_all_and_accepts_no_others() {
    let broadcast = Broadcast::default();
    let (user, session) = (UserId::random(), SessionId::random());
    let subscription = subscribe(&broadcast, user, session);
    broadcast.close();
    assert!(taken(&subscription).is_some_and(|change| change.is_closing));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    assert!(runtime.block_on(broadcast.subscribe(user, session)).is_none());
}
