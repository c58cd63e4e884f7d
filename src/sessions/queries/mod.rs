//! Every statement on `sessions` and `user_sessions`. The functions run inside the caller's transaction.
//!
//! Rows are locked in one order, `users`, `sessions`, `user_sessions`, so that two transactions never wait for each other
//! in a circle. A session's data is never upserted: creating inserts, saving only updates.

mod adopt;
mod commit;
mod doctor;
mod end;
mod insert;
mod list;
mod live;
mod purge;
mod rows;
mod touch;
mod update;

pub(super) use adopt::{Judged, adopt, delete_returned, judge_data_after};
pub(super) use commit::{Change, Start, commit};
pub(super) use doctor::{
    DataBesideSession, active_with_end, active_without_data, cap_expire, complete_end, contradictory_times, data_after,
    delete_data_of, end_incomplete, ended_with_data, known_users, outliving_data, shared_sids,
};
pub(super) use end::{End, Which, end};
pub(super) use insert::{NewRow, insert, lock_user};
pub(super) use list::{Whose, active_beyond, active_of, ended_of, find_own, list};
pub(super) use live::{Found, LiveRow, Wanted, find_live, lock_live};
pub(super) use purge::{RunOut, delete_dead_data, delete_history, end_run_out, find_expired, lock_run_out, walk};
pub(crate) use rows::UserRow;
pub(super) use touch::{Touch, touch};
pub(super) use update::{Rotation, renew_terms, rotate, update_data};

/// The two words of `sessions.status`.
const ACTIVE: &str = "active";
const LOGGED_OUT: &str = "logged_out";
