//! Bounds how many lines of one kind a flood can write to the log.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

const WINDOW: Duration = Duration::from_secs(60);
const MAX_LINES_PER_WINDOW: u32 = 10;

/// Lets ten lines per minute pass, and counts the others.
#[derive(Debug)]
pub(super) struct RateLimitedLog(Mutex<Window>);

#[derive(Debug)]
struct Window {
    started: Instant,
    lines: u32,
    suppressed: u64,
}

impl RateLimitedLog {
    pub fn new(now: Instant) -> Self {
        Self(Mutex::new(Window { started: now, lines: 0, suppressed: 0 }))
    }

    /// Whether a line may be written now, and how many were suppressed since the last window that had some.
    pub fn permit(&self, now: Instant) -> Option<u64> {
        let mut window = self.0.lock();
        if now.duration_since(window.started) >= WINDOW {
            window.started = now;
            window.lines = 0;
        }
        if window.lines == MAX_LINES_PER_WINDOW {
            window.suppressed += 1;
            return None;
        }
        window.lines += 1;
        Some(std::mem::take(&mut window.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_beyond_ten_per_minute_are_counted() {
        let start = Instant::now();
        let log = RateLimitedLog::new(start);
        let permitted = (0..30).filter_map(|_| log.permit(start)).collect::<Vec<_>>();
        assert_eq!(permitted, [0; 10]);
        assert_eq!(log.permit(start + WINDOW), Some(20));
        assert_eq!(log.permit(start + WINDOW), Some(0));
    }
}
