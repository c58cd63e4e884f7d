//! A change of an account that also ends the first batch of its sessions, in one transaction.

use crate::error::Result;

/// Whether a transaction that changes an account also ends the first batch of its sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FirstBatchMode {
    /// It does.
    End,
    /// It leaves all sessions to the batches that follow.
    Leave,
}

/// Runs a transaction that ends the first batch of an account's sessions; if the database refuses that, without it, since
/// a session that can't be ended must not keep its account from being changed.
pub(crate) async fn with_first_batch<T, F: Future<Output = Result<T>>>(run: impl Fn(FirstBatchMode) -> F) -> Result<T> {
    match run(FirstBatchMode::End).await {
        Err(error) if error.is_refusal() => run(FirstBatchMode::Leave).await,
        outcome => outcome,
    }
}
