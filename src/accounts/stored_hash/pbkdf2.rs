//! PBKDF2 (RFC 8018), as Django and passlib write it.

use pbkdf2::pbkdf2_hmac;
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use super::{
    encoding::{base64, number, passlib_base64},
    parts::HashParts,
    unusable::UnusableHash,
};

/// Four times the rounds that Django 6 takes: about two seconds.
const MAX_ROUNDS: u32 = 5_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::accounts) struct Pbkdf2Scheme {
    rounds: u32,
    digest: Digest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Digest {
    Sha1,
    Sha256,
    Sha512,
}

impl Pbkdf2Scheme {
    pub(super) fn compute(self, password: &[u8], salt: &[u8], length: usize) -> Vec<u8> {
        let mut output = vec![0; length];
        match self.digest {
            Digest::Sha1 => pbkdf2_hmac::<Sha1>(password, salt, self.rounds, &mut output),
            Digest::Sha256 => pbkdf2_hmac::<Sha256>(password, salt, self.rounds, &mut output),
            Digest::Sha512 => pbkdf2_hmac::<Sha512>(password, salt, self.rounds, &mut output),
        }
        output
    }

    /// One block, which is what both programs store.
    pub(super) fn output_bytes(self) -> usize {
        match self.digest {
            Digest::Sha1 => 20,
            Digest::Sha256 => 32,
            Digest::Sha512 => 64,
        }
    }
}

pub(super) fn parse(text: &str) -> Option<Result<HashParts<Pbkdf2Scheme>, UnusableHash>> {
    const FORMATS: [(&str, Digest, Program); 5] = [
        ("pbkdf2_sha256$", Digest::Sha256, Program::Django),
        ("pbkdf2_sha1$", Digest::Sha1, Program::Django),
        ("$pbkdf2-sha256$", Digest::Sha256, Program::Passlib),
        ("$pbkdf2-sha512$", Digest::Sha512, Program::Passlib),
        ("$pbkdf2$", Digest::Sha1, Program::Passlib),
    ];
    FORMATS
        .iter()
        .find_map(|&(prefix, digest, program)| text.strip_prefix(prefix).map(|rest| parse_parts(rest, digest, program)))
}

#[derive(Clone, Copy)]
enum Program {
    /// `ROUNDS$SALT$BASE64`: the salt is text.
    Django,
    /// `ROUNDS$BASE64$BASE64`
    Passlib,
}

fn parse_parts(text: &str, digest: Digest, program: Program) -> Result<HashParts<Pbkdf2Scheme>, UnusableHash> {
    let parts: Vec<&str> = text.split('$').collect();
    let [rounds, salt, hash] = parts[..] else {
        return Err(UnusableHash::Malformed("PBKDF2 hashes have rounds, a salt and a result, with a $ between them"));
    };
    let scheme = Pbkdf2Scheme { rounds: number(rounds)?, digest };
    if !(1..=MAX_ROUNDS).contains(&scheme.rounds) {
        return Err(UnusableHash::TooExpensive("PBKDF2 may have from 1 to 5,000,000 rounds"));
    }
    let (salt, expected) = match program {
        Program::Django => (salt.as_bytes().to_vec(), base64(hash)?),
        Program::Passlib => (passlib_base64(salt)?, passlib_base64(hash)?),
    };
    if expected.len() != scheme.output_bytes() {
        return Err(UnusableHash::Malformed("the result of PBKDF2 has another length than its hash function"));
    }
    Ok(HashParts { scheme, salt, expected })
}
