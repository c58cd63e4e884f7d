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

    /// Whether both can be one device, for all that is known of them: of one kind, with one system. Versions and
    /// browsers are updated, so they do not count.
    pub(in crate::sessions) fn may_be(&self, other: &Self) -> bool {
        let is_kind = self.kind == other.kind || [self.kind, other.kind].contains(&DeviceKind::Unknown);
        let is_system = self.system_family().zip(other.system_family()).is_none_or(|(own, others)| own == others);
        is_kind && is_system
    }

    /// The system without its version: "Windows". An iPad calls itself by several names.
    fn system_family(&self) -> Option<&str> {
        let family = self.system.as_deref()?.split(' ').next()?;
        Some(if matches!(family, "iPadOS" | "iOS/iPadOS") { "iOS" } else { family })
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
