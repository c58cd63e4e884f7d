//! SQL that Diesel has no words for, and SQL that the two engines spell differently.

mod keys;
mod locks;
mod readable;
mod sql_file;
mod wrappers;

pub use keys::{batch_key, batch_time, for_each_key, slot_for};
pub use locks::{SharedTask, check_constraints_at_once, limit_lock_wait, lock_writes, take_task};
pub use readable::{LoadReadable, Page, Readable, readable};
pub use sql_file::sql_file;
pub use wrappers::{as_instant, for_update, for_update_skip_locked, opaque_to_planner, prepared, roundtripped};
