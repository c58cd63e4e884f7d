//! Continues the session of a sign-in form that is sent twice, where the password can't start another one.

use actix_web::http::header::HeaderMap;

use super::RequestSession;
use crate::{
    accounts::SignInBrowserIds,
    error::Result,
    sessions::{NewSession, UserId},
};

impl RequestSession {
    /// Continues the session that the same form has started a moment ago, with a password of this user that was good for
    /// one sign-in. Returns whether there is one; the response then gets its cookies.
    pub(crate) async fn continue_sign_in(&self, user: UserId, remember: bool, headers: &HeaderMap) -> Result<bool> {
        let Some(form) = self.sent_form(user, remember) else { return Ok(false) };
        let browsers = SignInBrowserIds::new(self.presented_browsers(headers), Some(form.clone()), None)?;
        let new = NewSession {
            remember,
            client: self.client().clone(),
            browser: Some(browsers.hashes()),
            form: Some(form),
            bound_sessions: self.bound_sessions(headers),
            ..NewSession::of(user)
        };
        let Some(issued) = self.state().sessions.continue_form(new).await? else { return Ok(false) };
        self.set_browser_cookie(&browsers, issued.browser.as_ref());
        self.set_renewed(issued);
        Ok(true)
    }
}
