//! Other writers: one who took over ends ours, a predecessor who comes late does not.
//!
//! Only the ledger says who writes. A conflict at a table while the newest record is ours comes from
//! somebody who was fenced and has not noticed yet: nothing of theirs is published, and a new claim
//! discards it. There are few such conflicts: what a fenced writer does next is its last.

use alluvium_core::commit::{Batch, Committed};

use super::Writer;
use super::maintenance::Patience;
use crate::error::{IndexError, Result};

/// How often a commit claims anew: a late claim can restore every table once.
const ATTEMPTS: u32 = 6;

impl Writer {
    pub(super) async fn commit_undisturbed(&mut self, batch: Batch) -> Result<Committed> {
        for _ in 1..ATTEMPTS {
            let again = Batch { changes: batch.changes.clone(), deltas: batch.deltas.clone() };
            let result = self.try_commit(again).await;
            if let Some(end) = self.end_unless_disturbed(result).await {
                return end;
            }
        }
        let result = self.try_commit(batch).await;
        self.end(result).await
    }

    pub(super) async fn maintain_undisturbed(&mut self, patience: Patience) -> Result<()> {
        for _ in 1..ATTEMPTS {
            let result = Box::pin(self.try_maintain(patience)).await;
            if let Some(end) = self.end_unless_disturbed(result).await {
                return end;
            }
        }
        let result = Box::pin(self.try_maintain(patience)).await;
        self.end(result).await
    }

    /// What is built is lost with the first conflict: it is begun anew with the next commit.
    pub(super) async fn tend_undisturbed(&mut self) -> Result<()> {
        let result = Box::pin(self.take_on_trained(Patience::Bounded)).await;
        self.end_unless_disturbed(result).await.unwrap_or(Ok(()))
    }

    /// `None` after a conflict with somebody who no longer writes: the next attempt claims anew.
    async fn end_unless_disturbed<T>(&mut self, result: Result<T>) -> Option<Result<T>> {
        match &result {
            Err(error @ IndexError::Fenced(_)) if self.is_ours().await => {
                tracing::warn!(%error, "a writer that was fenced came late; claiming anew");
                self.claimed = false;
                None
            }
            _ => Some(self.end(result).await),
        }
    }

    /// After a failure the tables may hold what no record names: the next write claims anew. A fence names
    /// who holds the index now; a conflict at a table can't.
    pub(super) async fn end<T>(&mut self, result: Result<T>) -> Result<T> {
        let Err(error) = result else { return result };
        self.claimed = false;
        if !matches!(error, IndexError::Fenced(_)) {
            return Err(error);
        }
        tracing::debug!(%error, "fenced");
        Err(self.by_whom().await.unwrap_or(error))
    }

    /// Whether the newest record is this writer's.
    async fn is_ours(&self) -> bool {
        let head = self.ledger.head().await;
        matches!(head, Ok(Some(head)) if head.writer.nonce == self.id.nonce)
    }

    /// Who holds the index instead of this writer, and since when.
    async fn by_whom(&self) -> Option<IndexError> {
        let head = self.ledger.head().await.ok()??;
        let known = self.head.as_ref().map_or(0, |known| known.seq);
        let other = head.writer.nonce != self.id.nonce && head.seq > known;
        if !other {
            return None;
        }
        let first = self.ledger.epoch_start(head, known).await.ok()?;
        Some(IndexError::fenced_by(&first))
    }
}
