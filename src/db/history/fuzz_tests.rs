//! Mutated journals of ends. See `crate::fuzz`.

use super::record::{JournalContents, Record};
use crate::{clock::Timestamp, fuzz::fuzz};

#[test]
fn journal_says_the_same_after_it_was_rewritten() {
    let tokens = [
        "ended ",
        "replaced ",
        "withdrawn-end ",
        "withdrawn-sid ",
        "tailed ",
        "journal ",
        "\n",
        " ",
        "7c9e6679-7425-40de-944b-e07fc1f90ae7",
        "9999999999999999",
        "-1",
        "revoked",
    ];
    fuzz("journal", &tokens, |input| {
        let input = with_checksums(input);
        let input = input.as_slice();
        let now = Timestamp::from_micros(0);
        let contents = JournalContents::parse(input, now);
        let lines = input.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let parsed: Vec<Option<Record>> =
            lines.map(|line| std::str::from_utf8(line).ok().and_then(Record::parse)).collect();
        assert_eq!(contents.damaged_lines, parsed.iter().filter(|record| record.is_none()).count());
        for record in parsed.iter().flatten() {
            let mut line = String::new();
            record.write(&mut line);
            assert_eq!(Record::parse(line.trim_end_matches('\n')).as_ref(), Some(record), "{line:?}");
        }
        let mut expected = JournalContents::parse(input, now);
        expected.damaged_lines = 0;
        let mut rewritten = String::new();
        for record in contents.records() {
            record.write(&mut rewritten);
        }
        assert_eq!(JournalContents::parse(rewritten.as_bytes(), now), expected, "{rewritten}");
    });
}

/// The lines, the valid-looking ones with the checksums that they should have: mutated lines would nearly all be
/// damaged.
fn with_checksums(input: &[u8]) -> Vec<u8> {
    let mut lines = Vec::new();
    for line in input.split_inclusive(|byte| *byte == b'\n') {
        match std::str::from_utf8(line).ok().and_then(|line| line.trim_end_matches('\n').rsplit_once(' ')) {
            Some((content, _)) if content.len() % 8 != 7 => {
                lines.extend(format!("{content} {}\n", super::record::checksum(content)).bytes());
            }
            _ => lines.extend(line),
        }
    }
    lines
}
