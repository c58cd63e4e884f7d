//! Lets the strangers of one account in one by one, so that simultaneous sign-ins wait for each other instead of being
//! refused.

use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time,
};

use crate::accounts::{failure_keys::FailureKey, failures::FREE_FAILURES};

/// Attempts of strangers on one account that wait or are checked. Further ones are refused.
const MAX_ATTEMPTS_PER_ACCOUNT: usize = 128;
/// How long an attempt waits for those before it.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// The lines of this process, one for each text that someone tries to sign in with. As many attempts of a line are
/// checked at once as may fail without a wait.
#[derive(Debug, Clone, Default)]
pub(super) struct Lines(Arc<Mutex<HashMap<FailureKey, Line>>>);

#[derive(Debug)]
struct Line {
    semaphore: Arc<Semaphore>,
    attempts: usize,
}

/// An attempt in a line. The next one follows when it is dropped.
#[derive(Debug)]
pub(in crate::accounts) struct InLine {
    lines: Lines,
    key: FailureKey,
    permit: Option<OwnedSemaphorePermit>,
}

impl Lines {
    /// Waits until an attempt may go on. Returns `None` if too many attempts are before it.
    pub async fn enter(&self, key: &FailureKey) -> Option<InLine> {
        let semaphore = {
            let mut lines = self.0.lock();
            let line = lines
                .entry(key.clone())
                .or_insert_with(|| Line { semaphore: Arc::new(Semaphore::new(FREE_FAILURES as usize)), attempts: 0 });
            if line.attempts >= MAX_ATTEMPTS_PER_ACCOUNT {
                return None;
            }
            line.attempts += 1;
            Arc::clone(&line.semaphore)
        };
        // Leaves the line when it is dropped, also while it waits.
        let mut in_line = InLine { lines: self.clone(), key: key.clone(), permit: None };
        in_line.permit = match Arc::clone(&semaphore).try_acquire_owned() {
            Ok(permit) => Some(permit),
            Err(_) => Some(time::timeout(MAX_WAIT, semaphore.acquire_owned()).await.ok()?.ok()?),
        };
        Some(in_line)
    }
}

impl Drop for InLine {
    fn drop(&mut self) {
        drop(self.permit.take());
        let mut lines = self.lines.0.lock();
        if let Some(line) = lines.get_mut(&self.key) {
            line.attempts -= 1;
            if line.attempts == 0 {
                lines.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::failure_keys::Buckets;

    #[test]
    fn line_lets_ten_in_and_holds_a_bounded_number() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let key = Buckets::new("a secret that is long enough").unknown("a");
            let lines = Lines::default();
            let mut inside = Vec::new();
            for _ in 0..FREE_FAILURES {
                inside.push(lines.enter(&key).await.unwrap());
            }
            let waiting: Vec<_> = (10..MAX_ATTEMPTS_PER_ACCOUNT)
                .map(|_| {
                    let (lines, key) = (lines.clone(), key.clone());
                    tokio::spawn(async move { lines.enter(&key).await.is_some() })
                })
                .collect();
            while lines.0.lock()[&key].attempts < MAX_ATTEMPTS_PER_ACCOUNT {
                tokio::task::yield_now().await;
            }
            assert!(lines.enter(&key).await.is_none(), "the line is full");
            assert!(!waiting[0].is_finished());
            drop(inside);
            for attempt in waiting {
                assert!(attempt.await.unwrap(), "each one follows another");
            }
            assert!(lines.0.lock().is_empty());
        });
    }
}
