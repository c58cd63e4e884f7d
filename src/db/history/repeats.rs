//! When the journal is applied again after a change of history.

use std::time::{Duration, Instant};

/// The first pause.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The last pause between two applications of the journal after a change of history.
const LAST_REPEAT_PAUSE: Duration = Duration::from_secs(60);

/// The journal is applied again 1, 2, 4 … seconds after a change of history: a restore may bring rows one by one, also of
/// sessions that ended long ago, which are not among the latest ends that each pass looks at.
pub(super) struct Repeats {
    due: Instant,
    pause: Duration,
}

impl Repeats {
    pub fn begin() -> Self {
        Self { due: Instant::now() + FIRST_PAUSE, pause: FIRST_PAUSE }
    }

    pub fn are_due(&self) -> bool {
        Instant::now() >= self.due
    }

    /// The next time; `None` after the last one.
    pub fn next(self) -> Option<Self> {
        let pause = self.pause * 2;
        (pause <= LAST_REPEAT_PAUSE).then(|| Self { due: Instant::now() + pause, pause })
    }
}
