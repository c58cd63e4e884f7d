//! One line of the journal, and what its lines say together.

use std::{collections::HashMap, fmt::Write as _, ops::Range, time::Duration};

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{clock::Timestamp, db::SessionId};

/// Bytes of a line's SHA-256 that are kept as its checksum.
const CHECKSUM_BYTES: usize = 4;

/// Bytes of a sid's SHA-256 that are kept: a sid has at least 128 random bits.
const SID_HASH_BYTES: usize = 16;

/// The longest reason of an end that is kept: the length of the column.
const MAX_REASON_CHARS: usize = 32;

/// How long a record is kept at most: no timeout can be longer. A peer's session has no absolute expiry.
const MAX_KEPT: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// Says which sid was replaced without containing it: the journal must not be enough to sign in.
pub(crate) type SidHash = [u8; SID_HASH_BYTES];

/// An end that was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EndedSession {
    pub id: SessionId,
    /// The column `end_reason`.
    pub reason: String,
    pub ended_at: Timestamp,
    /// When the session would have expired in any case. The record is of no use afterwards.
    pub expires_at: Timestamp,
}

impl EndedSession {
    /// The end of a session that would have expired at `expires_at`.
    pub fn new(id: SessionId, reason: impl Into<String>, ended_at: Timestamp, expires_at: Timestamp) -> Self {
        Self { id, reason: reason.into(), ended_at, expires_at: expires_at.min(ended_at + MAX_KEPT) }
    }
}

/// A sid that a session had before a rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReplacedSid {
    pub id: SessionId,
    pub sid: SidHash,
    pub expires_at: Timestamp,
}

impl ReplacedSid {
    /// The sid that a session had until `now`.
    pub fn new(id: SessionId, sid: &str, now: Timestamp, expires_at: Timestamp) -> Self {
        Self { id, sid: hash_of_sid(sid), expires_at: expires_at.min(now + MAX_KEPT) }
    }
}

/// The hash by which [`ReplacedSid`] names a sid.
pub(crate) fn hash_of_sid(sid: &str) -> SidHash {
    let mut hash = [0; SID_HASH_BYTES];
    hash.copy_from_slice(&Sha256::digest(sid.as_bytes())[..SID_HASH_BYTES]);
    hash
}

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Record {
    Ended(EndedSession),
    Replaced(ReplacedSid),
    /// The transaction of the latest record of this session was rolled back.
    Withdrawn(SessionId),
    /// The name of the journal itself.
    Journal(Uuid),
}

impl Record {
    /// The session that has ended, unless the record says something else.
    pub fn ended_session(&self) -> Option<SessionId> {
        match self {
            Self::Ended(ended) => Some(ended.id),
            Self::Replaced(_) | Self::Withdrawn(_) | Self::Journal(_) => None,
        }
    }

    /// The record that takes this one back.
    pub fn withdrawal(&self) -> Option<Self> {
        match self {
            Self::Ended(EndedSession { id, .. }) | Self::Replaced(ReplacedSid { id, .. }) => Some(Self::Withdrawn(*id)),
            Self::Withdrawn(_) | Self::Journal(_) => None,
        }
    }

    /// Appends the line, with its line break.
    pub fn write(&self, out: &mut String) {
        let start = out.len();
        let written = match self {
            Self::Ended(EndedSession { id, reason, ended_at, expires_at }) => {
                write!(out, "ended {id} {} {} {}", ended_at.as_micros(), expires_at.as_micros(), word(reason))
            }
            Self::Replaced(ReplacedSid { id, sid, expires_at }) => {
                write!(out, "replaced {id} {} {}", expires_at.as_micros(), hex(sid))
            }
            Self::Withdrawn(id) => write!(out, "withdrawn {id}"),
            Self::Journal(id) => write!(out, "journal {id}"),
        };
        debug_assert!(written.is_ok(), "writing to a string does not fail");
        let checksum = checksum(&out[start..]);
        out.extend([" ", &checksum, "\n"]);
    }

    /// Parses a line without its line break. Returns `None` if it is incomplete or damaged.
    pub fn parse(line: &str) -> Option<Self> {
        let (content, found) = line.rsplit_once(' ')?;
        if checksum(content) != found {
            return None;
        }
        let words: Vec<&str> = content.split(' ').collect();
        let time = |text: &str| text.parse().ok().map(Timestamp::from_micros);
        match words[..] {
            ["ended", id, ended_at, expires_at, reason] => Some(Self::Ended(EndedSession {
                id: id.parse().ok()?,
                reason: word(reason),
                ended_at: time(ended_at)?,
                expires_at: time(expires_at)?,
            })),
            ["replaced", id, expires_at, sid] => Some(Self::Replaced(ReplacedSid {
                id: id.parse().ok()?,
                sid: from_hex(sid)?,
                expires_at: time(expires_at)?,
            })),
            ["withdrawn", id] => Some(Self::Withdrawn(id.parse().ok()?)),
            ["journal", id] => Some(Self::Journal(id.parse().ok()?)),
            _ => None,
        }
    }
}

/// A reason as one word, whatever another program has written into the column.
fn word(reason: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    let plain: String = reason.chars().filter(|c| is_plain(*c)).take(MAX_REASON_CHARS).collect();
    if plain.is_empty() { "signed_out".to_owned() } else { plain }
}

