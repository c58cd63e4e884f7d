//! What a device is called.

use super::kind::DeviceKind;

/// A device. Its names have at most 40 printable ASCII characters each, whatever was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Browser, program or bot with its major version: "Firefox 140".
    pub browser: Option<String>,
    /// "Android 15"; without a version that the string may not tell truthfully.
    pub system: Option<String>,
    /// The kind of device.
    pub kind: DeviceKind,
    /// "Pixel 9 Pro": only from client hints.
    pub model: Option<String>,
    /// The whole version of the browser, from client hints: "148.0.7778.96".
    pub browser_version: Option<String>,
    /// The whole version of the system, from client hints, where people know it: "15.6.1".
    pub system_version: Option<String>,
}

impl Device {
    /// One of which client hints tell nothing.
    pub(super) fn named(browser: Option<String>, system: Option<String>, kind: DeviceKind) -> Self {
        Self { browser, system, kind, model: None, browser_version: None, system_version: None }
    }

    /// The system, and the model where it is known: "Android 16 (Pixel 9 Pro)".
    #[must_use]
    pub fn platform(&self) -> Option<String> {
        match (&self.system, &self.model) {
            (Some(system), Some(model)) => Some(format!("{system} ({model})")),
            (Some(name), None) | (None, Some(name)) => Some(name.clone()),
            (None, None) => None,
        }
    }

    /// One line for lists and mails: "Firefox 140 on Linux", "Chrome 148 on Android 16 (Pixel 9 Pro)", "Linux computer".
    #[must_use]
    pub fn title(&self) -> String {
        let noun = self.kind.noun();
        match (&self.browser, &self.platform()) {
            (Some(browser), Some(system)) => format!("{browser} on {system}"),
            (Some(browser), None) => browser.clone(),
            (None, Some(system)) if system.eq_ignore_ascii_case(noun) => system.clone(),
            (None, Some(system)) => format!("{system} {noun}"),
            (None, None) => format!("Unknown {noun}"),
        }
    }
}
