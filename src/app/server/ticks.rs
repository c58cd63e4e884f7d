//! Coarse time for deadlines: one counter per worker instead of a timer per connection.

use std::{
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::{Duration, Instant},
};

use crate::config::ConnectionLimits;

/// How often deadlines are checked.
pub(in crate::app) const TICK: Duration = Duration::from_millis(250);

/// The deadline of a connection that may take its time. It is never reached: 2³² ticks are 34 years.
pub(super) const NO_DEADLINE: u32 = u32::MAX;

/// Calculates deadlines, as numbers of the tick at which they have passed.
#[derive(Debug)]
pub(super) struct Deadlines {
    started: Instant,
    now: AtomicU32,
    head: u32,
    body: u32,
    response: u32,
    idle: u32,
    linger: u32,
}

impl Deadlines {
    /// `started` must be the same for all workers, so that their deadlines can be compared.
    pub fn new(started: Instant, limits: &ConnectionLimits) -> Self {
        let deadlines = Self {
            started,
            now: AtomicU32::new(0),
            head: ticks(limits.head_timeout),
            body: ticks(limits.body_timeout),
            response: ticks(limits.response_timeout),
            idle: ticks(limits.idle_timeout),
            linger: ticks(limits.linger_timeout),
        };
        deadlines.tick();
        deadlines
    }

    /// Reads the clock, and returns the number of the current tick.
    pub fn tick(&self) -> u32 {
        let now = u32::try_from(self.started.elapsed().as_millis() / TICK.as_millis()).unwrap_or(NO_DEADLINE);
        self.now.store(now, Relaxed);
        now
    }

    pub fn head(&self) -> u32 {
        self.after(self.head)
    }

    pub fn body(&self) -> u32 {
        self.after(self.body)
    }

    pub fn response(&self) -> u32 {
        self.after(self.response)
    }

    pub fn idle(&self) -> u32 {
        self.after(self.idle)
    }

    pub fn linger(&self) -> u32 {
        self.after(self.linger)
    }

    /// The tick at which a head or a new connection got this deadline.
    pub fn head_began(&self, deadline: u32) -> u32 {
        deadline.saturating_sub(self.head)
    }

    /// The tick at which a request with this deadline for its body was passed on.
    pub fn body_began(&self, deadline: u32) -> u32 {
        deadline.saturating_sub(self.body)
    }

    /// The tick at which a connection became idle with this deadline.
    pub fn idle_began(&self, deadline: u32) -> u32 {
        deadline.saturating_sub(self.idle)
    }

    fn after(&self, ticks: u32) -> u32 {
        // Two more, since `now` is rounded down and up to a tick old: a deadline never passes early.
        self.now.load(Relaxed).saturating_add(ticks).saturating_add(2).min(NO_DEADLINE - 1)
    }
}

/// The number of ticks, rounded up.
fn ticks(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis().div_ceil(TICK.as_millis())).unwrap_or(NO_DEADLINE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadline_never_passes_early() {
        let started = Instant::now();
        let limits = ConnectionLimits { head_timeout: Duration::from_millis(600), ..ConnectionLimits::default() };
        let deadlines = Deadlines::new(started, &limits);
        assert!(TICK * (deadlines.head() - 2) >= limits.head_timeout);
        assert!(deadlines.idle() > deadlines.head());
        assert!(deadlines.idle() < NO_DEADLINE);
    }
}
