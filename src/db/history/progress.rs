//! What a watcher is doing, as it tells its supervisor.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// What a watcher is doing, as it tells its supervisor.
#[derive(Debug, Default)]
pub(super) struct Progress(Mutex<Step>);

#[derive(Debug, Default)]
struct Step {
    /// When the present step began; `None` between two passes.
    began_at: Option<Instant>,
    has_completed_pass: bool,
}

impl Progress {
    /// Records that one step has ended, and the next one begins.
    pub fn begin_step(&self) {
        self.0.lock().began_at = Some(Instant::now());
    }

    /// Records that the step has ended.
    pub fn end_step(&self) {
        self.0.lock().began_at = None;
    }

    /// Records the end of a pass.
    pub fn end_pass(&self, is_completed: bool) {
        self.end_step();
        self.0.lock().has_completed_pass |= is_completed;
    }

    pub fn busy_for(&self) -> Duration {
        self.0.lock().began_at.map_or(Duration::ZERO, |began_at| began_at.elapsed())
    }

    pub fn has_completed_pass(&self) -> bool {
        self.0.lock().has_completed_pass
    }
}
