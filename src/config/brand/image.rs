//! Recognises an image by its content, and reads its size.

/// The formats that every browser shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ImageFormat {
    Png,
    Jpeg,
    WebP,
    Svg,
}

/// Width and height.
pub(super) type Size = (f64, f64);

const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
const PNG_END: &[u8] = b"IEND\xaeB`\x82";

impl ImageFormat {
    /// The format of a file that begins like this.
    pub fn of(content: &[u8]) -> Option<Self> {
        let is_webp = content.starts_with(b"RIFF") && content.get(8..12) == Some(b"WEBP");
        match content {
            _ if content.starts_with(PNG_SIGNATURE) => Some(Self::Png),
            _ if content.starts_with(b"\xff\xd8\xff") => Some(Self::Jpeg),
            _ if is_webp => Some(Self::WebP),
            _ => svg_tag(content).map(|_| Self::Svg),
        }
    }

    pub fn content_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::WebP => "image/webp",
            Self::Svg => "image/svg+xml",
        }
    }

    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::WebP => "webp",
            Self::Svg => "svg",
        }
    }

    /// The size of an image; `None` if the file is damaged or cut off.
    pub fn size(self, content: &[u8]) -> Option<Size> {
        match self {
            Self::Png => content.ends_with(PNG_END).then(|| png_size(content))?,
            Self::Jpeg => content.ends_with(b"\xff\xd9").then(|| jpeg_size(content))?,
            Self::WebP => webp_size(content),
            Self::Svg => svg_size(svg_tag(content)?),
        }
    }
}

fn big_endian<const N: usize>(content: &[u8], at: usize) -> Option<f64> {
    let bytes = content.get(at..at + N)?;
    Some(bytes.iter().fold(0.0, |value, byte| value * 256.0 + f64::from(*byte)))
}

fn png_size(content: &[u8]) -> Option<Size> {
    (content.get(12..16)? == b"IHDR").then_some(())?;
    Some((big_endian::<4>(content, 16)?, big_endian::<4>(content, 20)?))
}

/// Reads the segments up to the one with the frame's size (ITU T.81, B.2.2).
fn jpeg_size(content: &[u8]) -> Option<Size> {
    let mut at = 2;
    loop {
        let &[0xff, marker] = content.get(at..at + 2)? else { return None };
        match marker {
            // Fill bytes may precede a marker.
            0xff => at += 1,
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                return Some((big_endian::<2>(content, at + 7)?, big_endian::<2>(content, at + 5)?));
            }
            _ => at += 2 + usize::from(u16::from_be_bytes(content.get(at + 2..at + 4)?.try_into().ok()?)),
        }
    }
}

/// Reads the first chunk of a file that is as long as it says (RFC 9649).
fn webp_size(content: &[u8]) -> Option<Size> {
    let little_endian = |at: usize, bytes: usize| {
        let bytes = content.get(at..at + bytes)?;
        Some(bytes.iter().rev().fold(0_u32, |value, byte| value << 8 | u32::from(*byte)))
    };
    let length = usize::try_from(little_endian(4, 4)?).ok()?;
    (content.len() >= length.checked_add(8)?).then_some(())?;
    let (width, height) = match content.get(12..16)? {
        b"VP8 " => (little_endian(26, 2)? & 0x3fff, little_endian(28, 2)? & 0x3fff),
        b"VP8L" => {
            let bits = little_endian(21, 4)?;
            ((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1)
        }
        b"VP8X" => (little_endian(24, 3)? + 1, little_endian(27, 3)? + 1),
        _ => return None,
    };
    Some((f64::from(width), f64::from(height)))
}

/// The attributes of the tag `<svg>`, if that is the first element.
fn svg_tag(content: &[u8]) -> Option<&str> {
    let text = str::from_utf8(content).ok()?;
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    while let Some((end, start)) =
        [("?>", "<?"), ("-->", "<!--"), (">", "<!DOCTYPE")].into_iter().find(|(_, start)| rest.starts_with(start))
    {
        rest = rest[start.len()..].split_once(end)?.1.trim_start();
    }
    let tag = rest.strip_prefix("<svg")?.split_once('>')?.0;
    let is_complete = text.trim_end().ends_with("</svg>") || tag.ends_with('/');
    (tag.starts_with(|c: char| c.is_whitespace()) && is_complete).then_some(tag)
}

/// The size that is given as such, else that of the view box.
fn svg_size(tag: &str) -> Option<Size> {
    // Without it, browsers take the file for XML of another kind.
    (attribute(tag, "xmlns")? == "http://www.w3.org/2000/svg").then_some(())?;
    let pixels = |name| attribute(tag, name)?.trim_end_matches("px").trim().parse().ok();
    let view_box = || {
        let numbers = attribute(tag, "viewBox")?.split([' ', ',']).filter(|part| !part.is_empty());
        let numbers: Vec<f64> = numbers.map(str::parse).collect::<Result<_, _>>().ok()?;
        Some((*numbers.get(2)?, *numbers.get(3)?))
    };
    pixels("width").zip(pixels("height")).or_else(view_box)
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let at = tag.match_indices(name).map(|(at, _)| at).find(|at| {
        let is_start = tag[..*at].ends_with(|c: char| c.is_whitespace());
        is_start && tag[at + name.len()..].trim_start().starts_with('=')
    })?;
    let value = tag[at + name.len()..].trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    value[1..].split_once(quote).map(|(value, _)| value)
}
