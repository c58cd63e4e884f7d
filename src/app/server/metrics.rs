//! Counters of connections, for monitoring.

use std::{
    fmt::Write as _,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

/// Totals since the program started.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    /// Refused, because their client or its network had its share.
    pub refused: AtomicU64,
    /// Closed for new ones, while they were idle or half a request had arrived.
    pub evicted: AtomicU64,
    /// Closed because a deadline passed, except idle ones.
    pub timed_out: AtomicU64,
    /// Requests that the HTTP layer refused.
    pub malformed: AtomicU64,
}

impl Metrics {
    /// The counters in Prometheus' text format.
    pub fn text(&self, open: usize, max: usize) -> String {
        let metrics = [
            ("open", "gauge", "Open connections.", open as u64),
            ("max", "gauge", "Maximum number of open connections.", max as u64),
            (
                "refused_total",
                "counter",
                "Connections refused because their client or its network had its share.",
                self.refused.load(Relaxed),
            ),
            (
                "evicted_total",
                "counter",
                "Unused connections closed to make room for new ones.",
                self.evicted.load(Relaxed),
            ),
            (
                "timed_out_total",
                "counter",
                "Connections closed because a head, a body or a response took too long.",
                self.timed_out.load(Relaxed),
            ),
            (
                "malformed_requests_total",
                "counter",
                "Requests refused because they are not valid HTTP or too large.",
                self.malformed.load(Relaxed),
            ),
        ];
        let mut text = String::new();
        for (name, kind, help, value) in metrics {
            // Writing to a String never fails.
            let _ = write!(
                text,
                "# HELP keyrack_connections_{name} {help}\n# TYPE keyrack_connections_{name} {kind}\n\
                 keyrack_connections_{name} {value}\n"
            );
        }
        text
    }
}
