//! Every statement on `sessions` and `user_sessions`. The functions run inside the caller's transaction.
//!
//! Rows are locked in one order, `users`, `sessions`, `user_sessions`, so that no two transactions deadlock. A
//! session's data is never upserted: creating inserts, saving only updates.

mod active;
mod addresses;
mod adopt;
mod binding;
mod browsers;
mod checked_factor;
mod doctor;
mod end;
mod end_again;
mod ended;
mod former_sign_in;
mod future_times;
mod grouped_write;
mod insert;
mod limit;
mod list;
mod live;
mod lost_ends;
mod proofs;
mod purge;
mod report;
mod role;
mod rows;
mod sign_in;
mod status;
mod touch;
mod update;

pub(super) use active::{ActivePage, EndScope, count_ended_since, count_others, find_active, latest_start};
pub(super) use addresses::used_addresses;
pub(super) use adopt::{DataPage, adopt, allow_peers, classify_data_after, delete_resurrected};
pub(super) use binding::{bound_key, confirm_binding, set_bound_key, use_challenge};
pub(super) use browsers::{
    BrowserDevice, browser_event, browsers_of, delete_browsers, devices_of_browsers, end_trust, has_signed_in_to,
    insert_browser, is_new_browser, set_trust, sids_of_browsers, trusted_in, use_browser,
};
pub(super) use checked_factor::{has_app_since, has_used_code, is_trusted};
pub(super) use doctor::{
    DataWithSession, active_with_end, active_without_data, cap_expire, complete_end, contradictory_times, data_after,
    delete_data_of, end_incomplete, ended_with_data, known_users, outliving_data, shared_sids,
};
pub(super) use end::{EndTarget, Ending, end, end_batch, end_few};
pub(super) use end_again::{
    FormerSid, active_sids, count_active, end_again, ended_since, has_sessions, replaced_after,
};
pub(super) use ended::{SessionState, find_by_sid, find_state, replaced_at};
pub(super) use future_times::{date_back, dated_after};
pub(super) use grouped_write::{GroupedStart, GroupedWrite, Written, write_grouped};
pub(super) use insert::{NewRow, insert, lock_user, use_one_time_password};
pub(super) use limit::{first_beyond, has_more_active_than, is_active, live_beyond, scan_users};
pub(super) use list::{
    MAX_SORTED, PAGE_ROWS, ROWS_TO_READ, UserAt, count_live, ended_of, find_all_own, find_own, list, live_by_id,
    live_of, live_of_one,
};
pub(super) use live::{LiveColumns, LiveSessionKey, LiveSessionRow, find_live, lock_live, lock_readable, lock_sid};
pub(super) use lost_ends::{find_outdated_ends, forget_ends, lost_ends_since};
pub(super) use proofs::{find_authenticated_at, note_proof, passkey_name, passkey_of_proof, purge_proofs};
pub(super) use purge::{
    Expired, ExpiredData, OutdatedSid, delete_expired_data, delete_history, end_expired, find_expired_data,
    find_history, find_outdated_sids, forget_sids, lock_expired, scan_page,
};
pub(super) use report::{
    MAX_LISTED_SINCE, active_among, by_password_since, forget_browsers_of, is_last_of_a_browser, let_in_between,
};
pub(super) use role::{lock_role, update_role_in_data};
pub(crate) use rows::UserRow;
pub(super) use sign_in::{
    FoundSignIn, find_replaced, find_sign_in, find_sign_in_by_form, find_sign_in_by_sid, former_sids_of,
};
pub(super) use touch::{Touch, touch};
pub(super) use update::{
    Naming, Rotation, lift_password_change, lock_name, record_proof, record_sign_in_again, retire_unknown_sid, rotate,
    set_form, set_name, update_data, update_lifetime,
};
