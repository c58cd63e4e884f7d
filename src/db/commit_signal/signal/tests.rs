//! When a follower is woken.

use super::*;

/// Whether a follower that waits now is woken at once.
fn is_woken(signal: &CommitSignal) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(Duration::ZERO, signal.wait()).await.is_ok() })
}

#[test]
fn commit_before_the_wait_wakes_the_follower_once() {
    let signal = CommitSignal::default();
    assert!(!is_woken(&signal));
    signal.raise();
    signal.raise();
    assert!(is_woken(&signal));
    assert!(!is_woken(&signal), "both are read together");
}

#[test]
fn announcer_is_told_of_several_commits_once() {
    let signal = CommitSignal::default();
    signal.for_announcer.lock().is_started = true;
    signal.raise();
    signal.raise();
    assert!(signal.wait_for_commit(Duration::ZERO));
    assert!(!signal.wait_for_commit(Duration::ZERO));
}
