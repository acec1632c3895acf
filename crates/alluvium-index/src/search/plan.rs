//! How a search was carried out, for those who ask why it found what it found.

use std::fmt;
use std::num::NonZeroUsize;

use serde::Serialize;

/// By what a search ranks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SearchMode {
    /// Nearness of vectors: meaning.
    Vector,
    /// Full text: words.
    Fts,
    /// Both, fused document by document.
    Hybrid,
}

impl fmt::Display for SearchMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vector => "vector",
            Self::Fts => "fts",
            Self::Hybrid => "hybrid",
        })
    }
}

/// How rows were compared with the query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scan {
    /// One by one.
    Exact,
    /// Through an index, and one by one what it does not cover yet.
    Index,
}

impl fmt::Display for Scan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exact => "exact",
            Self::Index => "index",
        })
    }
}

/// How a search was carried out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SearchPlan {
    /// By what it ranked.
    pub mode: SearchMode,
    /// Rows of `chunks` at the version that was searched.
    pub rows: u64,
    /// How many of them the filter admits; null where it made no difference and was not counted.
    pub admitted: Option<u64>,
    /// Most hits of one document; null without a bound.
    pub per_document: Option<NonZeroUsize>,
    /// Its legs: one, two for a hybrid search, none for a text without a word.
    pub legs: Vec<LegPlan>,
}

/// One leg of a search: one ranked list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LegPlan {
    /// By what it ranked.
    pub mode: SearchMode,
    /// How rows were compared.
    pub scan: Scan,
    /// Candidates that the last round fetched.
    pub fetched: usize,
    /// How many of those the check against `policy` dropped.
    pub dropped: usize,
    /// How often it fetched, deeper each time, to make up for what was dropped.
    pub rounds: u32,
    /// How long it took.
    pub milliseconds: f64,
}
