//! The result of `verify`.

use schemars::JsonSchema;
use serde::Serialize;

/// The result of `verify`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct VerifyResult {
    pub(crate) live: Verified,
    pub(crate) checked: Checked,
    /// One a source; null without `--source`.
    pub(crate) sources: Option<Vec<SourceChecked>>,
    /// What is wrong; empty where nothing is.
    pub(crate) findings: Vec<Finding>,
    /// All that is wrong, counted.
    pub(crate) total: u64,
    /// Whether `findings` leaves some out.
    pub(crate) truncated: bool,
    pub(crate) seconds: f64,
}

/// The record that was looked at.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Verified {
    pub(crate) seq: u64,
    /// Null where the record can't be read.
    pub(crate) generation: Option<String>,
}

/// How much was looked at.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Checked {
    pub(crate) records: u64,
    pub(crate) releases: u64,
    pub(crate) documents: u64,
    pub(crate) chunks: u64,
    pub(crate) policies: u64,
    pub(crate) quarantine: u64,
    /// Principals whose rows were counted through the access indexes.
    pub(crate) principals: u64,
}

impl From<alluvium_index::Checked> for Checked {
    fn from(checked: alluvium_index::Checked) -> Self {
        let alluvium_index::Checked {
            records,
            releases,
            documents,
            chunks,
            policies,
            quarantine,
            principals,
        } = checked;
        Self { records, releases, documents, chunks, policies, quarantine, principals }
    }
}

/// How a source was compared with the index.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct SourceChecked {
    pub(crate) name: String,
    pub(crate) compared: bool,
    /// Why it was not compared, or not as a whole; else null.
    pub(crate) note: Option<String>,
    /// Documents that the source has.
    pub(crate) documents: u64,
    /// Differences that are as they should be: the change waits in quarantine, or was dropped.
    pub(crate) quarantined: u64,
    /// Differences that are as they should be: a rollback holds the change back.
    pub(crate) held_back: u64,
    /// Ids that are erased, whatever the source has.
    pub(crate) erased: u64,
}

/// Something that is wrong.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Finding {
    /// Which check found it, in a word.
    pub(crate) check: String,
    /// Of what: a document, a chunk, a table, a record, a source.
    pub(crate) subject: String,
    /// What exactly, for people.
    pub(crate) detail: String,
}

impl From<alluvium_index::Finding> for Finding {
    fn from(finding: alluvium_index::Finding) -> Self {
        Self { check: finding.check.to_string(), subject: finding.subject, detail: finding.detail }
    }
}
