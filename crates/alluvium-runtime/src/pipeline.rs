//! What a run is made of, and what it reports.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use alluvium_core::brake::Brake;
use alluvium_core::chunk::Chunker;
use alluvium_core::commit::{Counts, IndexWriter, Publish, VectorLookup};
use alluvium_core::embed::Model;
use alluvium_core::extract::Extractor;
use alluvium_core::hash::Sha256;
use alluvium_core::id::SourceName;
use alluvium_core::skipped::Skipped;
use alluvium_core::source::Source;
use tokio_util::sync::CancellationToken;

use crate::flight::InFlight;

/// Everything that a run needs.
pub struct Pipeline<'w> {
    /// The sources: one after the other in a backfill, side by side where they are followed.
    pub sources: Vec<SourceRun>,
    /// Bytes to text.
    pub extractor: Arc<dyn Extractor>,
    /// Text to chunks.
    pub chunker: Arc<dyn Chunker>,
    /// Chunks to vectors.
    pub model: Arc<dyn Model>,
    /// Vectors that are there already.
    pub lookup: Arc<dyn VectorLookup>,
    /// The index.
    pub writer: &'w mut dyn IndexWriter,
    /// The pipeline's fingerprint, noted on every document.
    pub fingerprint: Sha256,
    /// Names of sources that want nothing served of documents whose new content can't be read.
    pub hide_unreadable: HashSet<String>,
    /// Bounds and paces.
    pub settings: Settings,
    /// Is told how far the run is.
    pub progress: Arc<dyn Progress>,
    /// Ends the run. In a backfill finished documents are committed and the others are dropped; where
    /// sources are followed, documents in flight have [`FollowSettings::drain_timeout`] to finish.
    pub cancel: CancellationToken,
}

/// One source of a run.
pub struct SourceRun {
    /// The source.
    pub source: Box<dyn Source>,
    /// The index has no position of this source yet, so its first scan is recorded even if it found
    /// nothing, and where the source is followed, at once.
    pub record_first_scan: bool,
    /// In a run that follows: the source ends, as in a backfill, and with it the run, which drains once all
    /// such sources have ended. One that can't answer ends the run, too. A backfill reads all sources so.
    pub once: bool,
}

/// Bounds and paces of a run.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// The longest that a finished document waits for its commit.
    pub commit_interval: Duration,
    /// A commit is due with so many documents,
    pub commit_max_documents: usize,
    /// or with so many bytes of them.
    pub commit_max_bytes: u64,
    /// Bytes of all documents in flight: contents, texts and vectors.
    pub queue_bytes: u64,
    /// Documents in flight.
    pub queue_documents: usize,
    /// Sessions of the model, each a thread.
    pub sessions: usize,
    /// Documents that are extracted or cut at once.
    pub extract_parallel: usize,
    /// How long a document may take to be cut into chunks; one that takes longer is refused.
    pub cut_time: Duration,
}

impl Settings {
    /// Settings for a machine with so many cores: a session a core, and at most twice as many documents
    /// in extraction, which mostly wait for their worker.
    pub fn for_cores(cores: usize) -> Self {
        let cores = cores.max(1);
        Self {
            commit_interval: Duration::from_secs(10),
            commit_max_documents: 1_000,
            commit_max_bytes: 64 << 20,
            queue_bytes: 256 << 20,
            queue_documents: 2_000,
            sessions: cores,
            extract_parallel: cores,
            cut_time: Duration::from_secs(30),
        }
    }

    /// The same with commits of at most so many documents, and room for as many again in preparation.
    pub fn with_commits_of(self, documents: usize) -> Self {
        let queue_documents = self.queue_documents.max(documents.saturating_mul(2));
        Self { commit_max_documents: documents, queue_documents, ..self }
    }

    /// A commit must be due before what waits for it fills the budget, or the pipeline would run dry.
    pub(crate) fn commit_bytes(&self) -> u64 {
        self.commit_max_bytes.min(self.queue_bytes / 2).max(1)
    }

    pub(crate) fn commit_documents(&self) -> usize {
        self.commit_max_documents.min(self.queue_documents / 2).max(1)
    }
}

/// Paces of a run that follows its sources.
#[derive(Debug, Clone, Copy)]
pub struct FollowSettings {
    /// Progress that comes without changes is published at most this often.
    pub progress_interval: Duration,
    /// How long documents in flight may take to finish when the run is to end.
    pub drain_timeout: Duration,
    /// How often health is reported.
    pub health_interval: Duration,
    /// A source that can't answer is asked again after this long at most, the first time;
    pub retry_first: Duration,
    /// each time after twice as long, up to this.
    pub retry_most: Duration,
}

impl Default for FollowSettings {
    fn default() -> Self {
        Self {
            progress_interval: Duration::from_secs(5 * 60),
            drain_timeout: Duration::from_secs(30),
            health_interval: Duration::from_secs(60),
            retry_first: Duration::from_secs(1),
            retry_most: Duration::from_secs(60),
        }
    }
}

/// How a run that follows its sources ended, where nothing failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FollowEnd {
    /// Every source has ended, and everything is committed.
    Ended,
    /// Somebody else has published: what was in flight is dropped, and the index must be looked at anew.
    Superseded,
    /// The run was told to end, and everything that finished in time is committed.
    Drained {
        /// What did not, the oldest first.
        slow: Vec<InFlight>,
    },
    /// All that the sources had which are read once is committed, and the run has drained.
    Loaded {
        /// What became of those sources.
        report: Box<Report>,
        /// What of other sources did not finish in time, the oldest first.
        slow: Vec<InFlight>,
    },
}

/// What a run did with the sources that it read to their ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Documents that the sources looked at.
    pub seen: u64,
    /// Of those, the ones that the sources found as the index knows them.
    pub unchanged: u64,
    /// Of those, the ones that are no documents: files of types that are not supported, and events that
    /// leave contents as they are.
    pub skipped: Skipped,
    /// What the commits did.
    pub counts: Counts,
    /// The last publish of something of these sources.
    pub published: Option<Publish>,
    /// Sources whose deletions were withheld.
    pub braked: Vec<(SourceName, Brake)>,
    /// Whether the run was cancelled before it was complete.
    pub interrupted: bool,
}

/// How far a run is with the sources that it reads to their ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Documents that there are to look at, once that is known.
    pub expected: Option<u64>,
    /// Documents that were looked at.
    pub seen: u64,
    /// Documents that need nothing more: unchanged, skipped, or ready to be committed.
    pub done: u64,
    /// Changes that are committed.
    pub committed: u64,
    /// Changes that were refused so far.
    pub quarantined: u64,
    /// Chunks embedded, of all sources.
    pub embedded: u64,
    /// What the commits did so far.
    pub counts: Counts,
}

/// Is told how far a run is; often, so it must be quick.
pub trait Progress: Send + Sync {
    /// Takes note.
    fn update(&self, snapshot: &Snapshot);
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn update(&self, _: &Snapshot) {}
}
