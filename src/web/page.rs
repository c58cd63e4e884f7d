//! What every page has around its content.

use super::assets;
use crate::sessions::LiveSession;

/// The frame of a page: its template extends `layout.html`, which prints this.
pub(super) struct Page {
    pub stylesheet: String,
    pub script: String,
    pub viewer: Option<Viewer>,
    pub flash: Option<Flash>,
}

/// Who is looking.
pub(super) struct Viewer {
    pub name: String,
    pub email: String,
    pub csrf_token: String,
}

/// What was just done.
pub(super) struct Flash {
    pub good: bool,
    pub text: String,
}

impl Page {
    /// Around a page that knows nobody.
    pub fn bare() -> Self {
        Self { stylesheet: assets::url("keyrack.css"), script: assets::url("keyrack.js"), viewer: None, flash: None }
    }

    /// Around a page of somebody who is signed in.
    pub fn of(live: &LiveSession, csrf_token: &str) -> Self {
        let viewer = Viewer {
            name: live.user.display_name(),
            email: live.user.email.clone(),
            csrf_token: csrf_token.to_owned(),
        };
        Self { viewer: Some(viewer), ..Self::bare() }
    }
}
