//! Results of `backfill` and `validate`, and the shape of an error.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{LiveShort, SourceWarning};

/// The last line of `backfill`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct BackfillResult {
    pub(crate) documents: DocumentCounts,
    pub(crate) chunks: ChunkCounts,
    /// How long the run took.
    pub(crate) seconds: f64,
    /// The live release after the run; null where nothing was ever published.
    pub(crate) release: Option<LiveShort>,
    /// Whether this run moved the live release.
    pub(crate) published: bool,
    /// What a person should know of the sources that were read; left out where there is nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) warnings: Vec<SourceWarning>,
}

/// Documents of a run.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct DocumentCounts {
    /// Looked at.
    pub(crate) seen: u64,
    /// New or changed content that is served now.
    pub(crate) indexed: u64,
    /// As the index knew them.
    pub(crate) unchanged: u64,
    /// Removed.
    pub(crate) deleted: u64,
    /// Refused.
    pub(crate) quarantined: u64,
    /// Of types that are not supported, and events that leave contents as they are.
    pub(crate) skipped: u64,
    /// The same by extension, `link` or `event`.
    pub(crate) skipped_by_type: BTreeMap<String, u64>,
}

/// Chunks of a run.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct ChunkCounts {
    /// Rows written.
    pub(crate) written: u64,
    /// Of those, with a vector that was there before.
    pub(crate) reused: u64,
    /// Of those, with a new vector.
    pub(crate) embedded: u64,
    /// Of those, without one, because the model can't read them: found by words only.
    pub(crate) words_only: u64,
}

/// The last line of `run`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct RunResult {
    /// Documents in flight that were not finished by the deadline; the next start takes them up.
    pub(crate) slow: Vec<String>,
}

/// The result of `validate`; a file that is not valid is an error.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct ValidateResult {
    /// Always true.
    pub(crate) valid: bool,
    /// The pipeline's name.
    pub(crate) name: String,
    /// Identity of its settings.
    pub(crate) config_hash: String,
    /// The model's name.
    pub(crate) model: String,
    /// The sources' names.
    pub(crate) sources: Vec<String>,
}

/// An error, one line on stderr.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct ErrorResult<'f> {
    pub(crate) error: ErrorBody<'f>,
}

/// What is wrong, where, and what to do.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct ErrorBody<'f> {
    /// A stable word.
    pub(crate) code: &'f str,
    /// A sentence for people.
    pub(crate) message: &'f str,
    /// A file, a place in it, or an index; null where there is none.
    #[serde(rename = "where")]
    pub(crate) place: Option<&'f str>,
    /// What to do next.
    pub(crate) next: &'f str,
}
