//! Recovery codes: what a user keeps on paper for the day on which the authenticator app is gone.

use std::fmt;

/// Codes that a user gets at once.
pub(in crate::accounts) const RECOVERY_CODES: u32 = 10;
/// Characters of a code; each has 5 bits, so a code has 60.
const CHARS: usize = 12;
/// Characters between two hyphens.
const GROUP: usize = 4;
/// Crockford's base 32: without the letters that are taken for digits, or that make words.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A recovery code in its plain form: lower case, without hyphens. Its `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::accounts) struct RecoveryCode(String);

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCode(…)")
    }
}

impl RecoveryCode {
    /// Makes a code of bytes that look random.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(bytes.iter().take(CHARS).map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect())
    }

    /// Reads what was typed, in either case, with any blanks and hyphens, and with letters for the digits that look like
    /// them; `None` if it has not the form of a code.
    pub fn parse(typed: &str) -> Option<Self> {
        let is_shown = |c: &char| !c.is_whitespace() && *c != '-';
        let plain: String = typed.chars().filter(is_shown).map(|c| c.to_ascii_lowercase()).map(digit_for).collect();
        let is_code = plain.len() == CHARS && plain.bytes().all(|byte| ALPHABET.contains(&byte));
        is_code.then_some(Self(plain))
    }

    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The code as it is shown: `4h2k-9x7m-q3vt`.
    pub fn to_groups(&self) -> String {
        let groups = self.0.as_bytes().chunks(GROUP).map(|group| String::from_utf8_lossy(group));
        groups.collect::<Vec<_>>().join("-")
    }
}

fn digit_for(c: char) -> char {
    match c {
        'o' => '0',
        'i' | 'l' => '1',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asvs_6_5_4_recovery_codes_have_60_bits() {
        let lowest = RecoveryCode::from_bytes(&[0; 32]);
        let bits = (0..CHARS).map(|position| {
            let differs = |bit: u32| {
                let bytes = std::array::from_fn(|index| if index == position { 1 << bit } else { 0 });
                RecoveryCode::from_bytes(&bytes) != lowest
            };
            (0..8).filter(|bit| differs(*bit)).count()
        });
        assert_eq!(bits.sum::<usize>(), 60);
    }

    #[test]
    fn code_is_read_however_it_is_typed() {
        let bytes: [u8; 32] = std::array::from_fn(|index| u8::try_from(index * 7).unwrap());
        let code = RecoveryCode::from_bytes(&bytes);
        assert_eq!(code.to_groups(), "07en-w3ah-rz6d");
        for typed in ["07en-w3ah-rz6d", " O7EN W3AH RZ6D\n", "07enw3ahrz6d", "07-en-w3-ah-rz-6d"] {
            assert_eq!(RecoveryCode::parse(typed), Some(code.clone()), "{typed}");
        }
        assert_eq!(
            RecoveryCode::parse("iLoO-0000-0000").map(|code| code.to_groups()).as_deref(),
            Some("1100-0000-0000")
        );
        for typed in ["", "123456", "07en-w3ah-rz6", "07en-w3ah-rz6dd", "07en-w3ah-rz6u", "07en-w3ah-rz6é"] {
            assert_eq!(RecoveryCode::parse(typed), None, "{typed}");
        }
        assert!(!format!("{code:?}").contains("07en"));
    }
}
