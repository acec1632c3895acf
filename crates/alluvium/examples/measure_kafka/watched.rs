//! A writer that is watched.

use std::time::Instant;

use alluvium_core::commit::{Batch, CommitError, Committed, IndexWriter};
use async_trait::async_trait;
use jiff::Timestamp;

/// A commit that went well.
pub(crate) struct Commit {
    pub(crate) changes: usize,
    /// When the events of its changes happened.
    pub(crate) times: Vec<Timestamp>,
    pub(crate) seconds: f64,
}

/// Tells of every commit of a writer.
pub(crate) struct Watched<W, F> {
    pub(crate) writer: W,
    pub(crate) tell: F,
}

type Result<T> = std::result::Result<T, CommitError>;

#[async_trait]
impl<W: IndexWriter + Sync, F: FnMut(Commit) + Send + Sync> IndexWriter for Watched<W, F> {
    async fn commit(&mut self, batch: Batch) -> Result<Committed> {
        let (start, changes) = (Instant::now(), batch.changes.len());
        let times = batch.changes.iter().filter_map(|change| change.origin.event_time).collect();
        let committed = self.writer.commit(batch).await?;
        (self.tell)(Commit { changes, times, seconds: start.elapsed().as_secs_f64() });
        Ok(committed)
    }

    async fn maintain(&mut self) -> Result<()> {
        self.writer.maintain().await
    }

    async fn tend(&mut self) -> Result<()> {
        self.writer.tend().await
    }

    async fn superseded(&self) -> Result<bool> {
        self.writer.superseded().await
    }
}
