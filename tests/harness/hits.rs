//! What a search found.

use serde::Deserialize;
use serde_json::Value;

/// A hit, as far as tests look at it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Hit {
    pub(crate) chunk_id: String,
    pub(crate) doc_id: String,
    pub(crate) text: String,
    pub(crate) score: f64,
}

impl Hit {
    /// The hits of a result, which must be in order.
    pub(crate) fn all(result: &Value) -> Vec<Self> {
        let hits: Vec<Self> = serde_json::from_value(result["hits"].clone()).unwrap();
        assert!(hits.is_sorted_by(|a, b| a.score >= b.score), "hits out of order: {hits:?}");
        hits
    }
}
