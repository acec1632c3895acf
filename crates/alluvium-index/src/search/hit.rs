//! A passage that was found.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::rows::timestamp;

/// A passage that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hit {
    /// The chunk.
    pub chunk_id: String,
    /// Its document.
    pub doc_id: String,
    /// Where a person finds the document.
    pub uri: String,
    /// The document's title.
    pub title: String,
    /// The chunk's text.
    pub text: String,
    /// Higher is better: cosine similarity by vector, BM25 by words, between 0 and 1 by both.
    pub score: f64,
    /// First page, from 1.
    pub page_start: Option<i64>,
    /// Last page, inclusive.
    pub page_end: Option<i64>,
    /// First code point in the extracted text.
    pub char_start: i64,
    /// The code point after the last.
    pub char_end: i64,
    /// Enclosing headings, outermost first.
    pub heading_path: Vec<String>,
    /// When the document was last modified.
    pub modified_at: Option<Timestamp>,
    /// When this row was written.
    pub indexed_at: Timestamp,
    /// The model can't read this passage: it is found by words only.
    pub words_only: bool,
    /// Since when newer content of the document waits in quarantine, if it does: this is its last good version.
    pub stale_since: Option<Timestamp>,
}

/// The columns of a hit, without that of its rank.
pub(crate) const COLUMNS: [&str; 13] = [
    "chunk_id",
    "doc_id",
    "uri",
    "title",
    "text",
    "page_start",
    "page_end",
    "char_start",
    "char_end",
    "heading_path",
    "modified_at",
    "indexed_at",
    "tokens",
];
/// The column that a search by vector ranks by; lower is better.
pub(crate) const DISTANCE: &str = "_distance";
/// The column that a search by words ranks by; higher is better.
pub(crate) const SCORE: &str = "_score";

/// A hit as Lance returns it.
#[derive(Debug, Deserialize)]
pub(crate) struct HitRow {
    chunk_id: String,
    doc_id: String,
    uri: String,
    title: String,
    text: String,
    #[serde(rename = "_distance", default)]
    distance: Option<f32>,
    #[serde(rename = "_score", default)]
    score: Option<f32>,
    page_start: Option<i64>,
    page_end: Option<i64>,
    char_start: i64,
    char_end: i64,
    heading_path: Vec<String>,
    modified_at: Option<i64>,
    indexed_at: i64,
    tokens: i64,
}

impl From<HitRow> for Hit {
    fn from(row: HitRow) -> Self {
        let similarity = row.distance.map(|distance| 1.0 - f64::from(distance));
        let score = similarity.or(row.score.map(f64::from)).unwrap_or_default();
        Self {
            chunk_id: row.chunk_id,
            doc_id: row.doc_id,
            uri: row.uri,
            title: row.title,
            text: row.text,
            score,
            page_start: row.page_start,
            page_end: row.page_end,
            char_start: row.char_start,
            char_end: row.char_end,
            heading_path: row.heading_path,
            modified_at: row.modified_at.map(timestamp),
            indexed_at: timestamp(row.indexed_at),
            words_only: row.tokens == 0,
            stale_since: None,
        }
    }
}
