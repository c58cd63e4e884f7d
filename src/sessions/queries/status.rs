//! The two words of `sessions.status`.

pub(super) const ACTIVE: &str = "active";
pub(super) const LOGGED_OUT: &str = "logged_out";
