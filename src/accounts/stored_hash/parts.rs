//! A hash that was taken apart.

/// The parts of a stored hash; `S` is its algorithm with the parameters.
pub(super) struct HashParts<S> {
    pub scheme: S,
    pub salt: Vec<u8>,
    /// The result that the right password has.
    pub expected: Vec<u8>,
}
