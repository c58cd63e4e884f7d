//! Reads a list of leaked passwords line by line.

use std::io::{self, BufRead, Read};

use unicode_normalization::UnicodeNormalization;

use super::{PasswordHash, SHA1_BYTES, hash_of};

/// Longer lines of hashes are not of a list; longer passwords are left out, as no user can have them.
const MAX_LINE_BYTES: usize = 4096;

/// A byte order mark, with which some programs begin a file.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What the lines of a list contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListFormat {
    /// `SHA1:COUNT`, as Have I Been Pwned publishes them, or the hash alone.
    Sha1,
    /// Passwords.
    Plain,
}

/// A line of a list.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    Password(PasswordHash),
    /// A line that names no password.
    Skipped,
}

/// A line that does not have the list's format.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidLine {
    #[error("it has no SHA-1 hash of 40 hexadecimal digits; for a list of passwords, use --plain")]
    NotSha1,
    #[error("it has a hash of 32 digits, as lists of NTLM hashes have; use a list of SHA-1 hashes")]
    Ntlm,
    #[error("after the hash, it has something else than a colon and a number")]
    Count,
}

/// The lines of a list. Memory is bounded: of a longer line, only the beginning is kept.
pub(super) struct ListLines<R> {
    reader: R,
    format: ListFormat,
    line: Vec<u8>,
    /// The number of lines that were read.
    pub count: u64,
}

impl<R: BufRead> ListLines<R> {
    pub fn new(reader: R, format: ListFormat) -> Self {
        Self { reader, format, line: Vec::new(), count: 0 }
    }

    /// The next line; `None` after the last.
    pub fn next(&mut self) -> io::Result<Option<Result<Line, InvalidLine>>> {
        self.line.clear();
        let limit = u64::try_from(MAX_LINE_BYTES).unwrap_or(u64::MAX);
        if self.reader.by_ref().take(limit).read_until(b'\n', &mut self.line)? == 0 {
            return Ok(None);
        }
        let is_complete = self.line.last() == Some(&b'\n') || self.line.len() < MAX_LINE_BYTES;
        if !is_complete {
            self.reader.skip_until(b'\n')?;
        }
        let line =
            if self.count == 0 { self.line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&self.line) } else { &self.line };
        self.count += 1;
        Ok(Some(match self.format {
            ListFormat::Sha1 => parse_sha1(line.trim_ascii()),
            ListFormat::Plain if is_complete => Ok(parse_plain(line)),
            ListFormat::Plain => Ok(Line::Skipped),
        }))
    }
}

fn parse_sha1(line: &[u8]) -> Result<Line, InvalidLine> {
    if line.is_empty() {
        return Ok(Line::Skipped);
    }
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (hex, rest) = line.split_at(digits);
    let mut hash = [0; SHA1_BYTES];
    if hex.len() != 2 * SHA1_BYTES {
        return Err(if hex.len() == 32 { InvalidLine::Ntlm } else { InvalidLine::NotSha1 });
    }
    for (byte, digits) in hash.iter_mut().zip(hex.chunks(2)) {
        *byte = digits.iter().fold(0, |byte, digit| byte << 4 | hex_value(*digit));
    }
    let Some(count) = rest.strip_prefix(b":") else {
        return if rest.is_empty() { Ok(Line::Password(hash)) } else { Err(InvalidLine::Count) };
    };
    if count.is_empty() || !count.iter().all(u8::is_ascii_digit) {
        return Err(InvalidLine::Count);
    }
    // Have I Been Pwned pads its answers with hashes of no password, which have the count 0.
    let is_padding = count.iter().all(|digit| *digit == b'0');
    Ok(if is_padding { Line::Skipped } else { Line::Password(hash) })
}

fn hex_value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

/// Every character belongs to the password, except for the line break.
fn parse_plain(line: &[u8]) -> Line {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match std::str::from_utf8(line) {
        Ok("") | Err(_) => Line::Skipped,
        Ok(password) => Line::Password(hash_of(&password.nfc().collect::<String>())),
    }
}
