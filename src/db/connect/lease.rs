//! Permits for the connections of a pool, which are taken back from operations that hang.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use parking_lot::Mutex;
use tokio::sync::OwnedSemaphorePermit;

/// How many operations of one pool have been given up, and may be.
#[derive(Debug, Clone)]
pub(super) struct HungOperations {
    count: Arc<AtomicUsize>,
    max: usize,
}

/// The permit of one operation.
#[derive(Debug)]
pub(super) struct Lease {
    state: Mutex<State>,
    hung: HungOperations,
}

#[derive(Debug)]
enum State {
    /// The operation waits for a permit.
    Waiting,
    Held {
        _permit: OwnedSemaphorePermit,
    },
    /// The permit was given back although the operation has not ended.
    GivenUp,
    Ended,
}

/// The thread's end of a lease. Dropping it ends the operation.
pub(super) struct HeldLease(Arc<Lease>);

/// What [`Lease::give_up`] found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum GivenUp {
    /// The operation had ended, or not begun.
    NotRunning,
    /// Its permit was given back. So many operations hang now.
    Yes(usize),
    /// Too many hang: this one keeps its permit.
    TooMany,
}

impl HungOperations {
    /// At most `max` operations are given up at the same time.
    pub fn at_most(max: usize) -> Self {
        Self { count: Arc::default(), max }
    }
}

impl Lease {
    pub fn new(hung: &HungOperations) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State::Waiting), hung: hung.clone() })
    }

    /// Begins the operation.
    pub fn hold(self: &Arc<Self>, permit: OwnedSemaphorePermit) -> HeldLease {
        *self.state.lock() = State::Held { _permit: permit };
        HeldLease(Arc::clone(self))
    }

    /// Gives the permit back although the operation runs.
    pub fn give_up(&self) -> GivenUp {
        let mut state = self.state.lock();
        if !matches!(*state, State::Held { .. }) {
            return GivenUp::NotRunning;
        }
        let taken =
            self.hung.count.fetch_update(Relaxed, Relaxed, |count| (count < self.hung.max).then_some(count + 1));
        match taken {
            Ok(before) => {
                *state = State::GivenUp;
                GivenUp::Yes(before + 1)
            }
            Err(_) => GivenUp::TooMany,
        }
    }
}

impl Drop for HeldLease {
    fn drop(&mut self) {
        let former = std::mem::replace(&mut *self.0.state.lock(), State::Ended);
        if matches!(former, State::GivenUp) {
            self.0.hung.count.fetch_sub(1, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;

    use super::*;

    #[test]
    fn operation_that_hangs_gives_its_permit_back_once() {
        let hung = HungOperations::at_most(1);
        let semaphore = Arc::new(Semaphore::new(2));
        let start = || {
            let lease = Lease::new(&hung);
            assert_eq!(lease.give_up(), GivenUp::NotRunning, "it waits");
            let held = lease.hold(Arc::clone(&semaphore).try_acquire_owned().unwrap());
            (lease, held)
        };
        let (first, first_held) = start();
        let (second, second_held) = start();
        assert_eq!((first.give_up(), semaphore.available_permits()), (GivenUp::Yes(1), 1));
        assert_eq!((first.give_up(), semaphore.available_permits()), (GivenUp::NotRunning, 1));
        assert_eq!((second.give_up(), semaphore.available_permits()), (GivenUp::TooMany, 1));
        drop(first_held);
        assert_eq!(semaphore.available_permits(), 1, "it has given its permit back before");
        assert_eq!((second.give_up(), semaphore.available_permits()), (GivenUp::Yes(1), 2));
        drop(second_held);
        let (third, third_held) = start();
        drop(third_held);
        assert_eq!((third.give_up(), semaphore.available_permits()), (GivenUp::NotRunning, 2));
        assert_eq!(hung.count.load(Relaxed), 0);
    }
}
