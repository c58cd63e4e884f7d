//! Mutated breach files and lists of leaked passwords. See `crate::fuzz`.

use std::io::BufReader;

use super::{
    ListFormat,
    bits::bucket_contains,
    header::Header,
    list_lines::{Line, ListLines},
};
use crate::fuzz::fuzz;

#[test]
fn header_and_bucket_of_any_bytes_are_read_without_panic() {
    let tokens = ["keyrack breached", "\u{1}\0\0\0", "\u{14}\0\0\0", "\0\0\0\0\0\0\0\0", "\u{7f}"];
    fuzz("breach_file", &tokens, |input| {
        if let Ok(header) = Header::parse(input) {
            assert_eq!(input.get(..header.to_bytes().len()), Some(header.to_bytes().as_slice()));
        }
        let found: Vec<u64> =
            (0..2000).step_by(7).filter(|number| bucket_contains(input, *number) == Some(true)).collect();
        let count = input.first_chunk().map_or(0, |count| u32::from_le_bytes(*count));
        assert!(found.len() as u64 <= u64::from(count), "{found:?}");
        let _ = bucket_contains(input, u64::MAX);
    });
}

#[test]
fn lines_of_a_list_do_not_depend_on_how_they_arrive() {
    let tokens = ["\n", "\r\n", ":", ":0", ":12", "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8", "\u{feff}", "g", " "];
    fuzz("breach_list", &tokens, |input| {
        for format in [ListFormat::Sha1, ListFormat::Plain] {
            let read = |capacity: usize| {
                let mut lines = ListLines::new(BufReader::with_capacity(capacity, input), format);
                let mut found = Vec::new();
                while let Some(line) = lines.next().unwrap() {
                    found.push(line);
                }
                (found, lines.count)
            };
            let (lines, count) = read(1 << 16);
            assert_eq!(read(7).0, lines);
            let expected = input.split_inclusive(|byte| *byte == b'\n').count();
            assert_eq!((lines.len(), count), (expected, expected as u64));
            let has_hash = lines.iter().any(|line| matches!(line, Ok(Line::Password(_))));
            assert!(format == ListFormat::Plain || !has_hash || input.len() >= 40);
        }
    });
}
