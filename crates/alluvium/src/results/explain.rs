//! The result of `explain`, for its schema only: what is printed is `alluvium_index::Explanation`, and
//! tests hold the two together.

#![allow(dead_code, reason = "fields are read by the derived schema")]

use schemars::JsonSchema;

/// The whole lineage of a row.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct ExplainResult {
    chunk_id: String,
    doc_id: String,
    /// Where a person finds the document.
    uri: String,
    title: String,
    /// First code point in the extracted text, from 0.
    char_start: i64,
    /// The code point after the last.
    char_end: i64,
    /// First page, from 1.
    page_start: Option<i64>,
    /// Last page, inclusive.
    page_end: Option<i64>,
    /// Enclosing headings, outermost first.
    heading_path: Vec<String>,
    text: String,
    steps: Steps,
    access: Access,
    live: Live,
}

/// How the row was made, in order.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Steps {
    source: Source,
    extract: Extract,
    chunk: Chunk,
    embed: Embed,
}

/// The source's bytes.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Source {
    name: String,
    /// Where in the source.
    position: String,
    /// The content's version, as JSON.
    version: String,
    /// SHA-256 of the bytes.
    content_hash: String,
    bytes: i64,
    #[schemars(extend("format" = "date-time"))]
    modified_at: Option<String>,
    #[schemars(extend("format" = "date-time"))]
    event_time: Option<String>,
    trace_id: Option<String>,
}

/// The text.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Extract {
    /// Name and version.
    extractor: String,
    /// What the bytes turned out to be.
    media_type: String,
    language: Option<String>,
    /// SHA-256 of the extracted text, which `char_start` and `char_end` count in.
    text_hash: String,
    normalization: String,
    /// Why the text is only a part of the document; null when it is whole.
    partial: Option<String>,
    /// Sequences of bytes that are no character of the document's charset; each is one U+FFFD in the text.
    replaced_characters: u64,
    /// Characters that readers of the document do not see, left out.
    hidden_characters: u64,
    /// Bytes of data written as text, left out.
    encoded_bytes: u64,
}

/// The chunk.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Chunk {
    /// Name and version.
    chunker: String,
    max_tokens: usize,
    overlap_tokens: usize,
    /// SHA-256 of the chunk's text.
    chunk_hash: String,
    /// Its place in the document, from 0.
    index: i64,
    /// How many chunks the document has.
    of: i64,
    /// Special tokens included; 0 where the model can't read the text.
    tokens: i64,
}

/// The vector.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Embed {
    /// Name and revision.
    model: String,
    /// SHA-256 of the weights.
    artifact: String,
    /// SHA-256 of the tokenizer.
    tokenizer: String,
    dimension: usize,
    pooling: String,
    normalize: bool,
    /// What was put before the text.
    prefix: String,
    /// The model can't read the text: it has no vector, and is found by words only.
    words_only: bool,
}

/// Who may read it now.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Access {
    readers: Vec<String>,
    denied: Vec<String>,
    tenant: Option<String>,
    classification: Option<String>,
    /// SHA-256 of the access list.
    acl_hash: String,
    /// The list's version, as JSON.
    version: String,
    /// The sequence number that last changed it.
    changed_seq: i64,
}

/// The record that serves it.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Live {
    seq: u64,
    generation: String,
    pipeline: String,
    pipeline_fingerprint: String,
    #[schemars(extend("format" = "date-time"))]
    indexed_at: String,
}
