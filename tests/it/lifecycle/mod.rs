//! What has ended stays ended, what is signed in stays signed in: under races, faults, crashes and outages.

mod faults;
mod limit;
mod model;
mod outage;
mod world;
