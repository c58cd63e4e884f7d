//! What has ended stays ended, what is signed in stays signed in: under races, faults, crashes and outages.

mod altered;
mod ends;
mod faults;
mod kill;
mod limit;
mod lookups;
mod model;
mod outage;
mod person;
mod pooler;
mod world;
