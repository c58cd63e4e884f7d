//! The frame that every page has around its content.

use std::rc::Rc;

use super::places::Places;
use crate::{geoip::Attribution, sessions::LiveSession, words::Words};

/// The values of `layout.html`, which every page's template extends.
pub(super) struct Page {
    pub words: Words,
    /// For the form that changes the language; empty on a page that has no token.
    pub csrf_token: String,
    pub viewer: Option<Viewer>,
    /// The lines of those whose data the page shows, if it shows places.
    pub places: Option<Vec<Attribution>>,
    /// The notice after a change.
    pub flash: Option<FlashMessage>,
}

/// A notice in words.
pub(super) struct FlashMessage {
    pub text: String,
    /// Whether something was done; otherwise, it was not.
    pub is_success: bool,
}

impl FlashMessage {
    /// Says to a user who has signed in that the form which they sent before was not handled.
    pub fn unmade_change(words: Words) -> Self {
        Self { text: words.change_unmade().to_owned(), is_success: false }
    }
}

/// The signed-in user.
pub(super) struct Viewer {
    pub session: String,
    /// Whether the page follows its session. One that is good for changing the password only can't ask for its own state.
    pub is_followed: bool,
    pub name: String,
    pub email: String,
    pub csrf_token: String,
}

/// What an error page needs of the request's session. The session layer puts it into the request's extensions: error
/// pages are rendered outside it.
#[derive(Clone)]
pub(super) struct ErrorPageContext(pub Rc<dyn ErrorPageSource>);

/// See [`ErrorPageContext`].
pub(super) trait ErrorPageSource {
    /// The frame for the session's user, with the sign-out form; `None` if the request is not signed in.
    fn page(&self, words: Words) -> Option<Page>;

    /// The URL that people use.
    fn public_url(&self) -> String;
}

impl Page {
    /// Whether the page follows its session.
    pub fn is_followed(&self) -> bool {
        self.viewer.as_ref().is_some_and(|viewer| viewer.is_followed)
    }

    /// For a page without a signed-in user.
    pub fn anonymous(words: Words) -> Self {
        Self { words, csrf_token: String::new(), viewer: None, places: None, flash: None }
    }

    /// For a page with a form of a visitor.
    pub fn of_visitor(csrf_token: &str, words: Words) -> Self {
        Self { csrf_token: csrf_token.to_owned(), ..Self::anonymous(words) }
    }

    /// For a page of the session's user.
    pub fn of(session: &LiveSession, csrf_token: &str, words: Words) -> Self {
        let viewer = Viewer {
            session: session.id.to_string(),
            is_followed: !session.must_change_password,
            name: session.user.display_name(),
            email: session.user.email.clone(),
            csrf_token: csrf_token.to_owned(),
        };
        Self { viewer: Some(viewer), ..Self::of_visitor(csrf_token, words) }
    }

    /// The same, for a page that shows these places.
    pub fn with_places(self, places: &Places) -> Self {
        Self { places: places.attributions(), ..self }
    }
}
