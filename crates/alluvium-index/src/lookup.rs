//! Vectors that are already there, for the preparers.

use std::sync::{Arc, RwLock};

use alluvium_core::commit::{CommitError, VectorLookup, VectorsByDocument};
use alluvium_core::id::DocId;
use alluvium_core::ledger::TableRole;
use async_trait::async_trait;
use serde::Deserialize;

use crate::error::Result;
use crate::filter::one_of;
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
}

impl Lookup {
    pub(crate) fn new(tables: Arc<RwLock<Option<Tables>>>) -> Self {
        Self { tables }
    }

    async fn find(&self, documents: &[DocId]) -> Result<VectorsByDocument> {
        let mut found = VectorsByDocument::new();
        let tables = self.tables.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        let Some(tables) = tables.filter(|_| !documents.is_empty()) else { return Ok(found) };
        let table = tables.get(TableRole::Chunks)?;
        let ids: Vec<&str> = documents.iter().map(DocId::as_str).collect();
        let columns = ["doc_id", "chunk_hash", "vector"];
        let batches = table.rows(Some(&columns), Some(one_of("doc_id", &ids))).await?;
        for row in rows::from_batches::<VectorRow>(table.name(), &batches)? {
            let Ok(id) = DocId::parse(row.doc_id) else { continue };
            let hash = rows::hash(table.name(), &row.chunk_hash)?;
            found.entry(id).or_default().insert(hash, row.vector);
        }
        Ok(found)
    }
}

#[async_trait]
impl VectorLookup for Lookup {
    async fn vectors(&self, documents: &[DocId]) -> std::result::Result<VectorsByDocument, CommitError> {
        Ok(self.find(documents).await?)
    }
}
