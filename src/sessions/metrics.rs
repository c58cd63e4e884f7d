//! Counters for whoever watches over the purge.

use std::{
    fmt::Write as _,
    sync::atomic::{AtomicU64, Ordering},
};

use super::purge::Purged;
use crate::clock::Timestamp;

/// What the purge has done since the program started.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    runs: AtomicU64,
    failures: AtomicU64,
    ended: AtomicU64,
    data_removed: AtomicU64,
    history_removed: AtomicU64,
    last_success: AtomicU64,
}

impl Metrics {
    pub fn batch(&self, batch: Purged) {
        let sums = [
            (&self.ended, batch.ended),
            (&self.data_removed, batch.data_removed),
            (&self.history_removed, batch.history_removed),
        ];
        for (sum, count) in sums {
            sum.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }

    pub fn run(&self, succeeded: bool, now: Timestamp) {
        self.runs.fetch_add(1, Ordering::Relaxed);
        if succeeded {
            let seconds = u64::try_from(now.as_micros() / 1_000_000).unwrap_or(0);
            self.last_success.store(seconds, Ordering::Relaxed);
        } else {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// In Prometheus' text format.
    pub fn text(&self) -> String {
        let counters = [
            ("runs_total", "counter", "Purges that were run.", &self.runs),
            ("failures_total", "counter", "Purges of which a step failed.", &self.failures),
            ("ended_total", "counter", "Sessions that had run out and were given their end.", &self.ended),
            ("data_removed_total", "counter", "Rows of session data that were removed.", &self.data_removed),
            ("history_removed_total", "counter", "Rows of history that were removed.", &self.history_removed),
            ("last_success_timestamp_seconds", "gauge", "When a purge last succeeded.", &self.last_success),
        ];
        let mut text = String::new();
        for (name, kind, help, value) in counters {
            let value = value.load(Ordering::Relaxed);
            // Writing to a String never fails.
            let _ = write!(
                text,
                "# HELP keyrack_purge_{name} {help}\n# TYPE keyrack_purge_{name} {kind}\nkeyrack_purge_{name} {value}\n"
            );
        }
        text
    }
}
