//! The picture in the header of each page.

use std::{fmt, fs::File, io::Read as _, path::Path};

use super::image::ImageFormat;

/// Every page loads it once.
const MAX_BYTES: u64 = 256 * 1024;

/// Beyond these, the picture could not be recognised at the height of a line.
const MAX_RATIO: f64 = 8.0;
const MIN_RATIO: f64 = 0.5;

/// Larger pictures cost a browser more memory than a picture of this height is worth.
const MAX_PIXELS: f64 = 4096.0;

/// Pictures up to this ratio of width to height are symbols, which stand beside the name; wider ones contain it.
const MAX_SYMBOL_RATIO: f64 = 1.25;

/// A picture: PNG, JPEG, WebP or SVG, of at most 256 kB.
#[derive(Clone, PartialEq, Eq)]
pub struct Logo {
    content: Vec<u8>,
    format: ImageFormat,
    width_percent: u32,
}

/// Why a file is no logo.
#[derive(Debug, thiserror::Error)]
pub enum InvalidLogo {
    /// The file can't be read.
    #[error("cannot read the file: {0}")]
    Unreadable(#[from] std::io::Error),
    /// The file is too large.
    #[error("the file has more than {} kB; scale the picture down", MAX_BYTES / 1024)]
    TooLarge,
    /// The content is of none of the formats.
    #[error("the file is no PNG, JPEG, WebP or SVG")]
    UnknownFormat,
    /// The size can't be read.
    #[error(
        "the picture is damaged, or gives no size: an SVG needs xmlns=\"http://www.w3.org/2000/svg\" and a viewBox, or \
         width and height in pixels"
    )]
    Damaged,
    /// The picture has an unusual shape or size.
    #[error(
        "the picture has {0} × {1} pixels; use at most {MAX_PIXELS} each way, and between half as wide and 8 times as wide as high"
    )]
    UnusualSize(f64, f64),
}

impl Logo {
    /// Reads a file.
    pub fn open(path: &Path) -> Result<Self, InvalidLogo> {
        let mut content = Vec::new();
        File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut content)?;
        Self::new(content)
    }

    /// The content of a file.
    pub fn new(content: Vec<u8>) -> Result<Self, InvalidLogo> {
        if u64::try_from(content.len()).is_ok_and(|bytes| bytes > MAX_BYTES) {
            return Err(InvalidLogo::TooLarge);
        }
        let format = ImageFormat::of(&content).ok_or(InvalidLogo::UnknownFormat)?;
        let (width, height) = format.size(&content).ok_or(InvalidLogo::Damaged)?;
        let is_usual = [width, height].iter().all(|side| (1.0..=MAX_PIXELS).contains(side))
            && (MIN_RATIO..=MAX_RATIO).contains(&(width / height));
        if !is_usual {
            return Err(InvalidLogo::UnusualSize(width, height));
        }
        Ok(Self { content, format, width_percent: percent(width / height) })
    }

    pub(crate) fn content(&self) -> &[u8] {
        &self.content
    }

    /// The name under which it is served.
    pub(crate) fn file_name(&self) -> String {
        format!("logo.{}", self.format.extension())
    }

    pub(crate) fn content_type(&self) -> &'static str {
        self.format.content_type()
    }

    /// Whether the file can contain scripts.
    pub(crate) fn is_active(&self) -> bool {
        self.format == ImageFormat::Svg
    }

    /// Whether it is a symbol, without the site's name.
    pub(crate) fn is_symbol(&self) -> bool {
        self.width_percent <= percent(MAX_SYMBOL_RATIO)
    }

    /// Its width at this height, in pixels.
    pub(crate) fn width_at(&self, height: u32) -> u32 {
        (height * self.width_percent).div_ceil(100)
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "ratios lie between 0.5 and 8")]
fn percent(ratio: f64) -> u32 {
    (ratio * 100.0).round() as u32
}

/// Without the bytes.
impl fmt::Debug for Logo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Logo({:?}, {} bytes)", self.format, self.content.len())
    }
}
