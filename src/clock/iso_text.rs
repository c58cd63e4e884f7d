//! The texts of times in SQLite's columns and in JSON: RFC 3339 in UTC, of a fixed width.
//!
//! The check of a session reads four such texts, compares with two, and writes four into its response. General formats
//! would take a twentieth of its whole time.

use std::ops::Range;

use chrono::{DateTime, Datelike, NaiveDate, Timelike, Utc};

/// What [`with_micros`] writes, with a zero in the place of each digit.
const MICROS_PATTERN: &[u8; 27] = b"0000-00-00T00:00:00.000000Z";

/// What [`with_millis`] writes, in the same way.
const MILLIS_PATTERN: &[u8; 24] = b"0000-00-00T00:00:00.000Z";

/// `2026-01-29T11:50:14.000000Z`. The year must be one of 0 to 9999.
pub(super) fn with_micros(time: DateTime<Utc>) -> String {
    let mut text = *MICROS_PATTERN;
    write_seconds(&mut text, time);
    write_digits(&mut text[20..26], time.nanosecond() / 1_000);
    String::from_utf8_lossy(&text).into_owned()
}

/// `2026-01-29T11:50:14.000Z`. The year must be one of 0 to 9999.
pub(super) fn with_millis(time: DateTime<Utc>) -> String {
    let mut text = *MILLIS_PATTERN;
    write_seconds(&mut text, time);
    write_digits(&mut text[20..23], time.nanosecond() / 1_000_000);
    String::from_utf8_lossy(&text).into_owned()
}

/// Writes the date and the time to the second.
fn write_seconds(text: &mut [u8], time: DateTime<Utc>) {
    write_digits(&mut text[0..4], time.year().unsigned_abs());
    write_digits(&mut text[5..7], time.month());
    write_digits(&mut text[8..10], time.day());
    write_digits(&mut text[11..13], time.hour());
    write_digits(&mut text[14..16], time.minute());
    write_digits(&mut text[17..19], time.second());
}

/// Writes the last digits of a number.
fn write_digits(places: &mut [u8], mut number: u32) {
    for place in places.iter_mut().rev() {
        *place = b"0123456789"[(number % 10) as usize];
        number /= 10;
    }
}

/// Reads what [`with_micros`] writes, as microseconds since 1970. `None` for every other text, valid or not.
pub(super) fn parse_micros(text: &str) -> Option<i64> {
    let text: &[u8; MICROS_PATTERN.len()] = text.as_bytes().try_into().ok()?;
    let fits = |(byte, place): (&u8, &u8)| if *place == b'0' { byte.is_ascii_digit() } else { byte == place };
    if !text.iter().zip(MICROS_PATTERN).all(fits) {
        return None;
    }
    let number =
        |places: Range<usize>| text[places].iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
    let year = i32::try_from(number(0..4)).ok()?;
    let date = NaiveDate::from_ymd_opt(year, number(5..7), number(8..10))?;
    let time = date.and_hms_micro_opt(number(11..13), number(14..16), number(17..19), number(20..26))?;
    Some(time.and_utc().timestamp_micros())
}
