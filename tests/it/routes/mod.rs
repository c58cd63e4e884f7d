//! Tests of the HTTP interface: one file per route, or per subject that concerns several routes.

mod api_session;
mod client_address;
mod cookies;
mod csrf;
mod errors;
mod headers;
mod health;
mod history;
mod instances;
mod login;
mod login_next;
mod logout;
mod outage;
mod oversize;
mod remember;
mod revoke;
mod secrecy;
mod session_data;
mod sessions;
mod setup;
mod sign_in_again;
mod storm;
mod throttle;
mod timeouts;
mod user_agent;
