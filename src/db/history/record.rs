//! One line of the journal, and what its lines say together.

use std::{
    collections::{HashMap, HashSet},
    fmt::Write as _,
    ops::Range,
    time::Duration,
};

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
    /// The transaction that ended this session at this time was rolled back.
    WithdrawnEnd(SessionId, Timestamp),
    /// The transaction that replaced this sid was rolled back.
    WithdrawnSid(SessionId, SidHash),
    /// The name of the journal itself.
    Journal(Uuid),
    /// All ends that the database had at this time are in the lines above.
    Tailed(Timestamp),
}

impl Record {
    /// The session that has ended, unless the record says something else.
    pub fn ended_session(&self) -> Option<&EndedSession> {
        match self {
            Self::Ended(ended) => Some(ended),
            _ => None,
        }
    }

    /// The record that takes this one back.
    pub fn withdrawal(&self) -> Option<Self> {
        match self {
            Self::Ended(EndedSession { id, ended_at, .. }) => Some(Self::WithdrawnEnd(*id, *ended_at)),
            Self::Replaced(ReplacedSid { id, sid, .. }) => Some(Self::WithdrawnSid(*id, *sid)),
            _ => None,
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
            Self::WithdrawnEnd(id, ended_at) => write!(out, "withdrawn-end {id} {}", ended_at.as_micros()),
            Self::WithdrawnSid(id, sid) => write!(out, "withdrawn-sid {id} {}", hex(sid)),
            Self::Journal(id) => write!(out, "journal {id}"),
            Self::Tailed(until) => write!(out, "tailed {}", until.as_micros()),
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
            ["withdrawn-end", id, ended_at] => Some(Self::WithdrawnEnd(id.parse().ok()?, time(ended_at)?)),
            ["withdrawn-sid", id, sid] => Some(Self::WithdrawnSid(id.parse().ok()?, from_hex(sid)?)),
            ["journal", id] => Some(Self::Journal(id.parse().ok()?)),
            ["tailed", until] => Some(Self::Tailed(time(until)?)),
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
    /// By their times, too: of two transactions that end one session, the one that was rolled back takes back only its
    /// own record.
    ended: HashMap<(SessionId, Timestamp), EndedSession>,
    /// The former sids of each session that has not ended.
    replaced: HashMap<SessionId, Vec<ReplacedSid>>,
    /// The name of the journal.
    pub journal: Option<Uuid>,
    /// Until when all ends of the database are in the journal.
    pub tailed_until: Option<Timestamp>,
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
        let ended: HashSet<SessionId> = contents.ended.keys().map(|(id, _)| *id).collect();
        contents.replaced.retain(|id, sids| !sids.is_empty() && !ended.contains(id));
        contents
    }

    fn add(&mut self, record: Record, now: Timestamp) {
        match record {
            Record::Ended(ended) if ended.expires_at > now => self.add_ended(ended),
            Record::Replaced(replaced) if replaced.expires_at > now => {
                self.replaced.entry(replaced.id).or_default().push(replaced);
            }
            Record::Ended(_) | Record::Replaced(_) => {}
            Record::WithdrawnEnd(id, ended_at) => _ = self.ended.remove(&(id, ended_at)),
            Record::WithdrawnSid(id, sid) => {
                self.replaced.entry(id).and_modify(|replaced| replaced.retain(|replaced| replaced.sid != sid));
            }
            Record::Journal(id) => self.journal = Some(id),
            Record::Tailed(until) => self.tailed_until = self.tailed_until.max(Some(until)),
        }
    }

    /// Adds an end. Of two records of it, the one that is of use for longer counts.
    pub(super) fn add_ended(&mut self, ended: EndedSession) {
        let expires_at = ended.expires_at;
        let known = self.ended.entry((ended.id, ended.ended_at)).or_insert(ended);
        known.expires_at = known.expires_at.max(expires_at);
    }

    /// Whether the journal has this end, for at least as long.
    pub(super) fn has_ended(&self, ended: &EndedSession) -> bool {
        self.ended.get(&(ended.id, ended.ended_at)).is_some_and(|known| known.expires_at >= ended.expires_at)
    }

    /// The sessions that had ended before a time.
    pub(super) fn ended_before(&self, time: Timestamp) -> Vec<SessionId> {
        self.ended.values().filter(|ended| ended.ended_at < time).map(|ended| ended.id).collect()
    }

    /// The ends in the order of their sessions' ids, and the former sids of sessions that have not ended.
    pub(super) fn into_parts(self) -> (Vec<EndedSession>, Vec<ReplacedSid>) {
        let mut ended: Vec<EndedSession> = self.ended.into_values().collect();
        ended.sort_unstable_by_key(|ended| ended.id);
        (ended, self.replaced.into_values().flatten().collect())
    }

    /// The lines that say the same, as short as possible.
    pub(super) fn records(self) -> impl Iterator<Item = Record> {
        let journal = self.journal.map(Record::Journal);
        let tailed = self.tailed_until.map(Record::Tailed);
        let (ended, replaced) = self.into_parts();
        let ends = ended.into_iter().map(Record::Ended);
        // Last, as it is about the lines above it.
        journal.into_iter().chain(ends).chain(replaced.into_iter().map(Record::Replaced)).chain(tailed)
    }

    /// The number of sessions whose end the journal has.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.ended.len()
    }
}

