//! Counters of the purge, for monitoring.

use std::{
    fmt::Write as _,
    sync::atomic::{AtomicU64, Ordering},
};

use super::model::Purged;
use crate::clock::Timestamp;

/// Totals of all purges since the program started.
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
        let counters = [
            (&self.ended, batch.ended),
            (&self.data_removed, batch.data_removed),
            (&self.history_removed, batch.history_removed),
        ];
        for (counter, count) in counters {
            counter.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
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

    /// The counters in Prometheus' text format.
    pub fn text(&self) -> String {
        let metrics = [
            ("runs_total", "counter", "Purge runs.", &self.runs),
            ("failures_total", "counter", "Purge runs with a failed step.", &self.failures),
            ("ended_total", "counter", "Sessions ended by the purge: expired, or beyond the limit.", &self.ended),
            ("data_removed_total", "counter", "Rows of session data deleted by the purge.", &self.data_removed),
            ("history_removed_total", "counter", "Rows of history deleted by the purge.", &self.history_removed),
            ("last_success_timestamp_seconds", "gauge", "Time of the last successful purge run.", &self.last_success),
        ];
        let mut text = String::new();
        for (name, kind, help, value) in metrics {
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
