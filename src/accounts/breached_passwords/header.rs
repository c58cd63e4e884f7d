//! The header of a breach file, and how keys are spread over its buckets.

use sha2::{Digest, Sha256};

/// What the file begins with.
pub(super) const MAGIC: [u8; 16] = *b"keyrack breached";

/// The format that this program writes and reads.
pub(super) const VERSION: u32 = 1;

/// Bytes of the header.
pub(super) const HEADER_BYTES: u64 = 72;

/// Bytes of the checksum of all that follows the header, and of the header's own.
const BODY_CHECKSUM_BYTES: usize = 16;
const HEADER_CHECKSUM_BYTES: usize = 8;

/// A password that is not in the list is found in it with a probability of at most 2^-20, one in a million. It is also
/// the parameter of the Golomb-Rice code.
pub(super) const FALSE_POSITIVE_BITS: u32 = 20;

/// Keys in a bucket, on average: 2^8.
const BUCKET_BITS: u32 = 8;

/// Values that a remainder may have: 2^28.
const REMAINDER_BITS: u32 = BUCKET_BITS + FALSE_POSITIVE_BITS;

/// Bytes of an entry of the index.
pub(super) const INDEX_ENTRY_BYTES: u64 = 8;

/// The contents of the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// Number of different keys.
    pub entries: u64,
    pub buckets: u64,
    /// Bytes of all buckets. The index follows.
    pub bucket_bytes: u64,
    pub body_checksum: [u8; BODY_CHECKSUM_BYTES],
}

/// Why the first bytes of a file are not a header.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum InvalidHeader {
    /// The file is of another kind.
    Foreign,
    Version(u32),
    Damaged,
}

impl Header {
    /// The number of buckets for so many keys.
    pub fn buckets_for(keys: u64) -> u64 {
        keys.div_ceil(1 << BUCKET_BITS).max(1)
    }

    /// The bytes of the file.
    pub fn to_bytes(self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for number in [VERSION, FALSE_POSITIVE_BITS] {
            bytes.extend(number.to_le_bytes());
        }
        for number in [self.entries, self.buckets, self.bucket_bytes] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(self.body_checksum);
        bytes.extend(&Sha256::digest(&bytes)[..HEADER_CHECKSUM_BYTES]);
        bytes
    }

    /// Parses the first bytes of a file.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidHeader> {
        let rest = bytes.strip_prefix(&MAGIC).ok_or(InvalidHeader::Foreign)?;
        let (version, rest) = rest.split_first_chunk().ok_or(InvalidHeader::Damaged)?;
        let version = u32::from_le_bytes(*version);
        if version != VERSION {
            return Err(InvalidHeader::Version(version));
        }
        let parsed = Self::parse_numbers(rest).ok_or(InvalidHeader::Damaged)?;
        if bytes.get(..parsed.to_bytes().len()) == Some(&parsed.to_bytes()) {
            Ok(parsed)
        } else {
            Err(InvalidHeader::Damaged)
        }
    }

    fn parse_numbers(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.get(size_of::<u32>()..)?;
        let mut number = || {
            let (first, others) = rest.split_first_chunk()?;
            rest = others;
            Some(u64::from_le_bytes(*first))
        };
        let (entries, buckets, bucket_bytes) = (number()?, number()?, number()?);
        let (checksum, _) = rest.split_first_chunk()?;
        Some(Self { entries, buckets, bucket_bytes, body_checksum: *checksum })
    }

    /// The length of the file; `None` if the numbers are absurd.
    pub fn file_bytes(&self) -> Option<u64> {
        let index = self.buckets.checked_add(1)?.checked_mul(INDEX_ENTRY_BYTES)?;
        HEADER_BYTES.checked_add(self.bucket_bytes)?.checked_add(index)
    }

    /// Where the index entry of a bucket is in the file.
    pub fn index_position(&self, bucket: u64) -> u64 {
        HEADER_BYTES + self.bucket_bytes + bucket * INDEX_ENTRY_BYTES
    }
}

/// Where a key is: its bucket, and what distinguishes it from the bucket's other keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot {
    pub bucket: u64,
    pub remainder: u64,
}

impl Slot {
    /// The slot of a key. Slots are in the order of their keys.
    pub fn of(key: u64, buckets: u64) -> Self {
        let values = u128::from(buckets) << REMAINDER_BITS;
        let value = (u128::from(key) * values) >> u64::BITS;
        let bucket = value >> REMAINDER_BITS;
        let remainder = value & ((1 << REMAINDER_BITS) - 1);
        // A key is below 2^64, so its value is below `values`, and the bucket below `buckets`.
        Self {
            bucket: u64::try_from(bucket).unwrap_or(u64::MAX),
            remainder: u64::try_from(remainder).unwrap_or(u64::MAX),
        }
    }
}

/// The checksum of all that follows the header.
#[derive(Default)]
pub(super) struct BodyChecksum(Sha256);

impl BodyChecksum {
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub fn finish(self) -> [u8; BODY_CHECKSUM_BYTES] {
        let mut checksum = [0; BODY_CHECKSUM_BYTES];
        checksum.copy_from_slice(&self.0.finalize()[..BODY_CHECKSUM_BYTES]);
        checksum
    }
}
