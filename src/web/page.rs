//! The frame that every page has around its content.

use super::assets;
use crate::sessions::LiveSession;

/// The values of `layout.html`, which every page's template extends.
pub(super) struct Page {
    pub stylesheet: String,
    pub script: String,
    pub viewer: Option<Viewer>,
    /// The notice after a change.
    pub flash: Option<String>,
}

/// The signed-in user.
pub(super) struct Viewer {
    pub name: String,
    pub email: String,
    pub csrf_token: String,
}

impl Page {
    /// For a page without a signed-in user.
    pub fn anonymous() -> Self {
        Self { stylesheet: assets::url("keyrack.css"), script: assets::url("keyrack.js"), viewer: None, flash: None }
    }

    /// For a page of the session's user.
    pub fn of(session: &LiveSession, csrf_token: &str) -> Self {
        let viewer = Viewer {
            name: session.user.display_name(),
            email: session.user.email.clone(),
            csrf_token: csrf_token.to_owned(),
        };
        Self { viewer: Some(viewer), ..Self::anonymous() }
    }
}
