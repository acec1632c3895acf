//! Vector search, as somebody.
//!
//! The access list is a pre-filter, so that forbidden rows take no place among the nearest; and every hit
//! is checked again against `policy`, so that a copy that went wrong can't leak.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use alluvium_core::access::Principals;
use alluvium_core::ledger::TableRole;
use arrow_array::RecordBatch;
use futures::TryStreamExt;
use jiff::Timestamp;
use lancedb::DistanceType;
use lancedb::query::{ExecutableQuery, QueryBase, Select};
use serde::{Deserialize, Serialize};

use crate::error::{IndexError, Result};
use crate::filter::{one_of, readable_by};
use crate::reader::Index;
use crate::rows::{self, PolicyRow, timestamp};

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
    /// Cosine similarity; higher is better.
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
}

#[derive(Debug, Deserialize)]
struct HitRow {
    chunk_id: String,
    doc_id: String,
    uri: String,
    title: String,
    text: String,
    #[serde(rename = "_distance")]
    distance: f32,
    page_start: Option<i64>,
    page_end: Option<i64>,
    char_start: i64,
    char_end: i64,
    heading_path: Vec<String>,
    modified_at: Option<i64>,
    indexed_at: i64,
}

const COLUMNS: [&str; 13] = [
    "chunk_id",
    "doc_id",
    "uri",
    "title",
    "text",
    "_distance",
    "page_start",
    "page_end",
    "char_start",
    "char_end",
    "heading_path",
    "modified_at",
    "indexed_at",
];

/// Most times that a search is widened because the check against `policy` dropped hits.
const MAX_ROUNDS: u32 = 6;

impl Index {
    /// The passages nearest to `vector` among those that `principals` may read, best first.
    pub async fn search(&self, principals: &Principals, vector: &[f32], limit: usize) -> Result<Vec<Hit>> {
        let mut fetch = limit;
        for round in 1.. {
            let rows = self.nearest(principals, vector, fetch).await?;
            let exhausted = rows.len() < fetch;
            let hits = self.admitted(principals, rows).await?;
            if hits.len() >= limit || exhausted || round == MAX_ROUNDS {
                return Ok(hits.into_iter().take(limit).map(hit).collect());
            }
            fetch = fetch.saturating_mul(4);
        }
        Ok(Vec::new())
    }

    async fn nearest(&self, principals: &Principals, vector: &[f32], limit: usize) -> Result<Vec<HitRow>> {
        let chunks = self.tables.get(TableRole::Chunks)?;
        let query = async {
            let table = open_as_client(chunks.dataset().uri(), chunks.name(), chunks.version()).await?;
            let stream = table
                .query()
                .nearest_to(vector)?
                .column("vector")
                .distance_type(DistanceType::Cosine)
                .only_if_expr(readable_by(principals))
                .limit(limit)
                .select(Select::columns(&COLUMNS))
                .execute()
                .await?;
            stream.try_collect::<Vec<RecordBatch>>().await
        };
        let batches = query.await.map_err(|e: lancedb::Error| IndexError::Storage {
            action: format!("searching table {}", chunks.name()),
            message: e.to_string(),
        })?;
        rows::from_batches(chunks.name(), &batches)
    }

    /// Drops what the newest policy forbids.
    async fn admitted(&self, principals: &Principals, hits: Vec<HitRow>) -> Result<Vec<HitRow>> {
        let ids: HashSet<&str> = hits.iter().map(|h| h.doc_id.as_str()).collect();
        let ids: Vec<&str> = ids.into_iter().collect();
        if ids.is_empty() {
            return Ok(hits);
        }
        let table = self.tables.get(TableRole::Policy)?;
        let batches = table.rows(None, Some(one_of("doc_id", &ids))).await?;
        let mut admits: HashMap<String, bool> = HashMap::new();
        for row in rows::from_batches::<PolicyRow>(table.name(), &batches)? {
            let admitted = row.policy()?.admits(principals, self.record.seq);
            admits.insert(row.doc_id, admitted);
        }
        let admitted = |hit: &HitRow| admits.get(&hit.doc_id).copied().unwrap_or(false);
        Ok(hits.into_iter().filter(admitted).collect())
    }
}

/// Opens a table as any LanceDB client does, at a version.
async fn open_as_client(uri: &str, name: &str, version: u64) -> lancedb::Result<lancedb::Table> {
    let folder = Path::new(uri).parent().map(|p| p.to_string_lossy().into_owned()).unwrap_or_default();
    let connection = lancedb::connect(&folder).execute().await?;
    let table = connection.open_table(name).execute().await?;
    table.checkout(version).await?;
    Ok(table)
}

fn hit(row: HitRow) -> Hit {
    Hit {
        chunk_id: row.chunk_id,
        doc_id: row.doc_id,
        uri: row.uri,
        title: row.title,
        text: row.text,
        score: 1.0 - f64::from(row.distance),
        page_start: row.page_start,
        page_end: row.page_end,
        char_start: row.char_start,
        char_end: row.char_end,
        heading_path: row.heading_path,
        modified_at: row.modified_at.map(timestamp),
        indexed_at: timestamp(row.indexed_at),
    }
}
