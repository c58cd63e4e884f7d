//! Random text for what a command makes up.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

use super::Failure;
use crate::error::Error;

/// So many random bytes, as text for URLs.
pub(super) fn random_text(bytes: usize) -> Result<String, Failure> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random).map_err(|error| Failure::from(Error::internal(error)))?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(random))
}
