//! The result of `models list`, `fetch` and `verify`.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

/// Models and the library that runs them.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct ModelsResult {
    /// `ALLUVIUM_HOME`, or what stands in for it.
    pub(crate) home: String,
    pub(crate) runtime: RuntimeRow,
    pub(crate) models: Vec<ModelRow>,
}

/// ONNX Runtime.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct RuntimeRow {
    pub(crate) state: ModelState,
    /// Where the library is, or would be.
    pub(crate) path: String,
}

/// A model of the registry.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct ModelRow {
    /// What a pipeline file calls it.
    pub(crate) name: String,
    /// Package and version that it comes from.
    pub(crate) revision: String,
    /// Length of its vectors.
    pub(crate) dimension: usize,
    /// Most tokens of a text.
    pub(crate) max_tokens: usize,
    pub(crate) state: ModelState,
}

/// Whether files are here and are the pinned ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ModelState {
    /// All are, by their hashes.
    Present,
    /// None is.
    Missing,
    /// Some are missing, empty or altered.
    Corrupt,
}

impl fmt::Display for ModelState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Present => "present",
            Self::Missing => "missing",
            Self::Corrupt => "corrupt",
        })
    }
}
