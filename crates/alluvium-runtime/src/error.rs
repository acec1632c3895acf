//! Why a run stopped. What is wrong with one document never shows here.

use alluvium_core::commit::CommitError;
use alluvium_core::embed::EmbedError;
use alluvium_core::source::SourceError;

/// Why a run stopped. What was finished before is committed, unless committing is what failed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A source can't go on.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The extractor can't work at all.
    #[error("the extractor can't run: {0}")]
    Extractor(String),
    /// The model can't work at all.
    #[error(transparent)]
    Model(#[from] EmbedError),
    /// The index refused or failed.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// A defect of this program: a task or a thread ended that must not.
    #[error("internal error: {0}")]
    Internal(String),
}
