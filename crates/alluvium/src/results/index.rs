//! Results of `status` and `quarantine`.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::SourceWarning;
use crate::daemon_health::DaemonHealth;

/// The result of `status`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct StatusResult {
    pub(crate) live: Live,
    pub(crate) documents: Documents,
    /// Chunks that are served.
    pub(crate) chunks: u64,
    /// Of those, chunks that the model can't read: found by words only.
    pub(crate) chunks_words_only: u64,
    pub(crate) sources: Vec<SourceStatus>,
    /// Fragments of the chunks' table.
    pub(crate) fragments: u64,
    /// Versions of the chunks' table that are kept.
    pub(crate) versions: u64,
    pub(crate) maintenance: Maintenance,
    /// What the process that follows the sources says of itself; null where none does.
    pub(crate) daemon: Option<DaemonHealth>,
    /// What a person should know of the sources, by the last look at each; left out where there is nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) warnings: Vec<SourceWarning>,
}

/// What maintenance there is to do.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Maintenance {
    /// A running writer does something about it at its next commit.
    pub(crate) due: bool,
    /// Rows of all tables that some index does not cover.
    pub(crate) unindexed_rows: u64,
    /// Fragments of all tables that a compaction would merge.
    pub(crate) small_fragments: u64,
    /// Publishes that `index.keep_for` and `index.keep_last` let go, and that are not vacuumed yet.
    pub(crate) unretained_records: u64,
}

/// The newest record.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Live {
    pub(crate) seq: u64,
    /// The claim of its writer.
    pub(crate) epoch: u64,
    pub(crate) generation: String,
    /// Whether ingestion waits for `alluvium resume`.
    pub(crate) paused: bool,
}

/// Documents by state.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Documents {
    pub(crate) indexed: u64,
    pub(crate) deleted: u64,
    /// With a change that waits in quarantine.
    pub(crate) quarantined: u64,
    /// Served in their last good version, while newer content waits in quarantine.
    pub(crate) stale: u64,
}

/// How far a source has been read.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct SourceStatus {
    pub(crate) name: String,
    /// All that happened before this moment is in the index.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub(crate) watermark: Option<Timestamp>,
    /// Seconds since the watermark.
    pub(crate) freshness_seconds: Option<f64>,
    /// Changes that wait; null where the source can't tell.
    pub(crate) backlog: Option<u64>,
}

impl StatusResult {
    pub(crate) fn of(
        status: alluvium_index::Status,
        due: alluvium_index::Due,
        daemon: Option<DaemonHealth>,
        warnings: Vec<SourceWarning>,
    ) -> Self {
        let (live, documents) = (status.live, status.documents);
        let source = |source: alluvium_index::SourceStatus| SourceStatus {
            name: source.name,
            watermark: source.watermark,
            freshness_seconds: source.freshness_seconds,
            backlog: source.backlog,
        };
        Self {
            live: Live { seq: live.seq, epoch: live.epoch, generation: live.generation, paused: live.paused },
            documents: Documents {
                indexed: documents.indexed,
                deleted: documents.deleted,
                quarantined: documents.quarantined,
                stale: documents.stale,
            },
            chunks: status.chunks,
            chunks_words_only: status.chunks_words_only,
            sources: status.sources.into_iter().map(source).collect(),
            fragments: status.fragments,
            versions: status.versions,
            maintenance: Maintenance {
                due: due.due,
                unindexed_rows: due.unindexed_rows,
                small_fragments: due.small_fragments,
                unretained_records: due.unretained_records,
            },
            daemon,
            warnings,
        }
    }
}

/// The result of `quarantine list`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct QuarantineListResult {
    /// Oldest first.
    pub(crate) items: Vec<QuarantineItem>,
}

/// A change that was refused.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct QuarantineItem {
    pub(crate) id: String,
    pub(crate) doc_id: String,
    pub(crate) source: String,
    /// Where in the source the change came from.
    pub(crate) position: String,
    /// The stage that refused it.
    pub(crate) stage: String,
    /// Why, in a word.
    pub(crate) cause: String,
    /// What exactly, for people.
    pub(crate) detail: String,
    /// When it was first refused.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub(crate) entered_at: Timestamp,
    /// How often it was refused.
    pub(crate) attempts: i64,
}

impl From<alluvium_index::QuarantineItem> for QuarantineItem {
    fn from(item: alluvium_index::QuarantineItem) -> Self {
        Self {
            id: item.id,
            doc_id: item.doc_id,
            source: item.source,
            position: item.position,
            stage: item.stage,
            cause: item.cause,
            detail: item.detail,
            entered_at: item.entered_at,
            attempts: item.attempts,
        }
    }
}

/// The result of `quarantine show`: an item with all that is known of it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct QuarantineShowResult {
    pub(crate) item: QuarantineItem,
    /// What exactly, for people.
    pub(crate) detail: String,
    /// Where the bytes are.
    pub(crate) uri: String,
    /// What the bytes were said to be.
    pub(crate) media_type: Option<String>,
    /// SHA-256 of the bytes.
    pub(crate) content_hash: Option<String>,
    /// The refused version, as JSON.
    pub(crate) version: String,
    /// How many bytes of the change are kept; null where its source still has them.
    pub(crate) bytes: Option<u64>,
    /// The publish that it entered with.
    pub(crate) entered_seq: i64,
    /// The publish with which a person asked for another try that is still to come.
    pub(crate) retry_seq: Option<i64>,
    /// A person decided to do without it.
    pub(crate) dropped: bool,
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub(crate) resolved_at: Option<Timestamp>,
    /// The publish that resolved it.
    pub(crate) resolved_seq: Option<i64>,
}

impl From<alluvium_index::QuarantineDetail> for QuarantineShowResult {
    fn from(row: alluvium_index::QuarantineDetail) -> Self {
        Self {
            detail: row.item.detail.clone(),
            uri: row.item.uri.clone(),
            item: row.item.into(),
            media_type: row.media_type,
            content_hash: row.content_hash,
            version: row.version,
            bytes: row.bytes,
            entered_seq: row.entered_seq,
            retry_seq: row.retry_seq,
            dropped: row.dropped,
            resolved_at: row.resolved_at,
            resolved_seq: row.resolved_seq,
        }
    }
}

/// The result of `quarantine retry`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct QuarantineRetryResult {
    /// The documents that are tried again.
    pub(crate) documents: Vec<String>,
    /// What the run that tried them did; null where a running daemon tries them, or where nothing waits.
    pub(crate) run: Option<super::BackfillResult>,
}

/// The result of `quarantine drop`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct QuarantineDropResult {
    /// The item.
    pub(crate) dropped: String,
}
