//! The verbs of the sessions module, on both engines: one contract for the store.

mod collisions;
mod data;
mod doctor;
mod end;
mod group_commit;
mod group_commit_isolation;
mod history;
mod kept_data;
mod limits;
mod lists;
mod peers;
mod purge;
mod races;
mod resurrection;
mod rotate;
mod save;
mod session_fixture;
mod start;
mod time_zones;
mod touch;
mod users;
