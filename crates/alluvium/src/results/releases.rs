//! Results of `releases`, `rollback`, `resume` and `erase`.

use alluvium_core::ledger::Record;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

/// The result of `releases list`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct ReleasesResult {
    /// The live sequence number.
    pub(crate) live: u64,
    /// The releases, newest record first.
    pub(crate) releases: Vec<ReleaseRow>,
    /// The newest publishes, newest first.
    pub(crate) records: Vec<RecordRow>,
}

/// A release.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct ReleaseRow {
    pub(crate) name: String,
    /// The publish that it names.
    pub(crate) seq: u64,
    /// When it was named.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub(crate) created_at: Timestamp,
}

/// A publish.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct RecordRow {
    pub(crate) seq: u64,
    /// The claim of its writer.
    pub(crate) epoch: u64,
    /// Why it was written, in a word.
    pub(crate) reason: String,
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub(crate) created_at: Timestamp,
    pub(crate) paused: bool,
    /// Of a rollback, the publish whose content it brought back.
    pub(crate) rolled_back_to: Option<u64>,
}

impl From<&Record> for RecordRow {
    fn from(record: &Record) -> Self {
        let reason = serde_json::to_value(record.reason).ok();
        Self {
            seq: record.seq,
            epoch: record.epoch,
            reason: reason.and_then(|r| r.as_str().map(str::to_owned)).unwrap_or_default(),
            created_at: record.created_at,
            paused: record.paused,
            rolled_back_to: record.rolled_back_to,
        }
    }
}

/// The result of `releases create` and `drop`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct ReleaseResult {
    pub(crate) release: ReleaseRow,
}

/// The result of `releases diff`; ids are sorted.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct DiffResult {
    pub(crate) from: u64,
    pub(crate) to: u64,
    /// Served in the second only.
    pub(crate) added: Vec<String>,
    /// Served in the first only.
    pub(crate) removed: Vec<String>,
    /// Served in both, with other content.
    pub(crate) changed: Vec<String>,
    /// Served in both, under another access list.
    pub(crate) access: Vec<String>,
}

/// The result of `rollback`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct RollbackResult {
    /// The publish that was live.
    pub(crate) from: u64,
    /// The publish whose content is live now.
    pub(crate) to: u64,
    /// The publish that brought it back; null with `--dry-run`.
    pub(crate) seq: Option<u64>,
    pub(crate) documents: RollbackDocuments,
    /// Whether ingestion waits for `alluvium resume`.
    pub(crate) paused: bool,
    pub(crate) seconds: f64,
    /// Nothing was changed.
    pub(crate) dry_run: bool,
    /// Sources whose changes since then can't be had again.
    pub(crate) unreplayable: Vec<Unreplayable>,
}

/// Documents of a rollback.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct RollbackDocuments {
    /// Served again in the content of then.
    pub(crate) restored: u64,
    /// Not served any more.
    pub(crate) removed: u64,
    /// Deleted since, and still not served.
    pub(crate) deletions_kept: u64,
    /// Erased, and still not served.
    pub(crate) erasures_kept: u64,
    /// Served under the access list of now instead of the one of then.
    pub(crate) permissions_kept: u64,
}

/// A source that can't replay.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Unreplayable {
    pub(crate) source: String,
    /// Documents of it whose content the rollback changes.
    pub(crate) documents: u64,
    pub(crate) why: String,
}

/// The result of `resume`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct ResumeResult {
    /// False where the index was not paused.
    pub(crate) resumed: bool,
    /// The publish that says so.
    pub(crate) seq: Option<u64>,
}

/// The result of `erase`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct EraseResult {
    pub(crate) doc_id: String,
    /// The publish that says so.
    pub(crate) seq: u64,
    /// False after `--undo`.
    pub(crate) erased: bool,
}
