//! The verbs of the sessions module, on both engines: one contract for the store.

mod alone;
mod collisions;
mod data;
mod doctor;
mod end;
mod history;
mod kept;
mod limits;
mod lists;
mod peers;
mod purge;
mod races;
mod rack;
mod resurrection;
mod rotate;
mod save;
mod start;
mod together;
mod touch;
mod users;
mod zones;
