//! Finds where a body in chunks ends (RFC 9112, 7.1), so that what follows can be held back.

/// The place in a chunked body up to which bytes have been seen.
///
/// It is at least as strict as Actix's decoder: otherwise Actix could take for the next request what this takes for
/// the body, or answer a malformed body by itself while the handler's response is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChunkedBody {
    /// The first digit of a chunk's size.
    SizeStart,
    /// Further digits.
    Size(u64),
    /// Blanks after the size.
    Blank(u64),
    /// An extension after the size.
    Extension(u64),
    /// The LF after the size.
    SizeLf(u64),
    /// So many bytes of a chunk's data.
    Data(u64),
    DataCr,
    DataLf,
    /// The first byte of a trailer line, or of the empty line after the last.
    TrailerStart,
    Trailer,
    TrailerLf,
    EndLf,
    End,
}

/// The body is not in the chunked format.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MalformedChunk;

impl ChunkedBody {
    /// Takes the next bytes, and returns how many of them belong to the body.
    pub fn advance(&mut self, bytes: &[u8]) -> Result<usize, MalformedChunk> {
        let mut position = 0;
        while *self != Self::End && position < bytes.len() {
            if let Self::Data(left) = *self {
                let available = bytes.len() - position;
                let taken = usize::try_from(left).map_or(available, |left| left.min(available));
                position += taken;
                // `taken` is at most `left`.
                let left = left - taken as u64;
                *self = if left == 0 { Self::DataCr } else { Self::Data(left) };
                continue;
            }
            *self = self.after(bytes[position])?;
            position += 1;
        }
        Ok(position)
    }

    fn after(self, byte: u8) -> Result<Self, MalformedChunk> {
        let digit = || char::from(byte).to_digit(16).map(u64::from);
        Ok(match (self, byte) {
            (Self::SizeStart, _) => Self::Size(digit().ok_or(MalformedChunk)?),
            (Self::Size(size) | Self::Blank(size) | Self::Extension(size), b'\r') => Self::SizeLf(size),
            (Self::Size(size) | Self::Blank(size), b' ' | b'\t') => Self::Blank(size),
            (Self::Size(size) | Self::Blank(size), b';') | (Self::Extension(size), b'\t' | b' '..=b'~' | 0x80..) => {
                Self::Extension(size)
            }
            (Self::Size(size), _) => {
                let digit = digit().ok_or(MalformedChunk)?;
                Self::Size(size.checked_mul(16).ok_or(MalformedChunk)? + digit)
            }
            (Self::SizeLf(0) | Self::TrailerLf, b'\n') => Self::TrailerStart,
            (Self::SizeLf(size), b'\n') => Self::Data(size),
            (Self::DataCr, b'\r') => Self::DataLf,
            (Self::DataLf, b'\n') => Self::SizeStart,
            (Self::TrailerStart, b'\r') => Self::EndLf,
            // A server in front may end lines at LF alone, and would see the body end elsewhere.
            (Self::TrailerStart | Self::Trailer, b'\t' | b' '..=b'~' | 0x80..) => Self::Trailer,
            (Self::Trailer, b'\r') => Self::TrailerLf,
            (Self::EndLf, b'\n') => Self::End,
            _ => return Err(MalformedChunk),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEXT: &str = "GET / HTTP/1.1\r\n\r\n";

    #[test]
    fn body_ends_after_its_trailers_however_it_arrives() {
        for body in [
            "0\r\n\r\n",
            "3\r\na=b\r\n0\r\n\r\n",
            "A;name=value\r\n0123456789\r\n1  \r\nx\r\n000\r\n\r\n",
            "2\r\n\r\n\r\n0\r\nTrailer: x\r\nOther: y\r\n\r\n",
        ] {
            for size in 1..=body.len() {
                let mut state = ChunkedBody::SizeStart;
                let stream = format!("{body}{NEXT}");
                let mut taken = 0;
                for part in stream.as_bytes().chunks(size) {
                    taken += state.advance(part).unwrap();
                }
                assert_eq!((state, taken), (ChunkedBody::End, body.len()), "{body:?} in parts of {size}");
            }
        }
    }

    #[test]
    fn malformed_chunks_are_found() {
        for body in [
            "\r\n\r\n",
            "x\r\n",
            "-1\r\n",
            "+1\r\n",
            "0x1\r\n",
            "1\n",
            "1 x\r\n",
            "1\r\r",
            "1\r\nab",
            "1\r\na\n",
            "1\r\na\r\r",
            "1;\na",
            "1;\0\r\n",
            "1ffffffffffffffff\r\n",
            "0\r\n\r\r",
            "0\r\nTrailer: x\r\r",
            "0\r\nTrailer: x\n",
            "0\r\n\n",
            "0\r\nTrailer\0",
        ] {
            let mut state = ChunkedBody::SizeStart;
            assert_eq!(state.advance(body.as_bytes()), Err(MalformedChunk), "{body:?}");
        }
    }
}
