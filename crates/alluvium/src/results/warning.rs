//! What a person should know of a source.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something about a source that nothing fails by, and that nobody would see: an access list that applies to
/// nothing, a pattern that matched no file, a line of an ignore file that says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct SourceWarning {
    pub(crate) source: String,
    /// `unused_access_list`, `unmatched_pattern` or `bad_ignore_rule`.
    pub(crate) code: String,
    /// The file beneath the source's root, or the pattern.
    pub(crate) subject: String,
    /// What is the matter, for people.
    pub(crate) message: String,
    /// What mends it.
    pub(crate) next: String,
}
