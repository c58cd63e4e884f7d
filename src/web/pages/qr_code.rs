//! Draws QR codes as the path of an inline SVG: no picture is loaded, which the policy of the pages would not allow.

use std::fmt::Write;

use qrcode::{Color, EcLevel, QrCode};

use crate::error::{Error, Result};

/// Light modules around the code, which readers need (ISO/IEC 18004).
const QUIET_ZONE: usize = 4;

/// A code: the dark modules as a path, one unit per module.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct QrPicture {
    pub size: usize,
    pub path: String,
}

impl QrPicture {
    pub fn of(text: &str) -> Result<Self> {
        let code = QrCode::with_error_correction_level(text, EcLevel::M).map_err(Error::internal)?;
        let (width, colors) = (code.width(), code.to_colors());
        let mut path = String::new();
        for (y, row) in colors.chunks(width).enumerate() {
            let mut x = 0;
            for run in row.chunk_by(|one, next| one == next) {
                if run[0] == Color::Dark {
                    let length = run.len();
                    let (x, y) = (x + QUIET_ZONE, y + QUIET_ZONE);
                    write!(path, "M{x} {y}h{length}v1h-{length}z").map_err(Error::internal)?;
                }
                x += run.len();
            }
        }
        Ok(Self { size: width + 2 * QUIET_ZONE, path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The finder pattern in the corner: seven dark modules, then a light one.
    #[test]
    fn code_begins_with_its_finder_pattern() {
        let picture = QrPicture::of("otpauth://totp/Keyrack:a?secret=GEZDGNBVGY3TQOJQ").unwrap();
        assert!(picture.path.starts_with("M4 4h7v1h-7z"), "{}", picture.path);
        assert!(picture.path.contains("M4 5h1v1h-1zM10 5h1v1h-1z"), "{}", picture.path);
        assert_eq!((picture.size - 8 - 17) % 4, 0, "{}", picture.size);
        assert!(QrPicture::of(&"x".repeat(5000)).is_err());
    }
}
