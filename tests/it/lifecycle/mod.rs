//! What has ended stays ended, what is signed in stays signed in: under races, faults, crashes and outages.

mod ends;
mod faults;
mod kill;
mod limit;
mod lookups;
mod model;
mod outage;
mod pooler;
mod schema_change_while_running;
mod simulated_user;
