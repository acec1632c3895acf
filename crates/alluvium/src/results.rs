//! The JSON results of the commands, as `INTERFACES` fixes them. They are types of their own, so that a
//! change inside never changes what others script against; their schemas stand in `schemas/`.

#[cfg(test)]
mod explain;
mod index;
mod maintain;
mod models;
mod releases;
mod run;
mod search;
mod verify;
mod warning;

#[cfg(test)]
pub(crate) use explain::ExplainResult;
pub(crate) use index::{
    Maintenance, QuarantineDropResult, QuarantineListResult, QuarantineRetryResult, QuarantineShowResult,
    SourceStatus, StatusResult,
};
pub(crate) use maintain::{MaintainResult, MaintainTable};
pub(crate) use models::{ModelRow, ModelState, ModelsResult, RuntimeRow};
pub(crate) use releases::{
    DiffResult, EraseResult, RecordRow, ReleaseResult, ReleaseRow, ReleasesResult, ResumeResult,
    RollbackDocuments, RollbackResult, Unreplayable,
};
pub(crate) use run::{
    BackfillResult, ChunkCounts, DocumentCounts, ErrorBody, ErrorResult, RunResult, ValidateResult,
};
pub(crate) use search::{Hit, LegShort, LiveShort, PlanResult, QueryShort, SearchResult};
pub(crate) use verify::{Finding, SourceChecked, Verified, VerifyResult};
pub(crate) use warning::SourceWarning;

#[cfg(test)]
use schemars::{JsonSchema, Schema, generate::SchemaSettings};

/// The JSON Schema (draft 2020-12) of what is written: every key is there, if only as null, but for those
/// of `search` that a flag asks for, and for `warnings`.
#[cfg(test)]
pub(crate) fn schema_of<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>()
}

#[cfg(test)]
mod tests;