pub(super) fn checksum(content: &str) -> String {
    hex(&Sha256::digest(content.as_bytes())[..CHECKSUM_BYTES])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn from_hex(text: &str) -> Option<SidHash> {
    let mut hash = [0; SID_HASH_BYTES];
    if text.len() != 2 * SID_HASH_BYTES {
        return None;
    }
    for (index, byte) in hash.iter_mut().enumerate() {
        let digits: Range<usize> = 2 * index..2 * index + 2;
        *byte = u8::from_str_radix(text.get(digits)?, 16).ok()?;
    }
    Some(hash)
}

/// What the lines of a journal say together.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct JournalContents {
    pub ended: HashMap<SessionId, EndedSession>,
    /// The former sids of each session that has not ended.
    pub replaced: HashMap<SessionId, Vec<ReplacedSid>>,
    /// The name of the journal.
    pub journal: Option<Uuid>,
    /// Lines that could not be read.
    pub damaged_lines: usize,
}

impl JournalContents {
    /// Reads the lines in order, and leaves out what has expired at `now`.
    pub fn parse(text: &[u8], now: Timestamp) -> Self {
        let mut contents = Self::default();
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            match str::from_utf8(line).ok().and_then(Record::parse) {
                Some(record) => contents.add(record, now),
                None => contents.damaged_lines += 1,
            }
        }
        let Self { ended, replaced, .. } = &mut contents;
        replaced.retain(|id, sids| !sids.is_empty() && !ended.contains_key(id));
        contents
    }

    fn add(&mut self, record: Record, now: Timestamp) {
        match record {
            Record::Ended(ended) if ended.expires_at > now => _ = self.ended.insert(ended.id, ended),
            Record::Replaced(replaced) if replaced.expires_at > now => {
                self.replaced.entry(replaced.id).or_default().push(replaced);
            }
            Record::Ended(_) | Record::Replaced(_) => {}
            Record::Withdrawn(id) => {
                let replaced = self.replaced.get_mut(&id).and_then(Vec::pop);
                if replaced.is_none() {
                    self.ended.remove(&id);
                }
            }
            Record::Journal(id) => self.journal = Some(id),
        }
    }

    /// The lines that say the same, as short as possible.
    pub(super) fn records(self) -> impl Iterator<Item = Record> {
        let replaced = self.replaced.into_values().flatten().map(Record::Replaced);
        let journal = self.journal.into_iter().map(Record::Journal);
        journal.chain(self.ended.into_values().map(Record::Ended)).chain(replaced)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(0);

    fn ended(reason: &str) -> EndedSession {
        EndedSession {
            id: SessionId::random(),
            reason: reason.to_owned(),
            ended_at: Timestamp::from_micros(5),
            expires_at: Timestamp::from_micros(100),
        }
    }

    fn lines(records: &[Record]) -> String {
        let mut text = String::new();
        for record in records {
            record.write(&mut text);
        }
        text
    }

    #[test]
    fn written_records_parse_to_the_same() {
        let replaced = ReplacedSid::new(SessionId::random(), "a secret sid", NOW, Timestamp::from_micros(7));
        let records =
            [Record::Ended(ended("revoked")), Record::Replaced(replaced), Record::Withdrawn(SessionId::random())];
        let text = lines(&records);
        assert!(!text.contains("a secret sid"));
        let parsed: Vec<Record> = text.lines().map(|line| Record::parse(line).unwrap()).collect();
        assert_eq!(parsed, records);
    }

    #[test]
    fn damaged_lines_are_counted_and_the_others_are_read() {
        let (first, last) = (ended("revoked"), ended("signed_out"));
        let text = lines(&[Record::Ended(first.clone()), Record::Ended(last.clone())]);
        let torn = &text[..text.len() - 9];
        let contents = JournalContents::parse(torn.as_bytes(), Timestamp::from_micros(0));
        assert_eq!((contents.ended.len(), contents.damaged_lines), (1, 1));
        assert!(contents.ended.contains_key(&first.id));
        let altered = text.replace("signed_out", "signed_off");
        assert_eq!(JournalContents::parse(altered.as_bytes(), Timestamp::from_micros(0)).damaged_lines, 1);
        assert_eq!(JournalContents::parse(b"\xff\xfe\n\n  \n", Timestamp::from_micros(0)).damaged_lines, 2);
    }

    #[test]
    fn expired_and_withdrawn_ends_are_left_out() {
        let (kept, withdrawn) = (ended("revoked"), ended("revoked"));
        let text = lines(&[
            Record::Ended(kept.clone()),
            Record::Ended(withdrawn.clone()),
            Record::Withdrawn(withdrawn.id),
            Record::Replaced(ReplacedSid::new(kept.id, "sid", NOW, kept.expires_at)),
        ]);
        let contents = JournalContents::parse(text.as_bytes(), Timestamp::from_micros(99));
        assert_eq!(contents.ended.keys().collect::<Vec<_>>(), [&kept.id]);
        assert!(contents.replaced.is_empty(), "the session has ended");
        assert_eq!(contents.records().collect::<Vec<_>>(), [Record::Ended(kept)]);
        assert_eq!(JournalContents::parse(text.as_bytes(), Timestamp::from_micros(100)), JournalContents::default());
        let again = lines(&[Record::Withdrawn(withdrawn.id), Record::Ended(withdrawn.clone())]);
        let contents = JournalContents::parse(again.as_bytes(), Timestamp::from_micros(0));
        assert!(contents.ended.contains_key(&withdrawn.id), "it ended after all");
    }

    #[test]
    fn foreign_reason_becomes_one_word() {
        for (reason, expected) in [("left the\ncompany", "leftthecompany"), ("", "signed_out"), ("ü ", "signed_out")] {
            let text = lines(&[Record::Ended(ended(reason))]);
            let Some(Record::Ended(parsed)) = Record::parse(text.trim_end()) else { panic!("{text}") };
            assert_eq!(parsed.reason, expected);
        }
    }
}
