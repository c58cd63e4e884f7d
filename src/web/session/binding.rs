//! What one request knows of the browser that its session is bound to.

use std::cell::RefCell;

use super::resume::Resumed;
use crate::clock::Timestamp;

/// The proof of a request, and what its response says about the next one.
pub(super) struct RequestBinding {
    pub is_unproved: bool,
    pub proved_until: Option<Timestamp>,
    /// Whether the response deletes the proof.
    pub is_removed: RefCell<bool>,
    /// The header that asks the browser to bind its session.
    pub registration: RefCell<Option<String>>,
}

impl RequestBinding {
    pub fn of(resumed: &Resumed) -> Self {
        Self {
            is_unproved: resumed.is_unproved,
            proved_until: resumed.proved_until,
            is_removed: RefCell::new(resumed.is_unproved),
            registration: RefCell::default(),
        }
    }
}
