//! Kinds of devices.

/// The kind of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceKind {
    /// A desktop or laptop computer.
    Computer,
    /// A phone.
    Phone,
    /// A tablet.
    Tablet,
    /// A television, or a box or stick that is connected to one.
    Television,
    /// A game console.
    Console,
    /// The built-in screen of a car.
    Car,
    /// A headset for virtual or augmented reality.
    Headset,
    /// A watch.
    Watch,
    /// An e-reader.
    EReader,
    /// A command-line tool, a script or an app that is not a browser.
    Program,
    /// A crawler, a monitor or a scanner that identifies itself.
    Bot,
    /// The string does not tell.
    Unknown,
}

impl DeviceKind {
    /// The word in logs, JSON and style classes. It never changes.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Computer => "computer",
            Self::Phone => "phone",
            Self::Tablet => "tablet",
            Self::Television => "television",
            Self::Console => "console",
            Self::Car => "car",
            Self::Headset => "headset",
            Self::Watch => "watch",
            Self::EReader => "e-reader",
            Self::Program => "program",
            Self::Bot => "bot",
            Self::Unknown => "unknown",
        }
    }

    /// The noun in a title that has no browser to name: "Linux computer", "Unknown device".
    pub(super) const fn noun(self) -> &'static str {
        match self {
            Self::Television => "TV",
            Self::Console => "game console",
            Self::Unknown => "device",
            _ => self.as_str(),
        }
    }
}
