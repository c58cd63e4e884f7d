//! The accent colour, and the shades of it that can be read in each theme.
//!
//! No colour has enough contrast with both a light and a dark page (WCAG 2.2, 1.4.3 requires 4.5:1), so each theme shows
//! a shade: the colour itself if it can be read there, else the nearest one that is darker or lighter. Shades keep their
//! hue in OKLCH, where a step of lightness looks the same for every hue.

use std::{fmt, str::FromStr};

use csscolorparser::Color;

/// The contrast of text with what is behind it (WCAG 2.2, 1.4.3, level AA). Focus rings need less: 3:1 (1.4.11).
const MIN_CONTRAST: f32 = 4.5;

/// The step in which lightness is changed: too small to be seen.
const LIGHTNESS_STEP: f32 = 0.004;

/// Keyrack's two themes, as in `static/keyrack.css`: a test compares them.
pub(crate) const THEMES: [Theme; 2] = [
    Theme { name: "light", is_dark: false, background: Rgb(0xf6, 0xf8, 0xf6), surface: Rgb(0xff, 0xff, 0xff) },
    Theme { name: "dark", is_dark: true, background: Rgb(0x10, 0x15, 0x13), surface: Rgb(0x17, 0x1e, 0x1b) },
];

/// The colours of a theme on which the accent is seen.
#[derive(Debug)]
pub(crate) struct Theme {
    name: &'static str,
    is_dark: bool,
    pub background: Rgb,
    pub surface: Rgb,
}

/// A colour that screens can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rgb(u8, u8, u8);

/// The colour of buttons and links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accent {
    given: Rgb,
    /// In the order of [`THEMES`].
    shades: [Shades; 2],
}

/// What a theme shows of the accent. Each has a contrast of at least 4.5:1 where text is shown in it or on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shades {
    /// Of links, buttons and focus rings.
    pub accent: Rgb,
    /// Of links and buttons under the pointer.
    pub hover: Rgb,
    /// Of the text on buttons.
    pub on_accent: Rgb,
    /// Behind an icon or a text in the accent's colour.
    pub background: Rgb,
}

/// The text is no colour that can be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an opaque CSS colour, such as #17694a, rgb(23 105 74), oklch(47% 0.1 160) or teal")]
pub struct InvalidAccent;

impl Accent {
    /// What each theme shows, in the order of [`THEMES`].
    pub(crate) fn shades(&self) -> [Shades; 2] {
        self.shades
    }

    /// Says which shades are shown in the place of the colour, for the operator.
    pub fn adjustments(&self) -> Option<String> {
        let changed = THEMES.iter().zip(self.shades).filter(|(_, shades)| shades.accent != self.given);
        let changed: Vec<_> = changed
            .map(|(theme, shades)| {
                let lowest =
                    theme.behind(shades).map(|behind| contrast(self.given, behind)).into_iter().fold(21.0, f32::min);
                let lowest = (lowest * 10.0).floor() / 10.0;
                format!("{} in the {} theme, where its own contrast is {lowest:.1}:1", shades.accent, theme.name)
            })
            .collect();
        (!changed.is_empty()).then(|| format!("the accent {} is shown as {}", self.given, changed.join(", and as ")))
    }
}

impl fmt::Display for Accent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.given.fmt(f)
    }
}

impl FromStr for Accent {
    type Err = InvalidAccent;

    fn from_str(text: &str) -> Result<Self, InvalidAccent> {
        let colour = csscolorparser::parse(text.trim()).map_err(|_| InvalidAccent)?;
        if colour.a < 1.0 || !colour.to_array().iter().all(|part| part.is_finite()) {
            return Err(InvalidAccent);
        }
        let given = Rgb::from(&colour.clamp());
        Ok(Self { given, shades: THEMES.each_ref().map(|theme| theme.shades_of(given)) })
    }
}

impl Theme {
    fn shades_of(&self, given: Rgb) -> Shades {
        let [lightness, chroma, hue] = given.oklch();
        let tint = |lightness, max_chroma| nearest(lightness, chroma.min(max_chroma), hue);
        let (background, on_accent) =
            if self.is_dark { (tint(0.26, 0.03), tint(0.2, 0.03)) } else { (tint(0.95, 0.02), self.surface) };
        let behind = self.behind(Shades { accent: given, hover: given, on_accent, background });
        let is_readable = |colour: &Rgb| behind.iter().all(|behind| contrast(*colour, *behind) >= MIN_CONTRAST);
        let direction = if self.is_dark { 1.0 } else { -1.0 };
        let shades = (0_u8..=250).map(|step| lightness + direction * LIGHTNESS_STEP * f32::from(step));
        let shades = shades.map(|lightness| nearest(lightness.clamp(0.0, 1.0), chroma, hue));
        let accent = std::iter::once(given).chain(shades).find(is_readable).unwrap_or(self.farthest());
        let lightness = accent.oklch()[0];
        let darker_or_lighter = [direction, -direction].map(|direction| lightness + direction * 0.075);
        let hover = darker_or_lighter.iter().filter(|lightness| (0.0..=1.0).contains(*lightness));
        let hover = hover.map(|lightness| nearest(*lightness, chroma, hue)).find(is_readable);
        Shades { accent, hover: hover.unwrap_or(accent), on_accent, background }
    }

    /// What the accent is seen on, or what is seen on it.
    pub(super) fn behind(&self, shades: Shades) -> [Rgb; 4] {
        [self.background, self.surface, shades.background, shades.on_accent]
    }

    /// The colour with the highest contrast.
    fn farthest(&self) -> Rgb {
        if self.is_dark { Rgb(255, 255, 255) } else { Rgb(0, 0, 0) }
    }
}

/// The colour with this lightness and hue whose chroma is the highest that screens can show, at most this one.
fn nearest(lightness: f32, chroma: f32, hue: f32) -> Rgb {
    let is_shown = |colour: &Color| colour.to_array().iter().all(|part| (-0.0005..=1.0005).contains(part));
    let with_chroma = |share: u8| Color::from_oklcha(lightness, chroma * f32::from(share) / 100.0, hue, 1.0);
    let colour = (0..=100).rev().map(with_chroma).find(is_shown);
    Rgb::from(&colour.unwrap_or_else(|| with_chroma(0)).clamp())
}

/// The contrast ratio of two colours, between 1 and 21 (WCAG 2.2, "contrast ratio").
pub(super) fn contrast(one: Rgb, other: Rgb) -> f32 {
    let (one, other) = (one.luminance(), other.luminance());
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

impl Rgb {
    /// Relative luminance (WCAG 2.2).
    fn luminance(self) -> f32 {
        let [red, green, blue, _] = self.color().to_linear_rgba();
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    fn oklch(self) -> [f32; 3] {
        let [lightness, chroma, hue, _] = self.color().to_oklcha();
        [lightness, chroma, hue]
    }

    fn color(self) -> Color {
        Color::from_rgba8(self.0, self.1, self.2, 255)
    }
}

impl From<&Color> for Rgb {
    fn from(colour: &Color) -> Self {
        let [red, green, blue, _] = colour.to_rgba8();
        Self(red, green, blue)
    }
}

/// As CSS: `#17694a`.
impl fmt::Display for Rgb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}
