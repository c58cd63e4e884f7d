//! Why a stored hash can't be checked.

/// Why a stored hash can't be checked. The message is for operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnusableHash {
    /// No known format.
    #[error("its format is not known; docs/importing-users.md lists the formats that Keyrack reads")]
    UnknownFormat,
    /// A known format, but not written as it demands.
    #[error("it is malformed: {0}")]
    Malformed(&'static str),
    /// One guess would take too long, or too much memory.
    #[error("checking it would be too expensive: {0}")]
    TooExpensive(&'static str),
    /// `WordPress` hashes passwords before bcrypt in its own way.
    #[error("it is one of WordPress, which Keyrack does not read")]
    WordPress,
    /// A hash of Firebase, whose key is not known.
    #[error("it is one of Firebase; set KEYRACK_FIREBASE_SIGNER_KEY to the project's base64_signer_key")]
    NoFirebaseSignerKey,
}
