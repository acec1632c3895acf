//! The seam where changes come in. A source is pulled: it is asked for its next batch only when there
//! is room for it.

use std::sync::Arc;

use async_trait::async_trait;

use crate::brake::Brake;
use crate::change::DocumentChange;
use crate::checkpoint::CheckpointDelta;
use crate::id::SourceName;
use crate::skipped::Skipped;

/// How much the caller can take. A batch stays within it, but for a single change that is larger.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// Bytes of content.
    pub bytes: u64,
    /// Changes.
    pub changes: usize,
}

/// What a source came upon since it was last asked.
#[derive(Debug, Default)]
pub struct SourceBatch {
    /// Changes, those of one document in order.
    pub changes: Vec<DocumentChange>,
    /// Documents looked at, of whatever outcome, what is skipped included. What is said to be gone was not
    /// looked at.
    pub seen: u64,
    /// Documents that are as the index knows them.
    pub unchanged: u64,
    /// Files of a type that is not supported, and events that leave contents as they are.
    pub skipped: Skipped,
    /// Progress that is complete once every change so far is committed.
    pub deltas: Vec<CheckpointDelta>,
    /// Deletions that were withheld.
    pub braked: Option<Brake>,
    /// Few changes that somebody has just made, and not a part of a listing or of a backlog: they may
    /// overtake those.
    pub live: bool,
}

/// Why a source can't go on.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Wrong configuration or a missing root: a person must mend it.
    #[error("source {source_name}: {message}")]
    Broken {
        /// The source.
        source_name: String,
        /// What and where.
        message: String,
    },
    /// Passing trouble: try again later.
    #[error("source {source_name}: {message}")]
    Unavailable {
        /// The source.
        source_name: String,
        /// What and where.
        message: String,
    },
}

/// A source of document changes.
#[async_trait]
pub trait Source: Send {
    /// Its name.
    fn name(&self) -> &SourceName;

    /// The next batch; `None` when a source that ends has ended. A source that follows waits until it has
    /// something to say. After [`SourceError::Unavailable`] it may be asked again. Blocking work is done
    /// off the async threads by the implementation.
    async fn next(&mut self, room: Room) -> Result<Option<SourceBatch>, SourceError>;

    /// Waits, while there is no room for the source's backlog, for a batch that is
    /// [`live`](SourceBatch::live). It may be dropped at any moment, and loses nothing. A source that can't
    /// tell such changes from its backlog waits for ever.
    async fn next_live(&mut self, _room: Room) -> Result<Option<SourceBatch>, SourceError> {
        std::future::pending().await
    }

    /// How many documents there are to look at, once that is known; for progress.
    fn expected(&self) -> Option<u64>;

    /// Who wants to know what of this source was published; most sources don't. It may outlive the source:
    /// the last publish comes after the last pull.
    fn acknowledge(&self) -> Option<Arc<dyn Acknowledge>> {
        None
    }
}

/// Is told what was published. Where there is a ledger it only mirrors, and nothing may depend on this being
/// heard; where there is none, what was not heard is done again.
pub trait Acknowledge: Send + Sync {
    /// This progress of the source is in a published record. Must not block.
    fn published(&self, progress: &[CheckpointDelta]);
}
