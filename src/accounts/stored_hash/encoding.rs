//! The ways in which hash formats write bytes.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};

use super::unusable::UnusableHash;

/// Accepts what is left over in the last character: some libraries fill it with random bits.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::RequireNone)
    .with_decode_allow_trailing_bits(true);
const BCRYPT: GeneralPurpose = GeneralPurpose::new(&alphabet::BCRYPT, LENIENT);
const WITHOUT_PADDING: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);

const NOT_BASE64: UnusableHash = UnusableHash::Malformed("the salt or the result is not base64");

/// Base64 in bcrypt's alphabet.
pub(super) fn bcrypt_base64(text: &str) -> Result<Vec<u8>, UnusableHash> {
    BCRYPT.decode(text).map_err(|_| NOT_BASE64)
}

/// Base64 with padding, as Django and Firebase write it.
pub(super) fn base64(text: &str) -> Result<Vec<u8>, UnusableHash> {
    STANDARD.decode(text).map_err(|_| NOT_BASE64)
}

/// Base64 without padding, in which passlib may write `.` for `+`.
pub(super) fn passlib_base64(text: &str) -> Result<Vec<u8>, UnusableHash> {
    WITHOUT_PADDING.decode(text.replace('.', "+")).map_err(|_| NOT_BASE64)
}

/// An even number of hexadecimal digits.
pub(super) fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| if let [high, low] = *pair { Some(digit(high)? << 4 | digit(low)?) } else { None }).collect()
}

/// Hexadecimal digits, in lower case.
pub(super) fn hex_of(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| DIGITS[usize::from(digit)]).collect()
}

/// A decimal number without a sign.
pub(super) fn number(text: &str) -> Result<u32, UnusableHash> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_number);
    number.ok_or(UnusableHash::Malformed("a parameter is not a number"))
}

/// The values of parameters such as `ln=16,r=8,p=1`, which must have these names and this order.
pub(super) fn parameters<const N: usize>(text: &str, names: [&str; N]) -> Result<[u32; N], UnusableHash> {
    const OTHER: UnusableHash = UnusableHash::Malformed("it has other parameters than this format");
    let mut parts = text.split(',');
    let mut values = [0; N];
    for (value, name) in values.iter_mut().zip(names) {
        let part = parts.next().and_then(|part| part.strip_prefix(name)?.strip_prefix('='));
        *value = number(part.ok_or(OTHER)?)?;
    }
    if parts.next().is_some() { Err(OTHER) } else { Ok(values) }
}
