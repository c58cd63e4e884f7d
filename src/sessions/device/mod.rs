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
mod kind;
mod programs;
mod systems;
mod user_agent;

#[cfg(test)]
mod tests;

pub(crate) use browsers::IN_APP_BROWSER;
pub use kind::DeviceKind;

use self::{browser_names::Origin, user_agent::UserAgent};

/// A device. Its names have at most 40 printable ASCII characters each, whatever was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Browser, program or bot with its major version: "Firefox 140".
    pub browser: Option<String>,
    /// "Android 15"; without a version that the string may not tell truthfully.
    pub system: Option<String>,
    /// The kind of device.
    pub kind: DeviceKind,
}

impl Device {
    /// Recognises a device. It never fails: what it does not recognise is left out. The client can send any string, so
    /// show the result, but decide nothing by it.
    #[must_use]
    pub fn from_user_agent(user_agent: &str) -> Self {
        let ua = UserAgent::parse(user_agent);
        if let Some(bot) = bots::find(&ua) {
            // Crawlers pretend to be on a platform to be sent its pages.
            return Self { browser: bot.name, system: None, kind: DeviceKind::Bot };
        }
        if let Some(name) = programs::find(&ua) {
            let system = systems::find(&ua, Origin::Any, None).name;
            // Wget names no system since 1.21, and mostly runs on Linux.
            let system = system.or_else(|| name.starts_with("Wget ").then(|| "Linux".to_owned()));
            return Self { browser: Some(name), system, kind: DeviceKind::Program };
        }
        if programs::is_unnamed(&ua) {
            let system = systems::find(&ua, Origin::Any, None).name;
            return Self { browser: None, system, kind: DeviceKind::Unknown };
        }
        let browser = browsers::find(&ua);
        let origin = browser.as_ref().map_or(Origin::Any, |browser| browser.origin);
        let major = browser.as_ref().and_then(|browser| browser.name.rsplit_once(' ')?.1.parse().ok());
        let system = systems::find(&ua, origin, major);
        Self { browser: browser.map(|browser| browser.name), system: system.name, kind: system.kind }
    }

    /// One line for lists and mails: "Firefox 140 on Linux", "Linux computer".
    #[must_use]
    pub fn title(&self) -> String {
        let noun = self.kind.noun();
        match (&self.browser, &self.system) {
            (Some(browser), Some(system)) => format!("{browser} on {system}"),
            (Some(browser), None) => browser.clone(),
            (None, Some(system)) if system.eq_ignore_ascii_case(noun) => system.clone(),
            (None, Some(system)) => format!("{system} {noun}"),
            (None, None) => format!("Unknown {noun}"),
        }
    }
}
