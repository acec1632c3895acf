//! The seam where prepared changes become the index: what a writer takes, and what it answers.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::checkpoint::CheckpointDelta;
use crate::document::Prepared;
use crate::hash::Sha256;
use crate::id::{DocId, Generation};

/// What one commit takes: changes, and the progress that is complete with them.
#[derive(Debug, Default)]
pub struct Batch {
    /// Prepared changes in the order in which they came.
    pub changes: Vec<Prepared>,
    /// Progress; recorded in the same publish as the changes.
    pub deltas: Vec<CheckpointDelta>,
}

/// What commits did to documents and chunks. Counts add up over a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Documents whose content was replaced.
    pub indexed: u64,
    /// Documents of which only the access list changed.
    pub access: u64,
    /// Changes that the guard found to be there already, or older than what is there.
    pub unchanged: u64,
    /// Documents removed.
    pub deleted: u64,
    /// Changes that went to quarantine.
    pub quarantined: u64,
    /// Chunk rows written, moved ones included.
    pub chunks_written: u64,
    /// Of those, rows with a vector that was there before.
    pub chunks_reused: u64,
    /// Of those, rows with a new vector.
    pub chunks_embedded: u64,
    /// Of those, rows that the model can't read: found by words only.
    #[serde(default)]
    pub chunks_words_only: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.indexed += other.indexed;
        self.access += other.access;
        self.unchanged += other.unchanged;
        self.deleted += other.deleted;
        self.quarantined += other.quarantined;
        self.chunks_written += other.chunks_written;
        self.chunks_reused += other.chunks_reused;
        self.chunks_embedded += other.chunks_embedded;
        self.chunks_words_only += other.chunks_words_only;
    }
}

/// Counts by the source that stands in the ids of the documents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CountsBySource(BTreeMap<String, Counts>);

impl CountsBySource {
    /// Those of the source that a document is of.
    pub fn of(&mut self, document: &DocId) -> &mut Counts {
        self.0.entry(document.source().to_owned()).or_default()
    }

    /// The sum over all sources.
    pub fn total(&self) -> Counts {
        self.sum_of(|_| true)
    }

    /// The sum over the sources whose names are `wanted`.
    pub fn sum_of(&self, wanted: impl Fn(&str) -> bool) -> Counts {
        let mut sum = Counts::default();
        self.0.iter().filter(|(source, _)| wanted(source)).for_each(|(_, counts)| sum += *counts);
        sum
    }
}

/// What a commit did.
#[derive(Debug, Clone, Default)]
pub struct Committed {
    /// Counts of this commit.
    pub counts: CountsBySource,
    /// The record that was published; `None` when there was nothing to publish.
    pub published: Option<Publish>,
}

/// A publish, in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// Its sequence number.
    pub seq: u64,
    /// The live generation.
    pub generation: Generation,
}

/// Why a commit failed. Nothing of it was published.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Another writer took over: stop.
    #[error("fenced: {0}")]
    Fenced(String),
    /// Storage failed; what was written is discarded by the next claim.
    #[error("{0}")]
    Storage(String),
    /// A person paused ingestion.
    #[error("{0}")]
    Paused(String),
    /// The batch contradicts the index or itself: a defect, not a passing fault.
    #[error("{0}")]
    Inconsistent(String),
}

/// The one committer of an index.
#[async_trait]
pub trait IndexWriter: Send {
    /// Applies a batch as one publish. The order of the steps and what a crash between them leaves is
    /// the implementation's to prove.
    async fn commit(&mut self, batch: Batch) -> Result<Committed, CommitError>;

    /// Merges indexes and compacts where that is due, as a publish of its own, and waits for what is being
    /// built beside the commits: nothing else is to be done.
    async fn maintain(&mut self) -> Result<(), CommitError>;

    /// Publishes what was built beside the commits, if it is ready; for when no commit comes. Cheap.
    async fn tend(&mut self) -> Result<(), CommitError>;

    /// Whether somebody else has published since: a person rolled back, erased, or resumed. What is in
    /// flight was prepared over another index and must be dropped. Cheap: one look for one object.
    async fn superseded(&self) -> Result<bool, CommitError>;
}

/// Looks up vectors that are already in the index. Shared by preparers while the writer commits.
#[async_trait]
pub trait VectorLookup: Send + Sync {
    /// The vectors that the live version of each document holds, by chunk hash. Documents that are not
    /// there are left out.
    async fn vectors(&self, documents: &[DocId]) -> Result<VectorsByDocument, CommitError>;
}

/// Document → chunk hash → vector.
pub type VectorsByDocument = HashMap<DocId, HashMap<Sha256, KnownVector>>;

/// A vector that the index holds.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownVector {
    /// The vector.
    pub vector: Vec<f32>,
    /// Tokens of the chunk when it was embedded, as in [`Chunk::tokens`](crate::chunk::Chunk::tokens). Another
    /// number for the same text says that the model would be given that text in another way today: the vector
    /// is not the one that it would get.
    pub tokens: usize,
}
