//! The origins of applications whose pages may follow their session (`KEYRACK_APP_ORIGINS`).

use actix_web::http::header::{HeaderMap, HeaderValue, ORIGIN};

use crate::config::AppOrigin;

/// The origins of applications whose pages may read the stream of events.
pub(crate) struct AppOrigins(Vec<HeaderValue>);

impl AppOrigins {
    pub fn new(origins: &[AppOrigin]) -> Self {
        Self(origins.iter().filter_map(|origin| HeaderValue::from_str(&origin.to_string()).ok()).collect())
    }

    /// The origin of the page that sends a request, if it is one of them.
    pub(super) fn find(&self, headers: &HeaderMap) -> Option<&HeaderValue> {
        let origin = headers.get(ORIGIN)?;
        self.0.iter().find(|allowed| *allowed == origin)
    }
}
