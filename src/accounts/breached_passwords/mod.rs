//! The operator's list of leaked passwords, as a compact file.
//!
//! `keyrack passwords build` makes the file (`build`, `sorted_keys`, `list_lines`) from a list of SHA-1 hashes or of
//! passwords. A server opens and verifies it (`file`), and looks passwords up in it without reading it into memory. It
//! follows the file while it runs (`list`): one that was replaced is verified and used, a damaged one is not.
//!
//! ```text
//! header   72 bytes, see `header`
//! buckets  each with 256 keys on average: their number, then their sorted remainders in a Golomb-Rice code (`bits`)
//! index    where each bucket begins, and where the last one ends
//! ```
//!
//! A key stands for a password: the first eight bytes of the SHA-256 of its SHA-1. The SHA-1 is what public lists
//! contain; the SHA-256 spreads the keys evenly, also those of a list that is a part of a larger one. A key's bucket
//! and remainder are the leading bits of its place among all keys, as many as keep false positives below one in a
//! million.

mod bits;
mod build;
mod file;
mod header;
mod list;
mod list_lines;
mod sorted_keys;

#[cfg(test)]
mod fuzz_tests;
#[cfg(test)]
mod tests;

use sha1::Sha1;
use sha2::{Digest, Sha256};

pub use build::{BreachFileBuilder, BuildError, BuildReport};
pub use file::InvalidBreachFile;
pub use list::{BreachedPasswords, UnusableBreachFile};
pub use list_lines::ListFormat;

/// Bytes of a SHA-1 hash.
const SHA1_BYTES: usize = 20;

/// The SHA-1 hash of a password, by which public lists name it.
type PasswordHash = [u8; SHA1_BYTES];

fn hash_of(password: &str) -> PasswordHash {
    Sha1::digest(password.as_bytes()).into()
}

/// The key of a password in the file.
fn key_of(hash: &PasswordHash) -> u64 {
    let mut first = [0; size_of::<u64>()];
    first.copy_from_slice(&Sha256::digest(hash)[..size_of::<u64>()]);
    u64::from_be_bytes(first)
}
