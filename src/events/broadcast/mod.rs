//! Passes the events of sessions on to the open pages of their users.
//!
//! A page subscribes to one session of one user. `follow` reads the table as soon as something was committed, by whichever
//! process, and tells each subscriber what has become of its session and whether the list of devices has changed. What a
//! subscriber has not taken yet is kept as one state, not as a queue: a page that is slow costs no more than another one.

mod change;
mod follow;
mod mailbox;
mod subscribers;

pub use change::{Change, Ended};
pub use subscribers::{Broadcast, Subscription};
