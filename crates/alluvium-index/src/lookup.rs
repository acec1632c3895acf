//! Vectors that are already there, for the preparers.

use std::path::PathBuf;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use alluvium_core::commit::{CommitError, KnownVector, VectorLookup, VectorsByDocument};
use alluvium_core::hash::Sha256;
use alluvium_core::id::DocId;
use alluvium_core::ledger::TableRole;
use async_trait::async_trait;
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::error::Result;
use crate::filter::one_of;
use crate::reader::Index;
use crate::rows;
use crate::tables::Tables;

/// Looks up vectors in the tables of the writer's newest record.
pub(crate) struct Lookup {
    tables: Arc<RwLock<Option<Tables>>>,
}

#[derive(Deserialize)]
struct VectorRow {
    doc_id: String,
    chunk_hash: String,
    vector: Vec<f32>,
    tokens: i64,
}

impl Lookup {
    pub(crate) fn new(tables: Arc<RwLock<Option<Tables>>>) -> Self {
        Self { tables }
    }

    async fn find(&self, documents: &[DocId]) -> Result<VectorsByDocument> {
        let tables = self.tables.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        match tables.filter(|_| !documents.is_empty()) {
            Some(tables) => find(&tables, documents).await,
            None => Ok(VectorsByDocument::new()),
        }
    }
}

#[async_trait]
impl VectorLookup for Lookup {
    async fn vectors(&self, documents: &[DocId]) -> std::result::Result<VectorsByDocument, CommitError> {
        Ok(self.find(documents).await?)
    }
}

async fn find(tables: &Tables, documents: &[DocId]) -> Result<VectorsByDocument> {
    let mut found = VectorsByDocument::new();
    let table = tables.get(TableRole::Chunks)?;
    let ids: Vec<&str> = documents.iter().map(DocId::as_str).collect();
    let columns = ["doc_id", "chunk_hash", "vector", "tokens"];
    let batches = table.rows(Some(&columns), Some(one_of("doc_id", &ids))).await?;
    for row in rows::from_batches::<VectorRow>(table.name(), &batches)? {
        let Ok(id) = DocId::parse(row.doc_id) else { continue };
        let hash = rows::hash(table.name(), &row.chunk_hash)?;
        let tokens = usize::try_from(row.tokens).unwrap_or_default();
        found.entry(id).or_default().insert(hash, KnownVector { vector: row.vector, tokens });
    }
    Ok(found)
}

/// How old the newest record may be that a [`LiveLookup`] knows.
const STALE: Duration = Duration::from_secs(10);

/// Looks up vectors in an index that another process writes. What it can't read is embedded anew: there is
/// nothing to lose but time.
pub struct LiveLookup {
    root: PathBuf,
    fingerprint: Sha256,
    opened: Mutex<Option<(Instant, Option<Index>)>>,
}

impl LiveLookup {
    /// Of the index at `root`, while it is of the generation with this fingerprint.
    pub fn new(root: PathBuf, fingerprint: Sha256) -> Self {
        Self { root, fingerprint, opened: Mutex::default() }
    }

    async fn newest(&self) -> Option<Index> {
        let mut opened = self.opened.lock().await;
        if let Some((_, index)) = opened.as_ref().filter(|(at, _)| at.elapsed() < STALE) {
            return index.clone();
        }
        let index = Index::open(&self.root).await.unwrap_or_else(|error| {
            tracing::debug!(%error, "no vectors of the index");
            None
        });
        let index = index.filter(|index| index.record().fingerprint.hash() == self.fingerprint);
        *opened = Some((Instant::now(), index.clone()));
        index
    }
}

#[async_trait]
impl VectorLookup for LiveLookup {
    async fn vectors(&self, documents: &[DocId]) -> std::result::Result<VectorsByDocument, CommitError> {
        let Some(index) = self.newest().await else { return Ok(VectorsByDocument::new()) };
        Ok(find(&index.tables, documents).await.unwrap_or_else(|error| {
            tracing::debug!(%error, "no vectors of the index");
            VectorsByDocument::new()
        }))
    }
}
