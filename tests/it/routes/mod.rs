//! One file a route, or a group of routes that belong together.

mod login;
