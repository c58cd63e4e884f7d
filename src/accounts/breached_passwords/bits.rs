//! One bucket: sorted numbers as the gaps between them, in a Golomb-Rice code.
//!
//! The keys of a bucket are spread evenly, so the gaps follow a geometric distribution, for which this code comes
//! within a few percent of the shortest possible one: 21.6 bits per key at one false positive in a million.

use super::header::FALSE_POSITIVE_BITS;

/// Bytes of the number of keys at the beginning of a bucket.
const COUNT_BYTES: usize = 4;

/// Appends the bucket with these numbers, which are sorted and different.
pub(super) fn write_bucket(numbers: &[u64], out: &mut Vec<u8>) {
    let count = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
    out.extend(count.to_le_bytes());
    let mut bits = BitWriter { out, free: 0 };
    let mut next = 0;
    for number in numbers {
        let gap = number - next;
        for _ in 0..gap >> FALSE_POSITIVE_BITS {
            bits.write(true);
        }
        bits.write(false);
        for bit in (0..FALSE_POSITIVE_BITS).rev() {
            bits.write(gap >> bit & 1 == 1);
        }
        next = number + 1;
    }
}

/// Whether a bucket contains a number; `None` if the bucket is damaged.
pub(super) fn bucket_contains(bucket: &[u8], wanted: u64) -> Option<bool> {
    let (count, code) = bucket.split_first_chunk::<COUNT_BYTES>()?;
    let mut bits = BitReader { bytes: code, position: 0 };
    let mut next = 0_u64;
    for _ in 0..u32::from_le_bytes(*count) {
        let mut gap = 0;
        while bits.read()? {
            gap += 1;
        }
        for _ in 0..FALSE_POSITIVE_BITS {
            gap = gap << 1 | u64::from(bits.read()?);
        }
        let number = next.checked_add(gap)?;
        if number >= wanted {
            return Some(number == wanted);
        }
        next = number + 1;
    }
    Some(false)
}

/// Writes bits, the highest of each byte first.
struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    /// Bits of the last byte that are not written yet.
    free: u32,
}

impl BitWriter<'_> {
    fn write(&mut self, bit: bool) {
        if self.free == 0 {
            self.out.push(0);
            self.free = u8::BITS;
        }
        self.free -= 1;
        if let Some(last) = self.out.last_mut() {
            *last |= u8::from(bit) << self.free;
        }
    }
}

/// Reads what [`BitWriter`] has written.
struct BitReader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl BitReader<'_> {
    fn read(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.position / 8)?;
        let bit = byte >> (7 - self.position % 8) & 1;
        self.position += 1;
        Some(bit == 1)
    }
}
