//! The result of `maintain`.

use alluvium_index::UpkeepReport;
use schemars::JsonSchema;
use serde::Serialize;

use super::LiveShort;

/// The result of `maintain`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct MaintainResult {
    /// The newest record after it.
    pub(crate) live: LiveShort,
    /// Whether it published anything. What is served does not change either way.
    pub(crate) published: bool,
    /// By name.
    pub(crate) tables: Vec<MaintainTable>,
    /// Old records that went.
    pub(crate) records_removed: u64,
    /// Every record from this one on is kept; of the older ones, those that a release names.
    pub(crate) floor: u64,
    /// How long it took.
    pub(crate) seconds: f64,
    /// It was told to stop, and there is more to do.
    pub(crate) interrupted: bool,
}

/// What was done for a table.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct MaintainTable {
    pub(crate) name: String,
    pub(crate) fragments: Fragments,
    /// Columns whose indexes were built or brought up to date.
    pub(crate) indexes_built: Vec<String>,
    /// Old versions that went.
    pub(crate) versions_removed: u64,
    /// What they took on disk.
    pub(crate) bytes_freed: u64,
}

/// Pieces of a table.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Fragments {
    pub(crate) before: u64,
    pub(crate) after: u64,
}

impl MaintainResult {
    pub(crate) fn of(report: &UpkeepReport, seconds: f64, interrupted: bool) -> Self {
        let table = |(name, table): (&String, &alluvium_index::UpkeepTable)| MaintainTable {
            name: name.clone(),
            fragments: Fragments { before: table.fragments_before, after: table.fragments_after },
            indexes_built: table.indexes.iter().cloned().collect(),
            versions_removed: table.versions_removed,
            bytes_freed: table.bytes_freed,
        };
        Self {
            live: LiveShort { seq: report.seq, generation: report.generation.clone() },
            published: report.published,
            tables: report.tables.iter().map(table).collect(),
            records_removed: report.records_removed,
            floor: report.floor,
            seconds,
            interrupted,
        }
    }
}
