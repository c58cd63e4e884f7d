//! The two words of `sessions.status`. `logged_out` means ended, for any reason.

pub(super) const ACTIVE: &str = "active";
pub(super) const LOGGED_OUT: &str = "logged_out";
