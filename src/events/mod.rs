//! Security events: what happened to accounts and sessions, by whom, and from where.
//!
//! An event is a row of `security_events`, written in the transaction of what it tells. Triggers write those of sessions,
//! whichever program starts or ends one; `record` writes the others. After the commit, the same goes to the log as one
//! line, see `log`. `docs/events.md` describes both for operators.
//!
//! | module | contents |
//! |---|---|
//! | `kind` | the kinds of events, and their words |
//! | `cause` | why something failed or was refused |
//! | `source` | who did something, and from where |
//! | `event` | an event to write, and one that was read |
//! | `filter` | which events are read, and from where on |
//! | `log` | the log line of an event |
//! | `record` | writes an event within a transaction |
//! | `deferred` | stores events after the answer that they are about |
//! | `setting` | records changes of settings that are kept in the database |
//! | `queries` | the statements on `security_events` |
//! | `reader` | pages of events, and following them |
//! | `broadcast` | passes the events of sessions on to open pages |
//! | `follow_log` | logs the events of peers and commands |
//! | `retention` | how long events are kept, as the triggers enforce it |
//! | `shared_reader` | reads every event once, by one of several instances |
//! | `purge` | deletes events past their retention |
//! | `rate` | keeps repeated events from filling the table |

mod broadcast;
mod cause;
mod deferred;
mod event;
mod filter;
mod follow_log;
mod kind;
mod log;
mod purge;
mod queries;
mod rate;
mod reader;
mod record;
mod retention;
mod setting;
mod shared_reader;
mod source;

pub use broadcast::{Broadcast, Change, Ended, Subscription};
pub use event::{EventCursor, NewEvent, SecurityEvent};
pub use filter::EventFilter;
pub use kind::EventKind;
pub use reader::{EventPage, Events};
pub use source::{Actor, Source};

pub(crate) use cause::EventCause;
pub(crate) use deferred::DeferredEvents;
pub(crate) use log::{log_after_commit, log_event, set_logged};
pub(crate) use queries::{events_since, first_since, latest_since, password_sign_ins_since};
pub(crate) use rate::EventRate;
pub(crate) use record::record;
pub(crate) use retention::{DEFAULT_RETENTION, MIN_RETENTION, find_lowered_retention};
pub(crate) use setting::{peers_changed, set_peers};
pub(crate) use shared_reader::SharedReader;
