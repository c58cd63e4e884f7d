//! The operations of the sessions module, on both engines.

mod batched_lists;
mod broken_data;
mod browsers;
mod doctor;
mod doctor_schema;
mod end;
mod group_commit;
mod group_commit_isolation;
mod kept_data;
mod limit;
mod lists;
mod lock_order;
mod many;
mod peer_sessions;
mod peers_setting;
mod purge;
mod races;
mod resurrection;
mod role_changes;
mod rotate;
mod save;
pub mod session_fixture;
mod start;
mod time_zones;
mod timeouts;
mod touch;
mod user_changes;
