//! Names a session's device by its `User-Agent` and its client hints.
//!
//! Users decide by these names which session to end, so a name rather leaves a detail out than shows a wrong one:
//! browsers freeze parts of the string on purpose, and a frozen version is left out.

mod apps;
mod bot_names;
mod bots;
mod browser_names;
mod browsers;
mod hardware;
mod hints;
mod kind;
mod name;
mod programs;
mod structured_fields;
mod systems;
mod told;
mod user_agent;

#[cfg(test)]
mod tests;

pub(crate) use browsers::IN_APP_BROWSER;
pub(crate) use hints::ACCEPT_CH;
pub use hints::ClientHints;
pub use kind::DeviceKind;
pub use name::Device;

use self::{browser_names::Origin, user_agent::UserAgent};

impl Device {
    /// Recognises a device. It never fails: what it does not recognise is left out. The client can send any string, so
    /// show the result, but let no one in by it. Its kind and system only tell copied cookies apart
    /// (`sessions/copied_cookies.rs`).
    #[must_use]
    pub fn from_user_agent(user_agent: &str) -> Self {
        Self::recognise(user_agent, None)
    }

    /// Recognises a device by its user agent and by the client hints that it has sent, as far as they agree with it.
    #[must_use]
    pub fn recognise(user_agent: &str, hints: Option<&ClientHints>) -> Self {
        let ua = UserAgent::parse(user_agent);
        if let Some(bot) = bots::find(&ua) {
            // Crawlers pretend to be on a platform to be sent its pages.
            return Self::named(bot.name, None, DeviceKind::Bot);
        }
        if let Some(name) = programs::find(&ua) {
            let system = systems::find(&ua, Origin::Any, None).name;
            return Self::named(Some(name), system, DeviceKind::Program);
        }
        if programs::is_unnamed(&ua) {
            return Self::named(None, systems::find(&ua, Origin::Any, None).name, DeviceKind::Unknown);
        }
        let browser = browsers::find(&ua);
        let origin = browser.as_ref().map_or(Origin::Any, |browser| browser.origin);
        let major = browser.as_ref().and_then(|browser| browser.name.rsplit_once(' ')?.1.parse().ok());
        let system = systems::find(&ua, origin, major);
        let name = browser.as_ref().map(|browser| browser.name.clone());
        let mut device = Self::named(name, system.name.clone(), system.kind);
        if let Some(hints) = hints.filter(|hints| told::agree(&ua, &system, hints)) {
            told::add(&mut device, browser.as_ref(), &system, hints);
        }
        device
    }
}