#[cfg(test)]
mod tests {
    use std::slice;

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
        let records = [
            Record::Ended(ended("revoked")),
            Record::WithdrawnEnd(SessionId::random(), NOW),
            Record::WithdrawnSid(replaced.id, replaced.sid),
            Record::Replaced(replaced),
            Record::Tailed(Timestamp::from_micros(9)),
        ];
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
        assert_eq!((contents.count(), contents.damaged_lines), (1, 1));
        assert!(contents.has_ended(&first));
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
            Record::Ended(withdrawn.clone()).withdrawal().unwrap(),
            Record::Replaced(ReplacedSid::new(kept.id, "sid", NOW, kept.expires_at)),
        ]);
        let contents = JournalContents::parse(text.as_bytes(), Timestamp::from_micros(99));
        assert!(contents.has_ended(&kept) && !contents.has_ended(&withdrawn));
        assert!(contents.replaced.is_empty(), "the session has ended");
        assert_eq!(contents.records().collect::<Vec<_>>(), [Record::Ended(kept)]);
        assert_eq!(JournalContents::parse(text.as_bytes(), Timestamp::from_micros(100)), JournalContents::default());
    }

    /// The lines of two transactions may be mixed: a withdrawal takes back the record of its own transaction only.
    #[test]
    fn withdrawal_leaves_other_records_of_its_session() {
        let first = ended("revoked");
        let second = EndedSession { ended_at: Timestamp::from_micros(6), ..first.clone() };
        let sids = ["one", "two"].map(|sid| ReplacedSid::new(first.id, sid, NOW, first.expires_at));
        let [one, two] = sids.clone().map(Record::Replaced);
        let (end, second_end) = (Record::Ended(first.clone()), Record::Ended(second.clone()));
        for (records, rest) in [
            (vec![end.clone(), second_end.clone(), end.withdrawal().unwrap()], vec![second_end.clone()]),
            (vec![end.clone(), second_end.clone(), second_end.withdrawal().unwrap()], vec![end.clone()]),
            (vec![one.clone(), two.clone(), one.withdrawal().unwrap()], vec![two.clone()]),
            (vec![end.clone(), one.clone(), one.withdrawal().unwrap()], vec![end.clone()]),
            (vec![one.clone(), end.clone(), end.withdrawal().unwrap()], vec![one.clone()]),
        ] {
            let contents = JournalContents::parse(lines(&records).as_bytes(), NOW);
            assert_eq!(contents.records().collect::<Vec<_>>(), rest, "{records:?}");
        }
    }

    #[test]
    fn latest_tailed_time_counts_and_stays_last() {
        let times = [7, 9, 8].map(|micros| Record::Tailed(Timestamp::from_micros(micros)));
        let end = Record::Ended(ended("revoked"));
        let contents = JournalContents::parse(lines(&[&times[..], slice::from_ref(&end)].concat()).as_bytes(), NOW);
        assert_eq!(contents.records().collect::<Vec<_>>(), [end, Record::Tailed(Timestamp::from_micros(9))]);
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
