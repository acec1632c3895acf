//! The result of `search`.

use alluvium_core::ledger::Record;
use alluvium_index::SearchPlan;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The record that a result is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct LiveShort {
    /// Its sequence number.
    pub(crate) seq: u64,
    /// The live generation: the suffix of the tables' names.
    pub(crate) generation: String,
}

impl LiveShort {
    pub(crate) fn of(record: &Record) -> Self {
        Self { seq: record.seq, generation: record.generation.to_string() }
    }
}

/// The result of `search`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct SearchResult {
    pub(crate) live: LiveShort,
    /// The record that was searched, with `--release`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) release: Option<LiveShort>,
    /// Best first.
    pub(crate) hits: Vec<Hit>,
    /// What to know of the search, as sentences.
    pub(crate) notes: Vec<String>,
    /// How the search was carried out, with `--explain`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) plan: Option<PlanResult>,
}

/// How a search was carried out.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct PlanResult {
    /// By what it ranked: `vector`, `fts` or `hybrid`.
    pub(crate) mode: String,
    /// Chunks in the table that was searched.
    pub(crate) rows: u64,
    /// How many of them the filter admits; null where it made no difference and was not counted.
    pub(crate) admitted: Option<u64>,
    /// What the model was given of the query; absent in a search by words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) query: Option<QueryShort>,
    /// Most hits of one document; null without a bound.
    pub(crate) per_document: Option<u64>,
    /// Its ranked lists: one, two for a hybrid search, none of words for a text without a word.
    pub(crate) legs: Vec<LegShort>,
}

/// What the model was given of a query.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct QueryShort {
    /// So many characters from its beginning, as many as the model takes up to the end of a sentence.
    pub(crate) characters: usize,
    /// Characters of the whole query; all of it is looked up by words.
    pub(crate) of: usize,
    /// Whether the model knows enough of what it was given; where it does not, the search is by words.
    pub(crate) known: bool,
}

/// One ranked list of a search.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct LegShort {
    /// By what it ranked: `vector` or `fts`.
    pub(crate) mode: String,
    /// `exact`, or `index` where an index was used for the rows that it covers.
    pub(crate) scan: String,
    /// Candidates that the last round fetched.
    pub(crate) fetched: usize,
    /// How many of those the check against `policy` dropped.
    pub(crate) dropped: usize,
    /// How often it fetched, deeper each time, to make up for what was dropped.
    pub(crate) rounds: u32,
    /// How long it took.
    pub(crate) milliseconds: f64,
}

impl From<SearchPlan> for PlanResult {
    fn from(plan: SearchPlan) -> Self {
        let legs = plan.legs.into_iter().map(|leg| LegShort {
            mode: leg.mode.to_string(),
            scan: leg.scan.to_string(),
            fetched: leg.fetched,
            dropped: leg.dropped,
            rounds: leg.rounds,
            milliseconds: leg.milliseconds,
        });
        Self {
            mode: plan.mode.to_string(),
            rows: plan.rows,
            admitted: plan.admitted,
            query: None,
            per_document: plan.per_document.and_then(|n| u64::try_from(n.get()).ok()),
            legs: legs.collect(),
        }
    }
}

/// A passage that was found.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Hit {
    pub(crate) chunk_id: String,
    pub(crate) doc_id: String,
    /// Where a person finds the document.
    pub(crate) uri: String,
    /// The document's title.
    pub(crate) title: String,
    /// The passage.
    pub(crate) text: String,
    /// Higher is better.
    pub(crate) score: f64,
    /// First page, from 1; null where the format has none.
    pub(crate) page_start: Option<i64>,
    /// Last page, inclusive.
    pub(crate) page_end: Option<i64>,
    /// First code point in the extracted text, from 0.
    pub(crate) char_start: i64,
    /// The code point after the last.
    pub(crate) char_end: i64,
    /// Enclosing headings, outermost first.
    pub(crate) heading_path: Vec<String>,
    /// When the document was last modified.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub(crate) modified_at: Option<Timestamp>,
    /// When this row was written.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub(crate) indexed_at: Timestamp,
    /// The model can't read this passage: it is found by words only.
    pub(crate) words_only: bool,
    /// Since when newer content of the document waits in quarantine; null where this is its newest content.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub(crate) stale_since: Option<Timestamp>,
}

impl From<alluvium_index::Hit> for Hit {
    fn from(hit: alluvium_index::Hit) -> Self {
        Self {
            chunk_id: hit.chunk_id,
            doc_id: hit.doc_id,
            uri: hit.uri,
            title: hit.title,
            text: hit.text,
            score: hit.score,
            page_start: hit.page_start,
            page_end: hit.page_end,
            char_start: hit.char_start,
            char_end: hit.char_end,
            heading_path: hit.heading_path,
            modified_at: hit.modified_at,
            indexed_at: hit.indexed_at,
            words_only: hit.words_only,
            stale_since: hit.stale_since,
        }
    }
}
